"""What a gate's pod leaves in its status: always short enough, and still in agreement with itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from modelward.api.gates import GateKind, OnFailure
from modelward.api.gateverdict import Check, Comparison, ErrorReason, GateResult, Result
from modelward.api.podverdict import MAX_BYTES, PodVerdict, cut, pod_verdict


def check(name: str, *, passed: bool, message: str = "", subject: str = "") -> Check:
    """Return one check."""
    return Check(
        name=name,
        subject=subject,
        value=0.0 if passed else 1.0,
        comparison=Comparison.AT_MOST,
        limit=0.5,
        passed=passed,
        message=message,
    )


def result(said: Result, checks: tuple[Check, ...] = (), **more: object) -> GateResult:
    """Return what a runner says of a gate."""
    given = {"name": "why", "kind": GateKind.INTERPRETABILITY, "on_failure": OnFailure.WARN}
    return GateResult.model_validate({**given, "result": said, "checks": checks, **more})


def test_a_short_verdict_is_whole() -> None:
    """Nothing is left out where everything has room."""
    verdict = pod_verdict(result(Result.PASSED, (check("gap", passed=True),), message="fine"))
    assert PodVerdict.model_validate_json(cut(verdict)) == verdict
    assert (verdict.result, verdict.reason, verdict.left_out) == (Result.PASSED, None, 0)


def test_failed_checks_come_first_and_the_others_are_counted() -> None:
    """Of 200 checks the three that failed are there, and those without room are counted."""
    checks = tuple(check(f"check {n}", passed=n % 70 != 3, message="m" * 100) for n in range(200))
    kept = PodVerdict.model_validate_json(cut(pod_verdict(result(Result.FAILED, checks))))
    assert [each.name for each in kept.checks[:3]] == ["check 3", "check 73", "check 143"]
    assert len(kept.checks) + kept.left_out == 200
    assert kept.left_out > 0


def test_texts_are_shortened_before_a_failed_check_is_left_out() -> None:
    """Eight failed checks with long messages all stay, with less to say."""
    checks = tuple(check(f"check {n}", passed=False, message="m" * 4000) for n in range(8))
    kept = PodVerdict.model_validate_json(cut(pod_verdict(result(Result.FAILED, checks))))
    assert len(kept.checks) == 8
    assert kept.left_out == 0
    assert kept.checks[0].message


TEXT = st.text(max_size=256)


@given(
    texts=st.lists(
        st.tuples(TEXT.map(lambda text: text[:128] or "x"), TEXT, TEXT, st.booleans()), min_size=1
    ),
    message=st.text(max_size=4096),
)
def test_any_verdict_fits_and_agrees_with_itself(
    texts: list[tuple[str, str, str, bool]], message: str
) -> None:
    """Whatever the texts are, what is left is at most 4096 bytes and says the same result."""
    checks = tuple(
        check(name, passed=passed, message=text, subject=subject) for name, subject, text, passed in texts
    )
    said = Result.PASSED if all(each.passed for each in checks) else Result.FAILED
    content = cut(pod_verdict(result(said, checks, message=message), "why not" * 100))
    assert len(content) <= MAX_BYTES
    assert PodVerdict.model_validate_json(content).result is said


def test_an_error_says_why() -> None:
    """A gate without an answer leaves its reason; one that was not run at all is an Error too."""
    verdict = pod_verdict(result(Result.ERROR, reason=ErrorReason.INVALID_DATA, message="no column up"))
    assert (verdict.result, verdict.reason) == (Result.ERROR, ErrorReason.INVALID_DATA)
    assert pod_verdict(result(Result.NOT_RUN)).reason is ErrorReason.NONSENSE


@pytest.mark.parametrize(
    "fields",
    [
        {"result": "Passed"},
        {"result": "Failed", "checks": [check("gap", passed=True)]},
        {"result": "Passed", "checks": [check("gap", passed=False)]},
        {"result": "Error"},
        {"result": "Passed", "reason": "Crashed", "checks": [check("gap", passed=True)]},
    ],
)
def test_a_verdict_that_contradicts_itself_is_none(fields: dict[str, object]) -> None:
    """A result without checks, against its checks, or with a reason that is not its own is refused."""
    with pytest.raises(ValidationError, match=r"does not agree|an Error has a reason"):
        PodVerdict.model_validate(fields)
