"""What a gate's pod leaves in its status: a verdict cut to what a kubelet keeps there.

It is the termination message of the pod's container, read together with its exit code. A team's program
writes a GateVerdict there; modelward's own also says why it has no answer, and why a report was not kept.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from modelward.api.gateverdict import (
    MAX_CHECKS,
    SCHEMA_VERSION,
    Check,
    ErrorReason,
    GateResult,
    Result,
    Schema,
)

MAX_BYTES: Final = 4096
"""What a kubelet keeps of a termination message (MaxContainerTerminationMessageLength)."""
_LONGEST_TEXTS: Final = (512, 128, 32)
"""Characters of names and messages, tried one after the other until the failed checks fit."""


class PodVerdict(Schema):
    """The termination message of a gate's pod; every GateVerdict that is short enough is one."""

    schema_version: Literal[1] = SCHEMA_VERSION
    result: Literal[Result.PASSED, Result.FAILED, Result.ERROR]
    reason: ErrorReason | None = None
    """Of an Error."""
    message: str = Field(default="", max_length=4096)
    """One sentence for a person."""
    checks: Annotated[tuple[Check, ...], Field(max_length=MAX_CHECKS)] = ()
    left_out: Annotated[int, Field(ge=0)] = 0
    """Checks that there was no room for; those that failed come first."""
    report_problem: Annotated[str, Field(max_length=512)] = ""
    """Why the report could not be written; empty where it was, or where that is not asked of the program."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "PodVerdict":
        if (self.result is Result.ERROR) != (self.reason is not None):
            raise ValueError("an Error has a reason, and nothing else has one")
        all_passed = all(check.passed for check in self.checks)
        if self.result is not Result.ERROR and (
            not self.checks or all_passed != (self.result is Result.PASSED)
        ):
            found = ("all" if all_passed else "not all") if self.checks else "none"
            msg = f"result {self.result} does not agree with the checks, {found} of which passed"
            raise ValueError(msg)
        return self


def pod_verdict(result: GateResult, report_problem: str = "") -> PodVerdict:
    """Return what a pod says of the one gate that it ran."""
    said: Literal[Result.PASSED, Result.FAILED, Result.ERROR] = Result.ERROR
    if result.result is Result.PASSED or result.result is Result.FAILED:
        said = result.result
    return PodVerdict(
        result=said,
        reason=result.reason or ErrorReason.NONSENSE if said is Result.ERROR else None,
        message=result.message,
        checks=result.checks,
        report_problem=report_problem[:512],
    )


def cut(verdict: PodVerdict) -> bytes:
    """Return a verdict as JSON of at most MAX_BYTES.

    Passed checks are left out first; then texts are shortened, and only then failed checks left out. One
    failed check is always there, so that the verdict still agrees with itself.
    """
    ordered = sorted(verdict.checks, key=lambda check: check.passed)
    failed = sum(not check.passed for check in ordered)
    content = b""
    for longest in _LONGEST_TEXTS:
        content, kept = _fitted(verdict, [_shortened(check, longest) for check in ordered], longest)
        if len(content) <= MAX_BYTES and kept >= max(failed, min(1, len(ordered))):
            break
    return content


def _fitted(verdict: PodVerdict, checks: list[Check], longest: int) -> tuple[bytes, int]:
    """Return the JSON with as many checks as there is room for, and how many those are."""
    short = verdict.model_copy(
        update={
            "message": verdict.message[: 2 * longest],
            "checks": (),
            "left_out": verdict.left_out + len(checks),
            "report_problem": verdict.report_problem[:longest],
        }
    )
    room = MAX_BYTES - len(_json(short)) - len(',"checks":[]')
    kept: list[Check] = []
    for check in checks:
        room -= len(_json(check)) + 1
        if room < 0:
            break
        kept.append(check)
    left_out = verdict.left_out + len(checks) - len(kept)
    return _json(short.model_copy(update={"checks": tuple(kept), "left_out": left_out})), len(kept)


def _shortened(check: Check, longest: int) -> Check:
    texts = {"name": check.name, "subject": check.subject, "message": check.message}
    return check.model_copy(update={field: text[:longest] for field, text in texts.items()})


def _json(part: PodVerdict | Check) -> bytes:
    return part.model_dump_json(exclude_defaults=True).encode()
