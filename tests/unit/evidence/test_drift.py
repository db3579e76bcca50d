"""Drift: the PSI of counts known by hand, the quantile against SciPy, and how often chance alone is drift."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import chdtri

from modelward.evidence.drift import EVENTS_PER_BIN, Drift, DriftPolicy, assess, chi_squared_quantile, psi
from modelward.evidence.sharing import SECONDS_IN_A_YEAR
from modelward.evidence.verdict import Verdict

COUNTS = st.lists(st.floats(0, 1e9), min_size=2, max_size=20)
WEEK = 7 * 86_400
POLICY = DriftPolicy(0.2, 1, 1, WEEK)


def test_psi_of_two_bins_by_hand() -> None:
    """Shares of (3/4, 1/4) against (1/4, 3/4), half an event added to each bin: 2 x 1/2 x ln 3."""
    assert psi([2.5, 0.5], [5.5, 17.5]) == pytest.approx(math.log(3), rel=1e-12)


def test_an_empty_bin_counts_as_half_an_event() -> None:
    """(0, 9) against (4.5, 4.5) are shares of .05 and .95 against a half: .45 ln 10 + .45 ln 1.9."""
    expected = 0.45 * math.log(10) + 0.45 * math.log(1.9)
    assert psi([0, 9], [4.5, 4.5]) == pytest.approx(expected, rel=1e-12)


@given(COUNTS)
def test_the_same_counts_have_no_psi(counts: list[float]) -> None:
    """A distribution against itself is zero."""
    assert psi(counts, counts) == 0


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), min_size=2, max_size=20))
def test_psi_is_symmetric_finite_and_not_negative(pairs: list[tuple[float, float]]) -> None:
    """Whatever the counts, and whichever of the two is the reference."""
    window, reference = zip(*pairs, strict=True)
    found = psi(window, reference)
    assert -1e-12 <= found < math.inf
    assert psi(reference, window) == pytest.approx(found, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 10, 19, 50])
@pytest.mark.parametrize("tail", [0.9, 0.5, 0.05, 1e-3, 1e-6, 1e-12])
def test_the_quantile_is_that_of_chi_squared(tail: float, degrees: int) -> None:
    """As SciPy has it, far into the tail, for odd and even degrees."""
    assert chi_squared_quantile(tail, degrees) == pytest.approx(chdtri(degrees, tail), rel=1e-9)


def test_the_limit_is_the_threshold_where_chance_does_less() -> None:
    """With many events the quantile is small, and what matters decides."""
    found = assess(POLICY, [7_000, 3_000], [5_000, 5_000])
    assert found == Drift(psi([7_000, 3_000], [5_000, 5_000]), 0.2, 10_000, Verdict.HEALTHY)
    assert found.psi == pytest.approx(0.2 * math.log(7 / 3), rel=1e-3)
    assert assess(POLICY, [8_000, 2_000], [5_000, 5_000]).verdict is Verdict.BREACHED


def test_the_limit_is_the_quantile_where_chance_does_more() -> None:
    """(1/40 + 1/60) times the quantile of one degree of freedom at one window in a year of weeks."""
    quantile = chdtri(1, WEEK / SECONDS_IN_A_YEAR)
    found = assess(POLICY, [28, 12], [30, 30])
    assert found.limit == pytest.approx((1 / 40 + 1 / 60) * quantile, rel=1e-9)
    assert found.limit > POLICY.threshold
    assert found.verdict is Verdict.HEALTHY
    assert assess(POLICY, [32, 8], [30, 30]).verdict is Verdict.BREACHED


def test_psi_at_its_limit_is_no_drift() -> None:
    """Only what is above it; equal distributions at a threshold of zero would be drift otherwise."""
    counts = [1e11, 1e11]
    limit = assess(DriftPolicy(psi([6e10, 4e10], counts), 1, 1, WEEK), [6e10, 4e10], counts)
    assert limit.psi == limit.limit
    assert limit.verdict is Verdict.HEALTHY


def test_the_rate_is_shared_over_features_and_windows() -> None:
    """Twice the features, or windows half as long, halve each one's part."""
    assert POLICY.tail == pytest.approx(WEEK / SECONDS_IN_A_YEAR, rel=1e-12)
    assert DriftPolicy(0.2, 1, 2, WEEK).tail == POLICY.tail / 2
    assert DriftPolicy(0.2, 1, 1, WEEK / 2).tail == POLICY.tail / 2
    assert DriftPolicy(0.2, 3, 1, WEEK).tail == pytest.approx(3 * POLICY.tail)


