"""The contract of a gate's program: exit code and verdict agree, or there is no answer."""

from pathlib import Path

import orjson
import pytest

from modelward.api.gateverdict import ErrorReason, GateVerdict, Result
from modelward.gates.contract import NoAnswer, judge
from modelward.gates.process import Ended, Exceeded, Limits

LIMITS = Limits(seconds=30, memory_mib=1024)
CHECK = {"name": "half", "value": 0.5, "comparison": "AtMost", "limit": 0.6, "passed": True}
PASSED = {"result": "Passed", "checks": [CHECK]}
FAILED = {"result": "Failed", "checks": [{**CHECK, "limit": 0.4, "passed": False}]}


def ended(exit_code: int, exceeded: Exceeded | None = None, log: str = "") -> Ended:
    """Return how a program ended."""
    return Ended(exit_code, exceeded, 1.0, 10.0, log)


def left(folder: Path, content: object) -> Path:
    """Leave a verdict in a folder."""
    folder.joinpath("verdict.json").write_bytes(orjson.dumps(content))
    return folder


def test_exit_code_and_verdict_that_agree_are_the_answer(tmp_path: Path) -> None:
    """0 with Passed is a pass, 3 with Failed a failure."""
    passed = judge(ended(0), LIMITS, left(tmp_path, PASSED))
    failed = judge(ended(3), LIMITS, left(tmp_path, FAILED))
    assert isinstance(passed, GateVerdict)
    assert isinstance(failed, GateVerdict)
    assert (passed.result, failed.result) == (Result.PASSED, Result.FAILED)


@pytest.mark.parametrize(
    ("exit_code", "content", "said"),
    [
        (0, FAILED, "its verdict says Failed"),
        (3, PASSED, "its verdict says Passed"),
        (0, {"result": "Passed", "checks": []}, "checks: "),
        (0, {"result": "Passed", "checks": [FAILED["checks"]]}, "checks[0]"),
        (0, {"result": "Failed", "checks": [CHECK]}, "does not agree with the checks"),
        (0, {"result": "Passed", "checks": [{**CHECK, "value": 0.9}]}, "says passed: True"),
        (0, {**PASSED, "schemaVersion": 2}, "schemaVersion"),
        (0, {**PASSED, "note": "x"}, "note: no such field"),
        (0, "Passed", "is no verdict"),
        (0, {"result": "Error", "checks": [CHECK]}, "result"),
    ],
)
def test_nonsense_is_no_pass(tmp_path: Path, exit_code: int, content: object, said: str) -> None:
    """A verdict that breaks its schema, or contradicts itself or the exit code, must be no answer."""
    answer = judge(ended(exit_code), LIMITS, left(tmp_path, content))
    assert isinstance(answer, NoAnswer)
    assert answer.reason is ErrorReason.NONSENSE
    assert said in answer.message


def test_numbers_that_are_none_are_nonsense(tmp_path: Path) -> None:
    """NaN and infinity must not pass for a value."""
    for number in ("NaN", "Infinity"):
        text = orjson.dumps(PASSED).decode().replace("0.5", number)
        (tmp_path / "verdict.json").write_text(text)
        answer = judge(ended(0), LIMITS, tmp_path)
        assert isinstance(answer, NoAnswer)


def test_no_verdict_and_a_huge_one_are_no_answer(tmp_path: Path) -> None:
    """A program that ends well and writes nothing, or too much, must not pass."""
    assert judge(ended(0), LIMITS, tmp_path) == NoAnswer(ErrorReason.NONSENSE, "wrote no verdict.json")
    (tmp_path / "verdict.json").write_text(" " * 300_000)
    answer = judge(ended(0), LIMITS, tmp_path)
    assert isinstance(answer, NoAnswer)
    assert "more than 262144 bytes" in answer.message


@pytest.mark.parametrize(
    ("how", "reason", "said"),
    [
        (ended(1, log="Traceback\nValueError: no"), ErrorReason.CRASHED, "exit code 1: ValueError: no"),
        (ended(-11), ErrorReason.CRASHED, "by signal 11: it wrote nothing"),
        (ended(1, log="MemoryError"), ErrorReason.OUT_OF_MEMORY, "MemoryError"),
        (ended(-9, Exceeded.TIME), ErrorReason.TIMEOUT, "not done after 30 s"),
        (ended(0, Exceeded.TIME), ErrorReason.TIMEOUT, "not done after 30 s"),
        (ended(-9, Exceeded.MEMORY), ErrorReason.OUT_OF_MEMORY, "more than 1024 MiB"),
    ],
)
def test_however_it_ends_a_verdict_left_behind_does_not_count(
    tmp_path: Path, how: Ended, reason: ErrorReason, said: str
) -> None:
    """A crash, a signal or a limit must be an error, though the file says passed."""
    answer = judge(how, LIMITS, left(tmp_path, PASSED))
    assert isinstance(answer, NoAnswer)
    assert answer.reason is reason
    assert said in answer.message
