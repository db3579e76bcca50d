"""Operating characteristics of the shipping evidence and decisions: tables, and exit code 1 outside limits.

First the tests one by one, then how often the cause of an incident is right (`matrix`).
Usage: python -m bench.simulate [--quick | --write]. The full tables take some minutes on two cores.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from bench.simulate import matrix, table
from bench.simulate.case import Case
from bench.simulate.cases import CASES, CURVES
from bench.simulate.incident import QUICK_SETTINGS, SETTINGS
from bench.simulate.matrix import Matrix
from bench.simulate.plot import draw
from bench.simulate.runs import Result, simulate

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "evidence.md"
PLOT: Final = ROOT / "docs" / "images" / "detection-time.svg"
BEGIN: Final = "<!-- make simulate: begin -->"
END: Final = "<!-- make simulate: end -->"


def main() -> None:
    """Simulate, print, and write what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulate", description=__doc__.partition("\n")[0])
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="few runs, under a minute")
    extent.add_argument("--write", action="store_true", help="also write the tables and the plot to docs/")
    arguments = parser.parse_args()
    began = time.monotonic()
    found: dict[str, Result] = {}
    print(table.header())
    for result in simulate(CASES.values(), _quick if arguments.quick else _full):
        print(table.line(result), flush=True)
        found[result.case.name] = result
    results = [found[name] for name in CASES]
    settings = QUICK_SETTINGS if arguments.quick else SETTINGS
    causes = Matrix([finding for findings in matrix.simulate(settings) for finding in findings])
    print(f"\n{matrix.text(causes)}")
    if arguments.write:
        _write(results, causes)
    outside = [result.case.name for result in results if not result.is_within_limit]
    print(f"\n{len(results)} cases in {time.monotonic() - began:.0f} s, {len(outside)} outside their limits")
    sys.exit(1 if outside or not causes.is_within_limits else 0)


def _full(case: Case) -> int:
    return case.runs.full


def _quick(case: Case) -> int:
    return case.runs.quick


def _write(results: list[Result], causes: Matrix) -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{PAGE} needs the lines {BEGIN} and {END}; put them back around its tables")
    tables = f"{table.markdown(results)}\n\n{matrix.markdown(causes)}"
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")
    cases = [case for curve in CURVES.values() for case in curve.values()]
    drawn = {result.case.name: result for result in simulate(cases, _full)}
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    draw(
        {name: {bad: drawn[case.name] for bad, case in curve.items()} for name, curve in CURVES.items()},
        PLOT,
    )


if __name__ == "__main__":
    main()
