"""Tries changes one at a time: the tests that reach the changed function, until the first that fails.

The tests are collected once; each change is tried in a process forked from there, which costs milliseconds
where a run of pytest costs a second. Tests that noticed an earlier change of the same function come first,
then the quickest. A change is out of time by the processor's clock, not the wall's, so that a busy machine
notices nothing.
"""

import json
import os
import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.utils.format_utils import mangled_name_from_mutant_name

TESTS: Final = ("tests/unit/evidence", "tests/unit/decide")
PROCESSES: Final = os.cpu_count() or 1
LEAST_SECONDS: Final = 20
TIMES_AS_LONG: Final = 5
"""A change may make its tests take so many times as long as they did, and `LEAST_SECONDS`."""
MOST_SECONDS: Final = 120
"""Whatever they took: that was measured by the wall's clock, on a machine that may have been busy."""
TOLD_EVERY: Final = 100


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


@dataclass(slots=True)
class Trials:
    """A plugin that tries changes in place of pytest's loop over the tests."""

    changes: Sequence[str]
    reached: Reached
    out: TextIO
    _noticed: dict[str, list[str]] = field(default_factory=dict)
    """By function: the tests that noticed a change of it, the last one first."""
    _under_way: dict[int, tuple[str, list[pytest.Item], int]] = field(default_factory=dict)
    """By process: the change, its tests, and where the process says which of them noticed."""
    _tried: int = 0

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every change."""
        items = {item.nodeid: item for item in session.items}
        for change in self.changes:
            if tests := list(self._tests(change, items)):
                if len(self._under_way) == PROCESSES:
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
        quickest = sorted(set(reach) - set(noticed), key=lambda test: (self.reached.seconds[test], test))
        return (items[test] for test in (*noticed, *quickest) if test in items)

    def _begin(self, change: str, tests: list[pytest.Item]) -> None:
        """Fork a process that tries one change."""
        usual = sum(self.reached.seconds[test.nodeid] for test in tests)
        reading, writing = os.pipe()
        sys.stdout.flush()
        if process := os.fork():
            os.close(writing)
            self._under_way[process] = (change, tests, reading)
            return
        limit = round(min(LEAST_SECONDS + TIMES_AS_LONG * usual, MOST_SECONDS))
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        set_mutant_under_test(change)
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            noticed = next((number for number, test in enumerate(tests) if _fails(test)), None)
        os.write(writing, b"" if noticed is None else str(noticed).encode())
        os._exit(0)

    def _await_one(self) -> None:
        """Wait for a process to end, and tell what it found."""
        process, status = os.wait()
        change, tests, reading = self._under_way.pop(process)
        with os.fdopen(reading) as pipe:
            text = pipe.read()
        if status:
            self._tell(change, "out of time" if os.WIFSIGNALED(status) else "killed", "")
        elif not text:
            self._tell(change, "survived", "")
        else:
            test = tests[int(text)].nodeid
            function = mangled_name_from_mutant_name(change)
            others = [each for each in self._noticed.get(function, []) if each != test]
            self._noticed[function] = [test, *others]
            self._tell(change, "killed", test)

    def _tell(self, change: str, verdict: str, test: str) -> None:
        self.out.write(json.dumps({"change": change, "verdict": verdict, "test": test}) + "\n")
        self.out.flush()
        self._tried += 1
        if self._tried % TOLD_EVERY == 0:
            print(f"{self._tried} of {len(self.changes)} tried", flush=True)


def _fails(test: pytest.Item) -> bool:
    """Run one test with all its fixtures."""
    return any(report.failed for report in runtestprotocol(test, nextitem=None, log=False))


def main(changes: str, statistics: str, found: str) -> None:
    """Try the changes that one file names, with what another knows of the tests; write a third."""
    names = json.loads(Path(changes).read_text())
    with Path(found).open("w", encoding="utf-8") as out:
        plugin = Trials(names, Reached.read(Path(statistics)), out)
        options = ["--rootdir=.", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
        sys.exit(pytest.main([*options, *TESTS], plugins=[plugin]))


if __name__ == "__main__":
    main(*sys.argv[1:])
