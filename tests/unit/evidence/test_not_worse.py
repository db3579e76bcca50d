"""The test that ends a step early."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.evidence import not_worse
from modelward.evidence.baseline import Baseline
from modelward.evidence.counts import Block, Count
from modelward.evidence.not_worse import NotWorsePolicy, NotWorseState

POLICY = NotWorsePolicy(1.5, 0.05)
KNOWN = Baseline(total=20_000, bad=6_000, pairs=1e6)
"""Stable is wrong in 30% of cases."""
SAME = (Count(35, 15), Count(35, 15))
AT_MARGIN = (Count(11, 9), Count(14, 6))

Pair = tuple[Block, Block]


def run(
    policy: NotWorsePolicy, stream: list[Pair], state: NotWorseState | None = None, known: Baseline = KNOWN
) -> NotWorseState:
    """Advance over pairs of (candidate, stable)."""
    state = state or not_worse.start()
    for candidate, stable in stream:
        state = not_worse.advance(policy, state, known, candidate, stable)
    return state


def test_as_good_is_shown() -> None:
    """A candidate with just stable's bad fraction is shown to be not worse within two minutes."""
    assert not not_worse.shown(POLICY, not_worse.start())
    assert not_worse.shown(POLICY, run(POLICY, [SAME] * 24))


def test_as_good_is_shown_within_a_margin() -> None:
    """With 15 points to rule out, the same bad fraction is shown soon, and one at the margin is not."""
    policy = NotWorsePolicy(1, 0.05, margin=0.15)
    assert not_worse.shown(policy, run(policy, [SAME] * 24))
    assert not_worse.log_evidence(run(policy, [AT_MARGIN] * 100)) < 0


@pytest.mark.parametrize("margin", [-0.01, 1, math.nan])
def test_impossible_margin(margin: float) -> None:
    """A margin below none or of everything is refused."""
    with pytest.raises(ValueError, match="margin must be from 0 to below 1"):
        NotWorsePolicy(1.5, 0.05, margin)


def test_at_the_margin_is_not_shown() -> None:
    """A candidate exactly at the margin loses evidence."""
    assert not_worse.log_evidence(run(POLICY, [AT_MARGIN] * 100)) < 0


def test_bounded_bet_by_hand() -> None:
    """The bounded bet's factor is 1 + s (ratio x_s - x_c); alone it needs no baseline."""
    state = run(POLICY, [SAME] * 2, known=Baseline())
    assert state.log_bounded == pytest.approx(2 * math.log(1 + 0.9 * (1.5 * 0.3 - 0.3)))
    assert state.log_likelihood == 0


def test_the_likelihood_bet_is_placed_once_stable_is_known() -> None:
    """From 500 of its events on."""
    few, enough = Baseline(total=499, bad=150), Baseline(total=500, bad=150)
    assert run(POLICY, [SAME], known=few).log_likelihood == 0
    assert run(POLICY, [SAME], known=enough).log_likelihood > 0


def test_one_block_is_capped() -> None:
    """However many events one block has, it gives a third of what is needed, at most."""
    state = run(POLICY, [(Count(7 * 10**8, 10**8), Count(7 * 10**8, 3 * 10**8))])
    assert state.log_likelihood == pytest.approx(POLICY.log_threshold / 3)


@pytest.mark.parametrize(
    "pair", [(None, SAME[1]), (SAME[0], None), (Count(0, 0), SAME[1]), (SAME[0], Count(0, 0))]
)
def test_one_arm_alone_is_no_evidence(pair: Pair) -> None:
    """A block without events of both arms changes nothing."""
    state = run(POLICY, [SAME])
    assert not_worse.advance(POLICY, state, KNOWN, *pair) is state


@given(
    st.lists(st.tuples(*[st.builds(Count, st.integers(0, 10**9), st.integers(0, 10**9))] * 2), max_size=20)
)
def test_any_counts_leave_numbers(stream: list[Pair]) -> None:
    """Counts up to a thousand million a block never make NaN or infinite evidence."""
    baseline, state = Baseline(), not_worse.start()
    for candidate, stable in stream:
        state = not_worse.advance(POLICY, state, baseline, candidate, stable)
        baseline = baseline.advance(stable, 1.0)
        assert not_worse.log_evidence(state) < POLICY.log_threshold + not_worse.CEILING + 1e-9


@pytest.mark.parametrize("ratio", [1, 0.5, math.inf, math.nan])
def test_impossible_ratio(ratio: float) -> None:
    """A ratio of one or less can never be ruled out, and is refused."""
    with pytest.raises(ValueError, match="ratio must be above 1"):
        NotWorsePolicy(ratio, 0.05)


@pytest.mark.parametrize("alpha", [0, 1, math.nan])
def test_impossible_alpha(alpha: float) -> None:
    """A chance of none or one is refused."""
    with pytest.raises(ValueError, match="alpha must lie between 0 and 1"):
        NotWorsePolicy(1.5, alpha)
