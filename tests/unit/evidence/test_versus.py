"""The test against stable."""

import math
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.evidence import versus
from modelward.evidence.baseline import Baseline
from modelward.evidence.counts import Block, Count
from modelward.evidence.versus import Bets, Form, VersusPolicy, VersusState

POLICY = VersusPolicy(1.5, 0.01)
BOUNDED = VersusPolicy(1.5, 0.01, bets=Bets.BOUNDED)
KNOWN = Baseline(total=32_400, bad=324, excess=0.0, pairs=1.4e6)
"""An hour at 1% bad and 9 requests/s."""
FINE = (Count(5, 0), Count(45, 0))
WORSE = (Count(2, 3), Count(45, 0))
BOTH = (Count(2, 3), Count(18, 27))

Pair = tuple[Block, Block]


def run(
    policy: VersusPolicy, stream: Iterable[Pair], state: VersusState | None = None, known: Baseline = KNOWN
) -> VersusState:
    """Advance over pairs of (candidate, stable)."""
    state = state or versus.start()
    for candidate, stable in stream:
        state = versus.advance(policy, state, known, candidate, stable)
    return state


def test_first_bounded_bets_by_hand() -> None:
    """The first factor is 1 + g (x_c/b - 1), weighted .8, with b of the larger of U and the window."""
    state = run(BOUNDED, [(Count(4, 1), Count(100, 0))])
    bound = 1.5 * max(KNOWN.upper, 1 / 100)
    expected = [math.log(0.8 * (1 + g * (0.2 / bound - 1))) for g in versus.BET_SHARES]
    assert state.log_bounded == pytest.approx(expected)
    assert versus.log_evidence(BOUNDED, state) == pytest.approx(
        math.log(sum(map(math.exp, expected)) / len(expected))
    )


@pytest.mark.parametrize("policy", [POLICY, BOUNDED])
def test_worse_is_found(policy: VersusPolicy) -> None:
    """A candidate with 60% bad beside a stable without is rejected, but not before its fourth block."""
    assert not versus.breached(policy, run(policy, [WORSE] * 3))
    assert versus.breached(policy, run(policy, [WORSE] * 5))


@pytest.mark.parametrize("policy", [POLICY, BOUNDED])
def test_a_shared_incident_is_no_evidence(policy: VersusPolicy) -> None:
    """When both arms have 60% bad at once, even after an hour of health, nothing is held against one."""
    state = run(policy, [FINE] * 100)
    assert not versus.breached(policy, run(policy, [BOTH] * 60, state))


def test_a_verdict_is_at_the_threshold_and_above() -> None:
    """With four blocks of traffic, three of them bad."""
    policy = VersusPolicy(1.5, 1e-6, bets=Bets.BOUNDED)
    at = VersusState((policy.log_threshold,) * 4, blocks=4, bad_blocks=0b10101)
    assert versus.log_evidence(policy, at) == policy.log_threshold
    assert versus.breached(policy, at)
    below = (policy.log_threshold - 1e-9,) * 4
    for less in (replace(at, log_bounded=below), replace(at, blocks=3), replace(at, bad_blocks=0b10100)):
        assert not versus.breached(policy, less)


def test_three_of_six_blocks_must_be_bad() -> None:
    """Overwhelming evidence from two blocks alone is no verdict; a third bad block makes it one."""
    burst = (Count(0, 10_000), Count(90_000, 10))
    clean = (Count(1, 0), Count(9, 0))
    policy = VersusPolicy(1.5, 0.05)
    state = run(policy, [burst] * 2 + [clean] * 2)
    assert versus.log_evidence(policy, state) > policy.log_threshold
    assert not versus.breached(policy, state)
    assert versus.breached(policy, run(policy, [burst], state))


def test_a_burst_of_fractions_is_a_burst() -> None:
    """Where every block has some bad share, two blocks of nothing but errors are no verdict either."""
    burst, usual = (Count(0, 10_000), Count(85_500, 4_500)), (Count(0.95, 0.05), Count(8.55, 0.45))
    known = Baseline(total=100_000, bad=5_000, pairs=1e8)
    policy = VersusPolicy(1.5, 0.1)
    state = run(policy, [burst] * 2 + [usual] * 2, known=known)
    assert versus.log_evidence(policy, state) > policy.log_threshold
    assert not versus.breached(policy, state)
    assert versus.breached(policy, run(policy, [burst], state, known))


