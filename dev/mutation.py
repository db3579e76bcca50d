"""How good are the tests of evidence and decisions? Changes the code in small ways and runs them.

mutmut makes the changes (`[tool.mutmut]` in pyproject.toml) in a copy of the code and its tests under
.mutation/, one at a time, and runs the tests that reach the changed function: a change that no test notices
has survived. docs/testing.md says what the survivors are. Module-level tables and constants are not
changed, and the state machine over decide is left out, being slow and random. Half an hour or so on two
cores; `--sample N` takes N changes at random, always the same.
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
from typing import Final

from dev.cluster.paths import CHECKOUT

COPY: Final = CHECKOUT / ".mutation"
TESTED: Final = ("evidence", "decide")
"""Packages of modelward, and folders of tests/unit."""
LEFT_OUT: Final = shutil.ignore_patterns("test_properties.py", "__pycache__")
SEED: Final = 20_260_101
SURVIVED: Final = 0
"""mutmut's exit code of tests that all passed."""
UNTESTED: Final = frozenset({5, 33})
"""Likewise where no test reaches the change."""


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
    if arguments.sample:
        # Nothing matches: mutmut only makes the changes and finds out which tests reach them.
        _mutmut("run", "nothing.matches.*", check=False)
        patterns = _sample(_results(), arguments.sample)
    _mutmut("run", "--max-children", str(os.cpu_count() or 1), *patterns)
    tried = {name: code for name, code in _results().items() if code is not None}
    survivors = [name for name, code in sorted(tried.items()) if code == SURVIVED or code in UNTESTED]
    for name in survivors:
        print(name)
    score = _print_scores(tried, survivors)
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


def _mutmut(*arguments: str, check: bool = True) -> None:
    subprocess.run([sys.executable, "-m", "mutmut", *arguments], cwd=COPY, check=check)


def _results() -> Mapping[str, int | None]:
    """Return the exit code of the tests for each change; None where it was not tried."""
    return {
        name: code
        for file in (COPY / "mutants").rglob("*.meta")
        for name, code in json.loads(file.read_text())["exit_code_by_key"].items()
    }


def _sample(known: Mapping[str, object], size: int) -> Sequence[str]:
    names = sorted(known)
    return random.Random(SEED).sample(names, min(size, len(names)))  # noqa: S311 - not for secrets


def _print_scores(tried: Mapping[str, int | None], survivors: Sequence[str]) -> float:
    """Print a line for each module and one for all; return the share of killed changes in percent."""
    made = Counter(_module(name) for name in tried)
    left = Counter(_module(name) for name in survivors)
    for module in sorted(made):
        print(f"{module:35} {made[module] - left[module]:5} of {made[module]:5} killed")
    score = 100 * (1 - len(survivors) / max(len(tried), 1))
    print(f"{'all':35} {len(tried) - len(survivors):5} of {len(tried):5} killed: {score:.1f}%")
    return score


def _module(name: str) -> str:
    return name.rpartition(".")[0].removeprefix("modelward.")


if __name__ == "__main__":
    main()
