"""Reads how a gate's program ended: its exit code and its verdict must agree, or it is an Error.

One rule for modelward's own gates and for a team's Job (modelward.api.gateverdict).
"""

import signal
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from modelward.api.gateverdict import (
    EXIT_FAILED,
    EXIT_PASSED,
    MAX_VERDICT_BYTES,
    ErrorReason,
    GateVerdict,
    Result,
)
from modelward.api.reading import in_one_line
from modelward.gates.process import Ended, Exceeded, Limits
from modelward.gates.task import FILE_ERROR, FILE_VERDICT, Failure


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why a gate's program gave no verdict."""

    reason: ErrorReason
    message: str


def judge(ended: Ended, limits: Limits, folder: Path) -> GateVerdict | NoAnswer:
    """Return the verdict that a program left in its folder, or why there is none."""
    if ended.exceeded is Exceeded.TIME:
        message = f"not done after {limits.seconds:g} s, its timeout: raise it, or lower the rows of the gate"
        return NoAnswer(ErrorReason.TIMEOUT, message)
    if ended.exceeded is Exceeded.MEMORY:
        message = f"took more than {limits.memory_mib:g} MiB: raise the limit, or lower the rows of the gate"
        return NoAnswer(ErrorReason.OUT_OF_MEMORY, message)
    if ended.exit_code not in {EXIT_PASSED, EXIT_FAILED}:
        return _failure(folder) or _crashed(ended)
    wanted = Result.PASSED if ended.exit_code == EXIT_PASSED else Result.FAILED
    verdict = read_verdict(folder / FILE_VERDICT)
    if isinstance(verdict, GateVerdict) and verdict.result is not wanted:
        message = f"ended with {ended.exit_code}, which says {wanted}, and its verdict says {verdict.result}"
        return NoAnswer(ErrorReason.NONSENSE, message)
    return verdict


def read_verdict(path: Path) -> GateVerdict | NoAnswer:
    """Return the verdict in a file, or what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_VERDICT_BYTES + 1)
    except OSError:
        return NoAnswer(ErrorReason.NONSENSE, f"wrote no {path.name}")
    if len(content) > MAX_VERDICT_BYTES:
        return NoAnswer(ErrorReason.NONSENSE, f"{path.name} has more than {MAX_VERDICT_BYTES} bytes")
    try:
        return GateVerdict.model_validate_json(content)
    except ValidationError as error:
        return NoAnswer(ErrorReason.NONSENSE, f"{path.name} is no verdict: {in_one_line('', error)}"[:2000])


def _failure(folder: Path) -> NoAnswer | None:
    """Return the reason that one of our own gates left."""
    try:
        failure = Failure.model_validate_json((folder / FILE_ERROR).read_bytes())
    except (OSError, ValidationError):
        return None
    return NoAnswer(failure.reason, failure.message)


def _crashed(ended: Ended) -> NoAnswer:
    if ended.exit_code == -signal.SIGKILL:
        # Nobody else has a reason to: where memory is short the kernel kills the process that has most.
        message = "was killed (signal 9), as happens where memory is short: raise it, or lower its rows"
        return NoAnswer(ErrorReason.OUT_OF_MEMORY, message)
    how = f"by signal {-ended.exit_code}" if ended.exit_code < 0 else f"with exit code {ended.exit_code}"
    last = ended.log.splitlines()[-1] if ended.log else "it wrote nothing"
    reason = ErrorReason.OUT_OF_MEMORY if "MemoryError" in last else ErrorReason.CRASHED
    return NoAnswer(reason, f"ended {how}: {last}"[:2000])