def test_first_bounded_bets_with_a_margin_by_hand() -> None:
    """A margin is added to the bound, and the bound is as by the ratio otherwise."""
    policy = VersusPolicy(1, 0.01, bets=Bets.BOUNDED, max_margin=0.04)
    state = run(policy, [(Count(4, 1), Count(100, 0))])
    bound = max(KNOWN.upper, 1 / 100) + 0.04
    expected = [math.log(0.8 * (1 + g * (0.2 / bound - 1))) for g in versus.BET_SHARES]
    assert state.log_bounded == pytest.approx(expected)


@pytest.mark.parametrize("bets", Bets)
def test_a_margin_is_tolerated_and_more_is_not(bets: Bets) -> None:
    """With 10 points allowed, 40% wrong beside 30% is never held against a candidate, 60% is."""
    policy = VersusPolicy(1, 0.01, bets=bets, max_margin=0.1)
    known = Baseline(total=10_000, bad=3_000, pairs=1e6)
    assert not versus.breached(policy, run(policy, [(Count(30, 20), Count(35, 15))] * 500, known=known))
    assert versus.breached(policy, run(policy, [(Count(20, 30), Count(35, 15))] * 60, known=known))


def test_late_onset_is_found() -> None:
    """A candidate that was fine for an hour and then has 60% bad is rejected within a minute."""
    state = run(POLICY, [FINE] * 720)
    assert versus.breached(POLICY, run(POLICY, [WORSE] * 12, state))


@pytest.mark.parametrize("pair", [(None, Count(45, 0)), (Count(2, 3), None), (None, None)])
def test_unknown_changes_nothing(pair: Pair) -> None:
    """A block that is Unknown for one arm leaves the state as it is."""
    state = run(POLICY, [WORSE])
    assert versus.advance(POLICY, state, KNOWN, *pair) is state


def test_no_candidate_traffic_is_no_bet() -> None:
    """A block without traffic of the candidate shows only how stable does."""
    before = run(POLICY, [WORSE])
    after = run(POLICY, [(Count(0, 0), Count(40, 5))], before)
    assert (after.log_bounded, after.log_likelihood, after.blocks) == (
        before.log_bounded,
        before.log_likelihood,
        before.blocks,
    )
    assert (after.candidate_total, after.stable_bad) == (before.candidate_total, 5)


def test_no_stable_traffic_forgets_nothing_of_it() -> None:
    """A block without traffic of stable bets on what is known of it."""
    before = run(POLICY, [WORSE])
    after = run(POLICY, [(Count(2, 3), Count(0, 0))], before)
    assert (after.window_total, after.stable_total) == (before.window_total, before.stable_total)
    assert versus.log_evidence(POLICY, after) > versus.log_evidence(POLICY, before)


def test_without_stable_traffic_the_bound_is_of_what_is_known_of_it() -> None:
    """A block that stable has no part in is held against U and the window, and its bets are placed."""
    known = run(BOUNDED, [(Count(0, 0), Count(1_000, 0))])
    state = run(BOUNDED, [(Count(4, 1), Count(0, 0))], known)
    bound = 1.5 * max(KNOWN.upper, 1 / 1_000)
    expected = [math.log(0.8 * (1 + g * (0.2 / bound - 1))) for g in versus.BET_SHARES]
    assert state.log_bounded == pytest.approx(expected)


def test_unknown_stable_holds_nothing_against_a_candidate() -> None:
    """With no history of stable and none of its traffic no candidate is worse."""
    state = run(POLICY, [(Count(0, 50), Count(0, 0))] * 50, known=Baseline())
    assert not versus.breached(POLICY, state)
    assert versus.log_evidence(POLICY, state) <= 0


def test_no_bounded_bet_is_placed_that_could_only_lose() -> None:
    """Where everything bad is still tolerated, a good candidate wins nothing and loses nothing."""
    state = run(VersusPolicy(1, 0.01, bets=Bets.BOUNDED), [(Count(5, 0), Count(0, 50))])
    assert state.log_bounded == pytest.approx([math.log(0.8)] * 4)


