"""Changes the code of evidence and decisions in small ways, and counts the changes that no test notices.

mutmut makes the changes (`[tool.mutmut]` in pyproject.toml) in a copy of the code and its tests under
.mutation/, and finds out which tests reach which function; `trials` tries them. docs/testing.md says what the
survivors are. Module-level tables and constants are not changed, and the state machines over decide are left
out, being slow and random. `--sample N` takes N changes at random, always the same; `--resume` goes on with a
run that was stopped.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from dev.cluster.paths import CHECKOUT

COPY: Final = CHECKOUT / ".mutation"
CHANGED: Final = COPY / "mutants"
TESTED: Final = ("evidence", "decide")
"""Packages of modelward, and folders of tests/unit."""
LEFT_OUT: Final = ("test_properties.py", "test_resuming.py")
SEED: Final = 20_260_101
STATISTICS: Final = "mutmut-stats.json"
FOUND: Final = "found.jsonl"
"""The digest of what was tried, then one line for each change."""


def main() -> None:
    """Run, print the survivors and the scores, and fail below the floor or if a trial went wrong."""
    parser = argparse.ArgumentParser(prog="python -m dev.mutation", description=__doc__)
    parser.add_argument(
        "patterns", nargs="*", help="modules or functions, such as modelward.evidence.target*"
    )
    parser.add_argument("--sample", type=int, help="so many changes, chosen at random")
    parser.add_argument("--floor", type=float, default=0, help="least share of killed changes, in percent")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that try changes at once")
    parser.add_argument("--resume", action="store_true", help="go on with what the last run left")
    arguments = parser.parse_args()
    if arguments.resume:
        _check_unchanged()
    else:
        _begin()
    changes = _changes(arguments.patterns or [f"modelward.{package}.*" for package in TESTED])
    # In random order, so that what was tried when it is stopped is a fair sample.
    random.Random(SEED).shuffle(changes)  # noqa: S311 - not for secrets
    changes = changes[: arguments.sample or None]
    found = _found()
    _try([change for change in changes if change not in found], arguments.processes)
    found = _found()
    if wrong := [
        f"{line['change']} {line['detail']}" for line in _lines()[1:] if line["change"] not in found
    ]:
        sys.exit("\n".join(["these trials went wrong, and say nothing of the tests:", *wrong]))
    score = _report({change: found[change] for change in changes})
    if score < arguments.floor:
        sys.exit(f"{score:.1f}% killed is below {arguments.floor:g}%")


def _sources() -> Iterator[tuple[Path, Path]]:
    """Each file that takes part, and its place in the copy: packages in src/, the tests beside them."""
    yield CHECKOUT / "pyproject.toml", Path("pyproject.toml")
    code, tests = CHECKOUT / "operator", CHECKOUT / "tests"
    for file in sorted((code / "modelward").rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file, "src" / file.relative_to(code)
    # With the settings in tests/unit/conftest.py; what tests/conftest.py has is for tests on real parts.
    shared = [tests / "__init__.py", *sorted((tests / "unit").glob("*.py"))]
    own = [file for package in TESTED for file in sorted((tests / "unit" / package).rglob("*"))]
    for file in (*shared, *own):
        if file.is_file() and file.name not in LEFT_OUT and "__pycache__" not in file.parts:
            yield file, file.relative_to(CHECKOUT)


def _digest() -> str:
    """Return a digest of every file that takes part, and of how changes are tried."""
    digest = hashlib.sha256()
    trying = sorted(Path(__file__).parent.glob("*.py"))
    for file in (*(source for source, _ in _sources()), *trying, CHECKOUT / "uv.lock"):
        digest.update(f"{file.relative_to(CHECKOUT)}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _begin() -> None:
    """Lay out a copy; let mutmut make the changes there and find out which tests reach which function."""
    shutil.rmtree(COPY, ignore_errors=True)
    digest = _digest()
    for source, place in _sources():
        (COPY / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, COPY / place)
    # Nothing matches, so it tries none, and then complains of that.
    done = _run(COPY, "mutmut", "run", "nothing.matches.*", stdout=subprocess.PIPE)
    if not (CHANGED / STATISTICS).exists():
        sys.exit(f"mutmut made no changes:\n{done.stdout}")
    (CHANGED / FOUND).write_text(json.dumps({"digest": digest}) + "\n")


def _check_unchanged() -> None:
    """Refuse to go on with a run of other code or other tests."""
    if not (CHANGED / FOUND).exists():
        sys.exit(f"there is no run to go on with in {COPY}: leave out --resume")
    if _lines()[0]["digest"] != _digest():
        sys.exit("the code or its tests are others than when that run began: leave out --resume")


def _changes(patterns: Sequence[str]) -> list[str]:
    """Return the names of the changes that match a pattern."""
    names = [
        name
        for file in CHANGED.rglob("*.meta")
        for name in json.loads(file.read_text())["exit_code_by_key"]
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    ]
    if not names:
        sys.exit(f"no change matches {' '.join(patterns)}")
    return sorted(names)


def _try(changes: Sequence[str], processes: int) -> None:
    """Try changes, which adds to what was found."""
    (CHANGED / "changes.json").write_text(json.dumps(changes))
    arguments = ("changes.json", STATISTICS, FOUND, str(processes))
    done = _run(CHANGED, "dev.mutation.trials", *arguments, stdout=None)
    if done.returncode:
        sys.exit("the trials did not end well: what they found so far is kept for --resume")


def _run(cwd: Path, *arguments: str, stdout: int | None) -> "subprocess.CompletedProcess[str]":
    """Run a module with the copy, or its changed copy, before the checkout."""
    path = os.pathsep.join(map(str, (cwd / "src", cwd, CHECKOUT)))
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout else None,
        text=True,
        check=False,
    )


def _lines() -> Sequence[Mapping[str, str]]:
    return [json.loads(line) for line in (CHANGED / FOUND).read_text().splitlines()]


def _found() -> Mapping[str, str]:
    """Return what became of each change; one whose trial went wrong is tried again by the next run."""
    return {line["change"]: line["verdict"] for line in _lines()[1:] if line["verdict"] != "error"}


def _report(found: Mapping[str, str]) -> float:
    """Print the survivors, a line for each module and package; return the share killed in percent."""
    survivors = [name for name, verdict in sorted(found.items()) if verdict in {"survived", "untested"}]
    for name in survivors:
        print(name, found[name])
    _print_scores(found, survivors, _module)
    _print_scores(found, survivors, lambda name: _module(name).partition(".")[0])
    late = sum(verdict == "out of time" for verdict in found.values())
    score = 100 * (1 - len(survivors) / len(found))
    print(f"{'all':35} {len(found) - len(survivors):5} of {len(found):5} killed: {score:.1f}%", end="")
    print(f", {late} of them out of time")
    return score


def _print_scores(found: Mapping[str, str], survivors: Sequence[str], part: Callable[[str], str]) -> None:
    made, left = Counter(map(part, found)), Counter(map(part, survivors))
    for name in sorted(made):
        killed = made[name] - left[name]
        print(f"{name:35} {killed:5} of {made[name]:5} killed: {100 * killed / made[name]:.1f}%")


def _module(name: str) -> str:
    return name.rpartition(".")[0].removeprefix("modelward.")


if __name__ == "__main__":
    main()
