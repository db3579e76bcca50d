"""Counts refuse what no counter can have counted."""

import math

import pytest

from modelward.evidence.counts import MAX_EVENTS, Count, StorageSplit, sanitize


def test_fraction_of_bad_events() -> None:
    """The bad fraction is bad over all events."""
    count = Count(3, 1)
    assert (count.total, count.bad_fraction) == (4, 0.25)


def test_no_traffic_has_no_fraction() -> None:
    """A block without events is known, and has no bad fraction."""
    assert Count(0, 0).total == 0
    assert math.isnan(Count(0, 0).bad_fraction)


@pytest.mark.parametrize(
    ("good", "bad"), [(-1, 0), (0, -1e-9), (math.nan, 0), (0, math.nan), (math.inf, 0), (0, MAX_EVENTS * 2)]
)
def test_nonsense_is_refused(good: float, bad: float) -> None:
    """Nonsense raises an error that names both numbers; from outside it is Unknown."""
    with pytest.raises(ValueError, match=r"good=.* bad=.*sanitize"):
        Count(good, bad)
    assert sanitize(good, bad) is None


def test_sense_is_taken() -> None:
    """Plausible numbers from outside become a count."""
    assert sanitize(2, 1) == Count(2, 1)


@pytest.mark.parametrize("part", [-1, math.nan, math.inf, MAX_EVENTS * 2])
def test_a_nonsensical_split_is_refused(part: float) -> None:
    """A part by storage is a count like any other."""
    with pytest.raises(ValueError, match="by storage"):
        StorageSplit(0, 0, part, 0)