@pytest.mark.parametrize(("candidate", "bits"), [(Count(4, 1), 0), (Count(3, 2), 1)])
def test_a_block_is_bad_where_more_of_it_is_than_is_tolerated(candidate: Count, bits: int) -> None:
    """Beside a stable with 20% bad and a ratio of 1.5, two of five events are too many, one is not."""
    assert run(POLICY, [(candidate, Count(80, 20))]).bad_blocks == bits


def test_likelihood_needs_a_baseline_and_a_possible_ratio() -> None:
    """The likelihood bet is not placed on less than 500 events, nor when even all bad is tolerated."""
    few = Baseline(total=499, bad=5)
    assert run(POLICY, [WORSE], known=few).log_likelihood == pytest.approx(math.log(0.8))
    assert run(POLICY, [WORSE], known=Baseline(total=500, bad=5)).log_likelihood > 0
    mostly_bad = Baseline(total=10_000, bad=8_000)
    state = run(POLICY, [(Count(0, 5), Count(9, 36))], known=mostly_bad)
    assert state.log_likelihood == pytest.approx(math.log(0.8))


def test_likelihood_step_is_capped() -> None:
    """However many events a block has, it gives a third of what a verdict needs, at most."""
    state = run(POLICY, [(Count(0, 10**6), Count(10**7, 0))])
    assert state.log_likelihood == pytest.approx(POLICY.log_threshold / 3 + math.log(0.8))


def test_onset_weights_sum_to_one() -> None:
    """With factors of one the wealth is the sum of the onset weights, which goes to one from below."""
    tolerated = (Count(1, 0), Count(0, 9))
    state = run(BOUNDED, [tolerated] * 1_000, known=Baseline(total=100, bad=90))
    assert [math.exp(wealth) for wealth in state.log_bounded] == pytest.approx([1 - 0.2 / 1_000] * 4)


def test_permanent_form_adds_one_a_block() -> None:
    """With factors of one the permanent form grows by one a block: a Shiryaev-Roberts detector."""
    policy = VersusPolicy(1.5, 1e-7, Form.PERMANENT, Bets.BOUNDED)
    tolerated = (Count(1, 0), Count(0, 9))
    state = run(policy, [tolerated] * 1_000, known=Baseline(total=100, bad=90))
    assert [math.exp(wealth) for wealth in state.log_bounded] == pytest.approx([1_000] * 4)


def test_evidence_goes_soon_after_its_cause() -> None:
    """Evidence stops above the threshold, and is below it some minutes after a candidate has recovered."""
    state = run(POLICY, [WORSE] * 500)
    assert versus.log_evidence(POLICY, state) <= POLICY.log_threshold + versus.CEILING + 1e-9
    assert versus.log_evidence(POLICY, run(POLICY, [FINE] * 120, state)) < POLICY.log_threshold


@given(
    st.lists(
        st.tuples(
            st.builds(Count, st.integers(0, 10**9), st.integers(0, 10**9)),
            st.builds(Count, st.integers(0, 10**9), st.integers(0, 10**9)),
        ),
        max_size=20,
    )
)
def test_any_counts_leave_numbers(stream: list[Pair]) -> None:
    """Counts up to a thousand million a block never make NaN or infinite evidence."""
    baseline, state = Baseline(), versus.start()
    for candidate, stable in stream:
        state = versus.advance(POLICY, state, baseline, candidate, stable)
        baseline = baseline.advance(stable, 1.0)
    for wealth in (*state.log_bounded, state.log_likelihood):
        assert wealth < POLICY.log_threshold + versus.CEILING + 1e-9


@pytest.mark.parametrize("ratio", [0.99, math.inf, math.nan])
def test_impossible_ratio(ratio: float) -> None:
    """A ratio below one is refused."""
    with pytest.raises(ValueError, match="max_ratio must be at least 1"):
        VersusPolicy(ratio, 0.01)


@pytest.mark.parametrize("margin", [-0.01, 1, math.nan])
def test_impossible_margin(margin: float) -> None:
    """A margin below none or of everything is refused."""
    with pytest.raises(ValueError, match="max_margin must be from 0 to below 1"):
        VersusPolicy(1, 0.01, max_margin=margin)


@pytest.mark.parametrize("alpha", [0, 1, math.nan])
def test_impossible_alpha(alpha: float) -> None:
    """A chance of none or one is refused."""
    with pytest.raises(ValueError, match="alpha must lie between 0 and 1"):
        VersusPolicy(1.5, alpha)
