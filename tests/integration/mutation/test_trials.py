"""What a trial of a change says: only a test that fails has noticed it."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from dev.mutation import __main__ as mutation
from dev.mutation import trials

pytest_plugins = ["pytester"]


def outcome_of(child: Callable[[], object]) -> tuple[str, str]:
    """Say what is made of a process that does this and says nothing."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        try:
            child()
        finally:
            os._exit(3)
    os.close(writing)
    _, status = os.waitpid(process, 0)
    return trials._outcome(reading, status)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(trials.NOTICED, "killed"), (trials.SURVIVED, "survived"), (0, "error"), (1, "error"), (2, "error")],
)
def test_a_verdict_is_a_status_of_its_own(status: int, verdict: str) -> None:
    """A process that ends as Python, pytest or a library may end it is an error of the trial."""
    assert outcome_of(lambda: os._exit(status)) == (verdict, "")


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        (signal.SIGXCPU, ("out of time", "")),
        (signal.SIGKILL, ("error", "SIGKILL")),
    ],
)
def test_only_the_limit_of_time_is_out_of_time(ending: signal.Signals, outcome: tuple[str, str]) -> None:
    """A process that is killed for its memory, or crashes, says nothing of the tests."""
    assert outcome_of(lambda: os.kill(os.getpid(), ending)) == outcome


@pytest.fixture(autouse=True)
def settings(pytester: pytest.Pytester) -> None:
    """Let the tests that a test makes up run under settings of their own."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")


def outcome_with(test: pytest.Item, seconds: int = 60) -> tuple[str, str]:
    """Try no change with one test."""
    process, reading = trials._forked(trials.NO_CHANGE, [test], seconds)
    _, status = os.waitpid(process, 0)
    return trials._outcome(reading, status)


def test_a_test_that_fails_has_noticed(pytester: pytest.Pytester) -> None:
    """It is named; one that passes has not noticed."""
    failing, passing = pytester.getitems("def test_no():\n    assert False\ndef test_yes():\n    pass")
    assert outcome_with(failing) == ("killed", failing.nodeid)
    assert outcome_with(passing) == ("survived", "")


def test_a_test_that_cannot_be_run_is_an_error(pytester: pytest.Pytester) -> None:
    """What ends the run of tests has not failed one, and the process goes no further."""
    item = pytester.getitem("def test_func():\n    raise KeyboardInterrupt('now')")
    assert outcome_with(item) == ("error", "KeyboardInterrupt('now')")


def test_a_loop_without_end_is_out_of_time(pytester: pytest.Pytester) -> None:
    """By the processor's clock."""
    item = pytester.getitem("def test_func():\n    while True:\n        pass")
    assert outcome_with(item, seconds=1) == ("out of time", "")


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the last run, of which there is none yet, has what it found."""
    monkeypatch.setattr(mutation, "CHANGED", tmp_path)
    return tmp_path / mutation.FOUND


def test_a_run_of_other_code_is_not_gone_on_with(found: Path) -> None:
    """What was found of other code or other tests says nothing of these."""
    with pytest.raises(SystemExit, match="no run to go on with"):
        mutation._check_unchanged()
    found.write_text(json.dumps({"digest": "of something else"}) + "\n")
    with pytest.raises(SystemExit, match="others than when that run began"):
        mutation._check_unchanged()
    found.write_text(json.dumps({"digest": mutation._digest()}) + "\n")
    mutation._check_unchanged()


def test_a_trial_that_went_wrong_is_tried_again(found: Path) -> None:
    """It is not among what was found, so the next run has it before it."""
    lines: list[dict[str, str]] = [
        {"digest": ""},
        {"change": "one", "verdict": "killed"},
        {"change": "two", "verdict": "error"},
        {"change": "three", "verdict": "error"},
        {"change": "three", "verdict": "survived"},
    ]
    found.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert mutation._found() == {"one": "killed", "three": "survived"}
