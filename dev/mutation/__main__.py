"""Changes the code of evidence and decisions in small ways, and counts the changes that no test notices.

mutmut makes the changes (`[tool.mutmut]` in pyproject.toml) in a copy of the code and its tests under
.mutation/, and finds out which tests reach which function; `trials` tries them. docs/testing.md says what the
survivors are. Module-level tables and constants are not changed, and the state machines over decide are left
out, being slow and random. `--sample N` takes N changes at random, always the same.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from dev.cluster.paths import CHECKOUT

COPY: Final = CHECKOUT / ".mutation"
TESTED: Final = ("evidence", "decide")
"""Packages of modelward, and folders of tests/unit."""
LEFT_OUT: Final = shutil.ignore_patterns("test_properties.py", "test_resuming.py", "__pycache__")
SEED: Final = 20_260_101
STATISTICS: Final = "mutmut-stats.json"
FOUND: Final = "found.jsonl"
"""One line for each change that was tried."""


def main() -> None:
    """Run, print the survivors and the score of each module, and fail below the floor."""
    parser = argparse.ArgumentParser(prog="python -m dev.mutation", description=__doc__)
    parser.add_argument(
        "patterns", nargs="*", help="modules or functions, such as modelward.evidence.target*"
    )
    parser.add_argument("--sample", type=int, help="so many changes, chosen at random")
    parser.add_argument("--floor", type=float, default=0, help="least share of killed changes, in percent")
    arguments = parser.parse_args()
    patterns = arguments.patterns or [f"modelward.{package}.*" for package in TESTED]
    _copy()
    _make_changes()
    changes = _changes(patterns)
    # In random order, so that what was tried when it is stopped is a fair sample.
    random.Random(SEED).shuffle(changes)  # noqa: S311 - not for secrets
    (COPY / "mutants" / "changes.json").write_text(json.dumps(changes[: arguments.sample or None]))
    _run("mutants", "dev.mutation.trials", "changes.json", STATISTICS, FOUND, stdout=None)
    score = _report(_found())
    if score < arguments.floor:
        sys.exit(f"{score:.1f}% killed is below {arguments.floor:g}%")


def _copy() -> None:
    """Lay out the copy as mutmut wants it: the packages in src/, the tests beside them."""
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(CHECKOUT / "operator" / "modelward", COPY / "src" / "modelward")
    shutil.copy(CHECKOUT / "pyproject.toml", COPY)
    for folder in ("tests", "tests/unit"):
        (COPY / folder).mkdir(exist_ok=True)
        for file in (CHECKOUT / folder).glob("*.py"):
            if file.name != "conftest.py":
                shutil.copy(file, COPY / folder)
    for package in TESTED:
        shutil.copytree(
            CHECKOUT / "tests" / "unit" / package, COPY / "tests" / "unit" / package, ignore=LEFT_OUT
        )


def _make_changes() -> None:
    """Let mutmut make the changes and find out which tests reach which function."""
    # Nothing matches, so it tries none, and then complains of that.
    said = _run("", "mutmut", "run", "nothing.matches.*", stdout=subprocess.PIPE)
    if not (COPY / "mutants" / STATISTICS).exists():
        sys.exit(f"mutmut made no changes:\n{said}")


def _run(folder: str, *arguments: str, stdout: int | None) -> str:
    """Run a module with the copy, or its changed copy, before the checkout; return what went into a pipe."""
    cwd = COPY / folder
    path = os.pathsep.join(map(str, (cwd / "src", cwd, CHECKOUT)))
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout else None,
        text=True,
        check=False,
    )
    return done.stdout or ""


def _changes(patterns: Sequence[str]) -> list[str]:
    """Return the names of the changes that match a pattern."""
    names = [
        name
        for file in (COPY / "mutants").rglob("*.meta")
        for name in json.loads(file.read_text())["exit_code_by_key"]
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    ]
    return sorted(names)


def _found() -> Mapping[str, str]:
    """Return what became of each change that was tried."""
    lines = (COPY / "mutants" / FOUND).read_text().splitlines()
    return {found["change"]: found["verdict"] for found in map(json.loads, lines)}


def _report(found: Mapping[str, str]) -> float:
    """Print the survivors, a line for each module and one for all; return the share killed in percent."""
    survivors = [name for name, verdict in sorted(found.items()) if verdict in {"survived", "untested"}]
    for name in survivors:
        print(name, found[name])
    made, left = Counter(map(_module, found)), Counter(map(_module, survivors))
    for module in sorted(made):
        print(f"{module:35} {made[module] - left[module]:5} of {made[module]:5} killed")
    late = sum(verdict == "out of time" for verdict in found.values())
    score = 100 * (1 - len(survivors) / max(len(found), 1))
    print(f"{'all':35} {len(found) - len(survivors):5} of {len(found):5} killed: {score:.1f}%", end="")
    print(f", {late} of them out of time")
    return score


def _module(name: str) -> str:
    return name.rpartition(".")[0].removeprefix("modelward.")


if __name__ == "__main__":
    main()
