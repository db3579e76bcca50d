"""What a revision usually does."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.evidence.baseline import SMALLEST_CORRELATION, Baseline, kept_per_block
from modelward.evidence.counts import Block, Count


def after(*blocks: Block, keep: float = 1.0) -> Baseline:
    """A baseline after these blocks."""
    baseline = Baseline()
    for block in blocks:
        baseline = baseline.advance(block, keep)
    return baseline


def test_nothing_seen_bounds_nothing() -> None:
    """Without events anything is possible."""
    assert Baseline().upper == 1
    assert Baseline().rate == 0.5


@pytest.mark.parametrize("block", [None, Count(0, 0)])
def test_nothing_seen_changes_nothing(block: Block) -> None:
    """A block that is Unknown or empty neither adds nor forgets."""
    baseline = after(Count(90, 10))
    assert baseline.advance(block, 0.5) is baseline


def test_forgetting() -> None:
    """What is a day old weighs 1/e."""
    keep = kept_per_block(5) ** (86_400 / 5)
    assert after(Count(90, 10), Count(100, 0), keep=keep).total == pytest.approx(100 / math.e + 100)


@given(st.lists(st.builds(Count, st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=30))
def test_bound_lies_above_the_rate(blocks: list[Count]) -> None:
    """For any counts the bound lies above the observed fraction, within 0 and 1."""
    baseline = after(*blocks)
    if baseline.total:
        assert 0 < baseline.upper <= 1
        assert baseline.upper >= baseline.bad / baseline.total
        assert SMALLEST_CORRELATION <= baseline.correlation <= 1
        assert 0 < baseline.rate < 1


def test_bound_of_a_known_case() -> None:
    """The bound is Wilson's: the p above 10/100 with (p - 10/100)^2 = 2.33^2 p (1 - p) / 100."""
    upper = Baseline(total=100, bad=10).upper
    assert upper > 0.1
    assert (upper - 0.1) ** 2 == pytest.approx(2.33**2 * upper * (1 - upper) / 100)


def test_clustered_events_count_for_fewer() -> None:
    """Blocks that are all good or all bad are correlated through and through, and widen the bounds."""
    clustered = after(*[Count(0, 10), Count(10, 0)] * 50)
    even = after(*[Count(5, 5)] * 100)
    assert clustered.correlation == pytest.approx(1, abs=0.1)
    assert even.correlation == SMALLEST_CORRELATION
    assert clustered.upper > even.upper


def test_single_events_tell_nothing_about_clusters() -> None:
    """One event a block has no pairs, so the least correlation is assumed."""
    assert after(*[Count(0, 1), Count(1, 0)] * 50).correlation == SMALLEST_CORRELATION
