"""Tries changes one at a time: the tests that reach the changed function, until the first that fails.

The tests are collected once; each change is tried in a process forked from there, which costs milliseconds
where a run of pytest costs a second. Tests that noticed an earlier change of the same function come first,
then those that notice most in the least time. A change is out of time by the processor's clock, not the
wall's, so that a busy machine notices nothing. Only a test that fails has noticed a change: however else a
process ends is an error.
"""

import json
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation import trampoline
from mutmut.utils.format_utils import mangled_name_from_mutant_name

TESTS: Final = ("tests/unit/evidence", "tests/unit/decide")
LEAST_SECONDS: Final = 5
TIMES_AS_LONG: Final = 2
"""A change may make its tests take so many times as long as they did, and `LEAST_SECONDS`."""
MOST_SECONDS: Final = 40
"""Whatever they took: that was measured by the wall's clock, on a machine that may have been busy."""
MOST_BYTES: Final = 3 << 30
"""Of addresses: a loop that never ends may not take the machine's memory meanwhile."""
TOLD_EVERY: Final = 100
NO_CHANGE: Final = "none"
"""Is the name of no change: the code runs as it is written."""
NOTICED: Final = 40
SURVIVED: Final = 41
FAILED: Final = 42
"""Exit statuses of a trial: Python, pytest and signals have others."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What mutmut found out by running all tests once."""

    tests: Mapping[str, Sequence[str]]
    """By function: the tests that reach it."""
    seconds: Mapping[str, float]
    """By test."""

    @classmethod
    def read(cls, file: Path) -> "Reached":
        """Read mutmut's own file."""
        known = json.loads(file.read_text())
        return cls(known["tests_by_mangled_function_name"], known["duration_by_test"])


@dataclass(frozen=True, slots=True)
class Trial:
    """A process under way."""

    change: str
    reading: int
    """Where the process says which test noticed, or what went wrong."""


@dataclass(slots=True)
class Trials:
    """A plugin that tries changes in place of pytest's loop over the tests."""

    changes: Sequence[str]
    reached: Reached
    out: TextIO
    processes: int
    _noticed: dict[str, list[str]] = field(default_factory=dict)
    """By function: the tests that noticed a change of it, the last one first."""
    _killed: Counter[str] = field(default_factory=Counter)
    """By test: how many changes it was the first to notice."""
    _under_way: dict[int, Trial] = field(default_factory=dict)
    _tried: int = 0

    def remember(self, change: str, test: str) -> None:
        """Let a test that noticed a change come early from now on."""
        function = mangled_name_from_mutant_name(change)
        others = [each for each in self._noticed.get(function, []) if each != test]
        self._noticed[function] = [test, *others]
        self._killed[test] += 1

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every change."""
        items = {item.nodeid: item for item in session.items}
        if differing := sorted(items.keys() ^ self.reached.seconds.keys()):
            sys.exit(f"mutmut ran other tests than were collected; they differ by {', '.join(differing)}")
        _try_no_change(session.items)
        for change in self.changes:
            if tests := list(self._tests(change, items)):
                if len(self._under_way) == self.processes:
                    self._await_one()
                self._begin(change, tests)
            else:
                self._tell(change, "untested", "")
        while self._under_way:
            self._await_one()
        return True

    def _tests(self, change: str, items: Mapping[str, pytest.Item]) -> Iterator[pytest.Item]:
        """The tests to run, those first that are likely to notice soon."""
        function = mangled_name_from_mutant_name(change)
        reach = self.reached.tests.get(function, ())
        noticed = self._noticed.get(function, [])
        others = sorted(set(reach) - set(noticed), key=lambda test: (self._seconds_to_notice(test), test))
        return (items[test] for test in (*noticed, *others))

    def _seconds_to_notice(self, test: str) -> float:
        return self.reached.seconds[test] / (1 + self._killed[test])

    def _begin(self, change: str, tests: Sequence[pytest.Item]) -> None:
        usual = sum(self.reached.seconds[test.nodeid] for test in tests)
        limit = min(LEAST_SECONDS + TIMES_AS_LONG * usual, MOST_SECONDS)
        process, reading = _forked(change, tests, round(limit))
        self._under_way[process] = Trial(change, reading)

    def _await_one(self) -> None:
        """Wait for a process to end, and tell what it found."""
        process, status, used = os.wait3(0)
        trial = self._under_way.pop(process)
        verdict, detail = _outcome(trial.reading, status)
        if verdict == "killed":
            self.remember(trial.change, detail)
        self._tell(trial.change, verdict, detail, used.ru_utime + used.ru_stime)

    def _tell(self, change: str, verdict: str, detail: str, seconds: float = 0.0) -> None:
        told = {"change": change, "verdict": verdict, "detail": detail, "seconds": f"{seconds:.2f}"}
        self.out.write(json.dumps(told) + "\n")
        self.out.flush()
        self._tried += 1
        if self._tried % TOLD_EVERY == 0:
            print(f"{self._tried} of {len(self.changes)} tried", flush=True)


def _try_no_change(tests: Sequence[pytest.Item]) -> None:
    """End here if a test fails in a trial whatever the change is: every change would count as noticed."""
    process, reading = _forked(NO_CHANGE, tests, MOST_SECONDS)
    _, status = os.waitpid(process, 0)
    verdict, detail = _outcome(reading, status)
    if verdict != "survived":
        sys.exit(f"the tests do not pass without a change: {verdict} {detail}")


def _forked(change: str, tests: Sequence[pytest.Item], seconds: int) -> tuple[int, int]:
    """Fork a process that tries one change; return its number, and where what it says can be read."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    if process := os.fork():
        os.close(writing)
        return process, reading
    try:
        noticed = _first_failed(change, tests, seconds)
        os.write(writing, noticed.encode())
        os._exit(NOTICED if noticed else SURVIVED)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it must not go on into pytest's own code
        os.write(writing, repr(error).encode())
    finally:
        os._exit(FAILED)


