"""A row of the table: streams, the question asked of them, and the limit that the answer is to keep."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.simulate.judges import Judge
from bench.simulate.rivals import Tolerance
from bench.simulate.streams import BLOCK_SECONDS, Source
from modelward.evidence.sharing import blocks_to_false_alarm

Z_95: Final = 1.645
"""One-sided normal quantile at 95%."""

ONCE_A_YEAR: Final = blocks_to_false_alarm(1, BLOCK_SECONDS, detectors=1)
OFTEN: Final = blocks_to_false_alarm(5_000, BLOCK_SECONDS, detectors=1)
"""Blocks to a false alarm at a yearly rate at which alarms can be waited for."""
RATE_HORIZON: Final = 20_000
"""Blocks of a run that waits for them."""

_Seconds: TypeAlias = NDArray[np.float64]


class Figure(Enum):
    """What is made of the seconds of all runs."""

    SHARE = "share of runs with the verdict"
    MISSED = "share of runs without the verdict"
    MEDIAN = "median seconds from the onset to the verdict"
    RATE = "lower 95% bound of the verdicts per block"


class Part(Enum):
    """The tables, by what is asked."""

    TARGET = "against the target"
    STABLE = "against stable"
    NOT_WORSE = "not worse"
    STORAGE = "explained by slow storage"


@dataclass(frozen=True, slots=True)
class Runs:
    """How many runs: for the table, and for the quick check."""

    full: int
    quick: int


@dataclass(frozen=True, slots=True)
class Case:
    """One row.

    Args:
        part: the table that it is in.
        name: what happens, unique.
        source: draws the streams.
        judge: the shipping test.
        figure: what is made of the outcomes.
        limit: the largest figure that is allowed; a share, seconds, or alarms per block.
        runs: how many.
        onset_block: from which on the seconds of a median are counted.
        horizon_blocks: length of a run that ends without a verdict, for a rate.
        tolerance: what the policies compared with hold it to; None: they are not asked.
    """

    part: Part
    name: str
    source: Source
    judge: Judge
    figure: Figure
    limit: float
    runs: Runs
    onset_block: int = 0
    horizon_blocks: int = 0
    tolerance: Tolerance | None = None

    def summary(self, seconds: Sequence[float]) -> float:
        """The figure of so many outcomes, each in seconds or infinite."""
        return _SUMMARIES[self.figure](self, np.asarray(seconds))

    def within_limit(self, seconds: Sequence[float]) -> bool:
        """Whether the figure keeps the limit.

        A share of few runs is let pass if its lower 95% bound (Wilson 1927) keeps it: a true share just
        below the limit shows one above it in every other check.
        """
        found = self.summary(seconds)
        few = self.figure in {Figure.SHARE, Figure.MISSED} and len(seconds) < self.runs.full
        return (_lower_share(found, len(seconds)) if few else found) <= self.limit


def _share(_case: Case, seconds: _Seconds) -> float:
    return float(np.mean(np.isfinite(seconds)))


def _missed(case: Case, seconds: _Seconds) -> float:
    return 1 - _share(case, seconds)


def _median(case: Case, seconds: _Seconds) -> float:
    return float(np.median(seconds)) - case.onset_block * BLOCK_SECONDS


def _rate(case: Case, seconds: _Seconds) -> float:
    """Poisson lower bound over the blocks watched; gamma quantile by Wilson & Hilferty 1931."""
    alarms = int(np.count_nonzero(np.isfinite(seconds)))
    blocks = float(np.minimum(seconds / BLOCK_SECONDS, case.horizon_blocks).sum())
    if not alarms:
        return 0.0
    return float(alarms * (1 - 1 / (9 * alarms) - Z_95 / (3 * math.sqrt(alarms))) ** 3 / blocks)


_SUMMARIES: Final[Mapping[Figure, Callable[[Case, _Seconds], float]]] = {
    Figure.SHARE: _share,
    Figure.MISSED: _missed,
    Figure.MEDIAN: _median,
    Figure.RATE: _rate,
}


def _lower_share(share: float, runs: int) -> float:
    square = Z_95**2 / runs
    half = math.sqrt(square * share * (1 - share) + square**2 / 4)
    return max((share + square / 2 - half) / (1 + square), 0.0) if share else 0.0
