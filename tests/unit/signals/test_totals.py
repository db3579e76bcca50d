"""From running totals to blocks."""

import math
from itertools import accumulate

import pytest

from modelward.evidence.counts import Count
from modelward.signals.answers import Series
from modelward.signals.totals import (
    LOOKBACK_BLOCKS,
    MAX_TOTAL,
    RECOVERY_BLOCKS,
    USUAL_BLOCKS,
    Totals,
    block,
    blocks,
    query_problem,
)

START = 1_000
BLOCK = 5


def totals(*values: float | None, labels: str = "a") -> Totals:
    """A total at the ends of consecutive blocks; None where there was none."""
    points = tuple((START + BLOCK * n, value) for n, value in enumerate(values) if value is not None)
    return Totals([Series({"s": labels}, points)] if points else [])


def at(number: int) -> int:
    """The end of a block."""
    return START + BLOCK * number


def test_a_block_is_the_rise_of_both_totals() -> None:
    """Events are what was added since the block's beginning, in whatever unit a team counts."""
    assert block(totals(10, 14, 14.5), totals(20, 25, 26), at(1), BLOCK) == Count(4, 1)
    assert block(totals(10, 14, 14.5), totals(20, 25, 26), at(2), BLOCK) == Count(0.5, 0.5)
    assert block(totals(10, 10), totals(20, 20), at(1), BLOCK) == Count(0, 0)


@pytest.mark.parametrize(
    ("good", "total"),
    [
        ((1, None), (1, 2)),
        ((1, 2), (None, 2)),
        ((1, math.nan), (1, 2)),
        ((1, 2), (1, math.inf)),
        ((-1, 2), (1, 4)),
        ((1, 2), (1, 2 * MAX_TOTAL)),
        ((1, 2), (5, 4)),
        ((2, 1), (5, 6)),
        ((1, 4), (1, 3)),
        ((0, 0), (0, 2e12)),
    ],
)
def test_what_cannot_be_told_is_unknown(
    good: tuple[float | None, ...], total: tuple[float | None, ...]
) -> None:
    """Missing, absurd and falling totals, and more good than all, are no count."""
    assert block(totals(*good), totals(*total), at(1), BLOCK) is None


def test_rounding_is_no_contradiction() -> None:
    """Sums of shares differ in their last digits."""
    found = block(totals(0.0, 0.1 + 0.2), totals(0.0, 0.3), at(1), BLOCK)
    assert found == Count(0.3, 0.0)


def test_after_a_fall_nothing_is_known_for_a_minute() -> None:
    """A pod that comes back brings what it counted long ago, which is no evidence of now."""
    falls = [100.0, 40.0, *(100.0 + n for n in range(RECOVERY_BLOCKS + 1))]
    found = blocks(totals(*falls), totals(*falls), [at(n) for n in range(1, len(falls))], BLOCK)
    assert [value is None for value in found.values()] == [True] * (RECOVERY_BLOCKS + 1) + [False]
    assert found[at(len(falls) - 1)] == Count(1, 0)