def _first_failed(change: str, tests: Sequence[pytest.Item], seconds: int) -> str:
    """Make the change and run tests up to the first that fails; return its name, or nothing if none does."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    # Every call of every function asks; mutmut's own answer goes through os.environ, and is most of the time.
    trampoline.get_mutant_under_test = lambda: change
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return next((test.nodeid for test in tests if _fails(test)), "")


def _fails(test: pytest.Item) -> bool:
    """Run one test with all its fixtures."""
    return any(report.failed for report in runtestprotocol(test, nextitem=None, log=False))


def _outcome(reading: int, status: int) -> tuple[str, str]:
    """Return the verdict on an ended trial, and what it said."""
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    if os.WIFSIGNALED(status):
        ending = signal.Signals(os.WTERMSIG(status))
        return ("out of time", "") if ending is signal.SIGXCPU else ("error", ending.name)
    verdicts = {NOTICED: "killed", SURVIVED: "survived"}
    return verdicts.get(os.WEXITSTATUS(status), "error"), said


def main(changes: str, statistics: str, found: str, processes: str) -> None:
    """Try the changes that one file names, with what another knows of the tests; add to a third."""
    names = json.loads(Path(changes).read_text())
    with Path(found).open("a", encoding="utf-8") as out:
        plugin = Trials(names, Reached.read(Path(statistics)), out, int(processes))
        for line in map(json.loads, Path(found).read_text().splitlines()):
            if line.get("verdict") == "killed":
                plugin.remember(line["change"], line["detail"])
        # Nobody reads a traceback, for which pytest parses the whole module: ten times what the test takes.
        told = ["-q", "--tb=no", "-p", "no:cacheprovider"]
        options = ["--rootdir=.", *told, "-p", "no:xdist", "--hypothesis-seed=0"]
        sys.exit(pytest.main([*options, *TESTS], plugins=[plugin]))


if __name__ == "__main__":
    main(*sys.argv[1:])