def test_a_window_may_be_as_short_as_a_second() -> None:
    """Each has its part of the yearly rate, so its limit is far out."""
    assert DriftPolicy(0.2, 1.0, 1, 1).tail == pytest.approx(1 / SECONDS_IN_A_YEAR)


def test_too_few_events_are_unknown() -> None:
    """In the window or in the reference; with just enough there is a verdict."""
    few, enough = [EVENTS_PER_BIN, EVENTS_PER_BIN - 1.0], [EVENTS_PER_BIN, EVENTS_PER_BIN]
    for window, reference in ((few, enough), (enough, few), ([0, 0], enough)):
        found = assess(POLICY, window, reference)
        assert found.verdict is Verdict.UNKNOWN
        assert math.isnan(found.psi)
        assert (found.limit, found.events) == (POLICY.threshold, sum(window))
    assert assess(POLICY, enough, enough).verdict is Verdict.HEALTHY


@pytest.mark.parametrize("bins", [2, 10])
def test_chance_alone_is_rarely_drift(bins: int) -> None:
    """At a tail of 1e-3 and the fewest events allowed, at most three in a thousand windows, of 50,000."""
    policy = DriftPolicy(0, 1, 1, SECONDS_IN_A_YEAR / 1000)
    random = np.random.default_rng(1)
    events, windows = EVENTS_PER_BIN * bins, 50_000
    shares = np.full(bins, 1 / bins)
    ours = (random.multinomial(events, shares, windows) + 0.5) / (events + bins / 2)
    theirs = (random.multinomial(10 * events, shares, windows) + 0.5) / (10 * events + bins / 2)
    found = ((ours - theirs) * np.log(ours / theirs)).sum(axis=1)
    limit = assess(policy, [EVENTS_PER_BIN] * bins, [10 * EVENTS_PER_BIN] * bins).limit
    assert 0.0003 < (found > limit).mean() <= 0.003


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((-0.1, 1, 1, WEEK), "a threshold of PSI must be 0 or more, got -0.1; write 0.2"),
        ((math.nan, 1, 1, WEEK), "a threshold of PSI must be 0 or more"),
        ((math.inf, 1, 1, WEEK), "a threshold of PSI must be 0 or more"),
        ((0.2, 0, 1, WEEK), "false alarms per year must be above 0, got 0; write 1"),
        ((0.2, 1, 0, WEEK), "in one feature or more and a window above 0 s, got 0 and"),
        ((0.2, 1, 1, 0), "in one feature or more and a window above 0 s, got 1 and 0"),
        ((0.2, 1, 1, SECONDS_IN_A_YEAR), "one in every window of"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(numbers: tuple[float, float, int, float], message: str) -> None:
    """The message says what is wrong and what to write."""
    with pytest.raises(ValueError, match=message):
        DriftPolicy(*numbers)


@pytest.mark.parametrize(
    ("window", "reference", "message"),
    [
        ([1, 2], [1, 2, 3], "the same bins, two or more, got 2 and 3"),
        ([1], [1], "the same bins, two or more, got 1 and 1"),
        ([1, -1], [1, 1], "a bin's count must be between 0 and 1e.12, got -1"),
        ([1, 1], [1, math.nan], "a bin's count must be between 0 and 1e.12, got nan"),
        ([1, 2e12], [1, 1], "a bin's count must be between 0 and 1e.12, got 2000000000000.0"),
    ],
)
def test_counts_that_cannot_be_are_refused(window: list[float], reference: list[float], message: str) -> None:
    """By both ways in."""
    with pytest.raises(ValueError, match=message):
        psi(window, reference)
    with pytest.raises(ValueError, match=message):
        assess(POLICY, window, reference)


@pytest.mark.parametrize(("tail", "degrees"), [(0, 1), (1, 1), (math.nan, 1), (0.5, 0)])
def test_a_quantile_that_cannot_be_is_refused(tail: float, degrees: int) -> None:
    """A tail of nothing or all has none."""
    with pytest.raises(ValueError, match="a quantile is of a tail between 0 and 1 and a degree or more"):
        chi_squared_quantile(tail, degrees)


def test_the_largest_count_is_taken() -> None:
    """And one bin of it beside an empty one is the largest index of all."""
    assert psi([1e12, 0], [0, 1e12]) > psi([1e11, 0], [0, 1e11]) > 0
