"""Blocks of evidence from a team's running totals: pure, series of both in, counts out.

A query answers with sums over pods, so that no counter can be told from another: a total that falls may be
a pod that restarted, ended or was missed by a scrape, and what rises after it may be events of long ago.
So a block is Unknown if either total fell in it or in the minute before. Nor is it known where a total is
missing, is no number or comes in several series.

The bad events are a running total too: all less the good. Where that falls, good and all were counted at
different moments, and what looks bad in one block is good in the next: it is taken like any other fall.

A pod that was missed for longer than that brings back all it ever counted in one block, or a few if several
come back. So a sudden rise is taken like a fall: one that is many times those of the blocks before it.

A block is a function of the totals at its end and at the `LOOKBACK_BLOCKS` block ends before, so whoever asks
for blocks one by one and whoever asks for many at once see the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import ulp
from typing import Final, TypeAlias

from modelward.evidence.counts import MAX_EVENTS, Block, Count
from modelward.render.promql import TOTAL_LABEL
from modelward.signals.answers import Series

RECOVERY_BLOCKS: Final = 12
"""Blocks after a fall, or a sudden rise, that are Unknown."""
USUAL_BLOCKS: Final = 24
"""Blocks whose largest rise is the usual one; no counter may be scraped more rarely than this long, or each
rise would seem sudden."""
SUDDEN_RATIO: Final = 10.0
"""A rise above this multiple of the usual one is sudden."""
SUDDEN_EVENTS: Final = 100.0
"""A rise up to this is none: a pod that counted so little does little harm, and few events come unevenly."""
LOOKBACK_BLOCKS: Final = USUAL_BLOCKS + RECOVERY_BLOCKS + 1
ROUNDING: Final = 1e-9
"""Share by which the good events may seem more than all: sums of doubles differ in their last digits."""
ROUNDING_STEPS: Final = 8
"""Steps between neighbouring doubles by which four totals together may be off."""
MAX_TOTAL: Final = 1e15
"""Beyond this a double no longer holds every event."""

_APART: Final = (
    "query.good rose by more than query.total within one block, so the two are not of one moment, and good "
    "events seem bad: let both count series of the same scrape and, if by recording rules, in one group"
)

Point: TypeAlias = tuple[int, float]
"""Which series it is of, and its value."""


class Totals:
    """One running total at the ends of blocks."""

    def __init__(self, answer: Iterable[Series]) -> None:
        """Take in the series of an answer."""
        self._points: dict[int, list[Point]] = {}
        for number, series in enumerate(answer):
            for time, value in series.points:
                self._points.setdefault(round(time), []).append((number, value))

    def problem(self, time: int) -> str:
        """Say what is wrong with the total at a time; empty if nothing is."""
        points = self._points.get(time, [])
        if len(points) != 1:
            return _not_one(len(points))
        value = points[0][1]
        return "" if 0 <= value <= MAX_TOTAL else f"it gave {value:g}, which no running total can be"

    def several(self) -> str:
        """Say that it gave several series at one time; empty where it did not."""
        most = max(map(len, self._points.values()), default=0)
        return _not_one(most) if most > 1 else ""

    def rise(self, times: Sequence[int]) -> float | None:
        """How much the total rose between the last two of these times; None if that cannot be told.

        It fell in none of the steps between; earlier times at which there was no total are passed over.
        """
        if any(map(self.problem, times[-2:])):
            return None
        (series, before), (same, now) = (self._points[time][0] for time in times[-2:])
        usable = self.values(times).values()
        fell = any(later < earlier for earlier, later in pairwise(usable))
        return None if series != same or fell else now - before

    def values(self, times: Sequence[int]) -> Mapping[int, float]:
        """Return the total at those of these times at which there is one, in their order."""
        return {time: self._points[time][0][1] for time in times if not self.problem(time)}


def totals(answer: Iterable[Series], name: str) -> Totals:
    """Return the running total called good or total of an answer to `promql.totals`."""
    return Totals(series for series in answer if series.labels.get(TOTAL_LABEL) == name)


def query_problem(good: Totals, total: Totals, time: int, block_seconds: int) -> str:
    """Say what is wrong with the queries of the block that ends at a time; empty if nothing is."""
    for name, totals in (("good", good), ("total", total)):
        if said := totals.problem(time):
            return f"query.{name}: {said}"
    times = _window(time, block_seconds)
    # Where a total fell itself a pod has gone, and that is nothing to mend in the query.
    if total.rise(times) is not None and good.rise(times) is not None and _apart(good, total, times):
        return _APART
    return ""


def block(good: Totals, total: Totals, time: int, block_seconds: int) -> Block:
    """The count of the block that ends at a time; None where it cannot be told."""
    times = _window(time, block_seconds)
    events, well = total.rise(times), good.rise(times)
    if events is None or well is None or events > MAX_EVENTS or _apart(good, total, times):
        return None
    if _rose_suddenly(total, range(time - LOOKBACK_BLOCKS * block_seconds, time + 1, block_seconds)):
        return None
    return Count(min(well, events), max(events - well, 0.0))


def blocks(good: Totals, total: Totals, times: Iterable[int], block_seconds: int) -> Mapping[int, Block]:
    """The count of each block that ends at one of these times."""
    return {time: block(good, total, time, block_seconds) for time in times}


def _not_one(series: int) -> str:
    return f"it gave {series or 'no'} series where it must give one; write for instance sum(...)"


def _window(time: int, block_seconds: int) -> Sequence[int]:
    return range(time - (RECOVERY_BLOCKS + 1) * block_seconds, time + 1, block_seconds)


def _apart(good: Totals, total: Totals, times: Sequence[int]) -> bool:
    """Whether more good events were added than there were, in any of the steps between these times."""
    well, every = good.values(times), total.values(times)
    for earlier, later in pairwise(time for time in times if time in well and time in every):
        events = every[later] - every[earlier]
        rounding = ROUNDING * max(events, 1.0) + ROUNDING_STEPS * ulp(every[later])
        if well[later] - well[earlier] > events + rounding:
            return True
    return False


def _rose_suddenly(total: Totals, times: Sequence[int]) -> bool:
    """Whether any step after the first `USUAL_BLOCKS` is far larger than those before it.

    Nothing is usual where there was no total, so that of pods that come back one by one the first is seen.
    """
    values = total.values(times)
    rises = [
        values[later] - values[earlier] if earlier in values and later in values else 0.0
        for earlier, later in pairwise(times)
    ]
    return any(
        rises[n] > max(SUDDEN_EVENTS, SUDDEN_RATIO * max(rises[n - USUAL_BLOCKS : n]))
        for n in range(USUAL_BLOCKS, len(rises))
    )
