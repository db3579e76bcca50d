"""Runs cases over several processes; each run has its own seed, so the way they are shared out is nothing."""

import math
import multiprocessing
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from bench.simulate.case import Case
from bench.simulate.cases import CASES, CURVES
from bench.simulate.rivals import RIVALS

SEED: Final = 20_240_501
RUNS_A_TASK: Final = 20

Outcome: TypeAlias = tuple[float, ...]
"""Seconds to the verdict, and to each rival's alarm where they are asked; infinite if it never came."""

_KNOWN: Final = {
    **CASES,
    **{case.name: case for curve in CURVES.values() for case in curve.values()},
}


@dataclass(frozen=True, slots=True)
class Result:
    """What came of the runs of one case: outcomes in the order of the runs."""

    case: Case
    outcomes: Sequence[Outcome]

    @property
    def seconds(self) -> list[float]:
        """Of the shipping engine."""
        return [outcome[0] for outcome in self.outcomes]

    @property
    def figure(self) -> float:
        """The case's figure."""
        return self.case.summary(self.seconds)

    @property
    def is_within_limit(self) -> bool:
        """Whether the figure keeps the case's limit."""
        return self.case.within_limit(self.seconds)

    @property
    def rivals(self) -> dict[str, float]:
        """The same figure of the policies compared with; none where they are not asked."""
        if self.case.tolerance is None:
            return {}
        by_rival = zip(*(outcome[1:] for outcome in self.outcomes), strict=True)
        return {name: self.case.summary(seconds) for name, seconds in zip(RIVALS, by_rival, strict=True)}


def run(case: Case, index: int) -> Outcome:
    """One run."""
    rng = np.random.default_rng([SEED, zlib.crc32(case.name.encode()), index])
    stream = case.source.draw(rng)
    seconds = case.judge.seconds(stream)
    if case.tolerance is None:
        return (seconds,)
    return seconds, *(rival(stream, case.tolerance) for rival in RIVALS.values())


def simulate(cases: Iterable[Case], runs: Callable[[Case], int]) -> Iterator[Result]:
    """Run cases in as many processes as there are cores, and yield each as soon as it is complete.

    Args:
        cases: of `CASES` or `CURVES`.
        runs: how many runs of a case.
    """
    wanted = {case.name: case for case in cases}
    tasks = [
        (name, range(first, min(first + RUNS_A_TASK, runs(case))))
        for name, case in wanted.items()
        for first in range(0, runs(case), RUNS_A_TASK)
    ]
    outcomes: dict[str, dict[int, Outcome]] = {name: {} for name in wanted}
    with multiprocessing.Pool() as pool:
        for name, found in pool.imap_unordered(_task, tasks):
            known, case = outcomes[name], wanted[name]
            known.update(found)
            if len(known) == runs(case):
                yield Result(case, [known[index] for index in range(runs(case))])


def _task(task: tuple[str, range]) -> tuple[str, dict[int, Outcome]]:
    name, indices = task
    return name, {index: run(_KNOWN[name], index) for index in indices}


def quartiles(result: Result) -> tuple[float, float, float]:
    """25%, 50% and 75% of the seconds from the onset, infinite where that many had no verdict."""
    ordered = sorted(result.seconds)
    onset = result.figure - float(np.median(result.seconds)) if math.isfinite(result.figure) else 0.0
    low, middle, high = (ordered[int(share * (len(ordered) - 1))] + onset for share in (0.25, 0.5, 0.75))
    return low, middle, high