def test_totals_of_different_moments_are_unknown_for_a_minute() -> None:
    """Good that lags behind all seems bad first and too good later: neither is evidence."""
    # Ten good events in every other block, and good is read a block late.
    every = [10.0 * ((n + 1) // 2) for n in range(2 * RECOVERY_BLOCKS)]
    good = [0.0, *every[:-1]]
    found = blocks(totals(*good), totals(*every), [at(n) for n in range(2, len(every))], BLOCK)
    assert set(found.values()) == {None}
    said = query_problem(totals(*good), totals(*every), at(len(every) - 1), BLOCK)
    assert "not of one moment" in said
    assert "series of the same scrape" in said


def test_totals_of_one_moment_again_are_known_after_a_minute() -> None:
    """What was once apart is no longer held against the query when it has left the window."""
    every = [0.0, 10.0, 10.0, *(20.0 + n for n in range(RECOVERY_BLOCKS + 1))]
    good = [0.0, 0.0, *every[2:]]
    last = len(every) - 1
    assert block(totals(*good), totals(*every), at(last - 1), BLOCK) is None
    assert query_problem(totals(*good), totals(*every), at(last - 1), BLOCK)
    assert block(totals(*good), totals(*every), at(last), BLOCK) == Count(1, 0)
    assert query_problem(totals(*good), totals(*every), at(last), BLOCK) == ""


def test_a_pod_that_goes_away_is_nothing_to_mend_in_the_query() -> None:
    """Its bad events leave with it, which is no sign of two moments."""
    good, every = totals(90, 95, 46, 47), totals(100, 105, 47, 48)
    assert block(good, every, at(3), BLOCK) is None
    assert query_problem(good, every, at(3), BLOCK) == ""


def test_last_digits_of_large_totals_are_no_contradiction() -> None:
    """Doubles of this size are an eighth apart, which would otherwise spoil a minute."""
    large = MAX_TOTAL / 2
    found = block(totals(large, large + 1.125), totals(large, large + 1), at(1), BLOCK)
    assert found == Count(1, 0)


def back(*lifetimes: float) -> list[float]:
    """Two events a block, then pods that come back with all they counted, one in each, then two again."""
    steps = [*[2.0] * (USUAL_BLOCKS + 1), *lifetimes, *[2.0] * (RECOVERY_BLOCKS + 2)]
    return list(accumulate(steps, initial=100.0))


@pytest.mark.parametrize("lifetimes", [(5_000.0,), (5_000.0, 4_000.0, 9_000.0)])
def test_pods_that_were_missed_for_long_bring_no_events_of_now(lifetimes: tuple[float, ...]) -> None:
    """What they counted in their lives comes back in a block each, without a fall in the minute before."""
    total = back(*lifetimes)
    good = [value * 0.5 for value in total]
    found = list(blocks(totals(*good), totals(*total), map(at, range(1, len(total))), BLOCK).values())
    first = USUAL_BLOCKS + 1
    assert found[:first] == [Count(1, 1)] * first
    assert found[first : first + RECOVERY_BLOCKS + 1] == [None] * (RECOVERY_BLOCKS + 1)
    assert found[-1] == Count(1, 1)


def test_pods_that_come_back_after_everything_was_missed_bring_no_events_of_now() -> None:
    """A Prometheus that was away finds the pods one by one; it saw nothing that could be usual."""
    total = totals(*[None] * 5, 40_000, 80_000, 120_000, 120_002)
    found = blocks(total, total, map(at, range(5, 9)), BLOCK)
    assert set(found.values()) == {None}


def test_more_traffic_is_no_sudden_rise() -> None:
    """Several times as much is counted, and so is anything that is little."""
    total = totals(0, 90, 90, 90, 90 + 800)
    assert block(total, total, at(1), BLOCK) == Count(90, 0)
    assert block(total, total, at(4), BLOCK) == Count(800, 0)


def test_rare_scrapes_are_no_sudden_rises() -> None:
    """A counter that is scraped every two minutes stands still between, and rises by many events at once."""
    scrapes = [500.0 * (n // USUAL_BLOCKS) for n in range(5 * USUAL_BLOCKS)]
    total = totals(*scrapes)
    # The first rise could be anything; the second is known, once a minute and more has gone by.
    assert block(total, total, at(2 * USUAL_BLOCKS), BLOCK) == Count(500, 0)
    assert block(total, total, at(4 * USUAL_BLOCKS), BLOCK) == Count(500, 0)


def test_a_missing_total_does_not_hide_a_fall() -> None:
    """A fall across a gap is one all the same."""
    assert block(totals(9, None, 5, 6), totals(9, 10, 11, 12), at(3), BLOCK) is None
    assert block(totals(4, None, 5, 6), totals(9, 10, 11, 12), at(3), BLOCK) == Count(1, 0)


def test_two_series_are_no_total() -> None:
    """Two at once, or another one than a block before, cannot be subtracted."""
    first, second = Series({"s": "a"}, ((at(0), 1.0), (at(1), 2.0))), Series({"s": "b"}, ((at(1), 2.0),))
    total = totals(1, 3)
    assert "2 series" in Totals([first, second]).problem(at(1))
    assert block(Totals([first, second]), total, at(1), BLOCK) is None
    assert block(Totals([Series({"s": "a"}, ((at(0), 1.0),)), second]), total, at(1), BLOCK) is None
    assert "no series" in Totals([]).problem(at(1))


def test_one_by_one_or_all_at_once_is_the_same() -> None:
    """A live poll and a later range query must see the same blocks."""
    good = [5.0, 6.0, 3.0, *(float(n) for n in range(10, 60)), *(float(n) for n in range(900, 960))]
    total = [value * 2 for value in good]
    many = blocks(totals(*good), totals(*total), [at(n) for n in range(1, len(good))], BLOCK)
    for number in range(1, len(good)):
        window = slice(max(0, number - LOOKBACK_BLOCKS), number + 1)
        lead: list[float | None] = [None] * window.start
        live = block(totals(*lead, *good[window]), totals(*lead, *total[window]), at(number), BLOCK)
        assert live == many[at(number)]
