"""The detector against the target."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.evidence import target
from modelward.evidence.counts import Block, Count
from modelward.evidence.target import TargetPolicy, TargetState

YEAR = 365.25 * 86_400 / 5
POLICY = TargetPolicy(0.01, YEAR)

counts = st.builds(Count, st.integers(0, 10**9), st.integers(0, 10**9))
blocks = st.one_of(st.none(), st.builds(Count, st.integers(0, 100), st.integers(0, 20)))


def run(policy: TargetPolicy, stream: Iterable[Block], state: TargetState | None = None) -> TargetState:
    """Advance over a stream."""
    state = state or target.start()
    for block in stream:
        state = target.advance(policy, state, block)
    return state


def test_a_breach_is_at_the_threshold_and_above() -> None:
    """So is what stands out, at a third of it."""
    policy = TargetPolicy(0.01, 1e6)
    at = TargetState((policy.log_threshold,) * 4, 9)
    assert target.log_evidence(at) == policy.log_threshold
    assert target.breached(policy, at)
    assert not target.breached(policy, TargetState((policy.log_threshold - 1e-9,) * 4, 9))
    third = policy.log_threshold * target.HEALTHY_SHARE
    assert target.stands_out(policy, third)
    assert not target.stands_out(policy, third - 1e-9)


def test_first_block_by_hand() -> None:
    """After one block each level is its bet's factor, 1 + c (x/b - 1)."""
    state = run(POLICY, [Count(98, 2)])
    assert state.log_m == pytest.approx([math.log(1 + c) for c in target.BET_SHARES])
    assert target.log_evidence(state) == pytest.approx(math.log(1 + sum(target.BET_SHARES) / 4))
    assert state.blocks == 1


def test_a_short_outage_stays_far_from_a_breach() -> None:
    """Four blocks of nothing but errors multiply a level by a fifth of the threshold, by the largest bet."""
    policy = TargetPolicy(0.01, 1e6)
    factor = 1 + max(target.BET_SHARES) * (policy.largest_multiple - 1)
    assert factor**target.BLOCKS_BEFORE_BREACH == pytest.approx(0.2 * 1e6)
    state = run(policy, [Count(0, 100)] * 2)
    assert state.log_m[-1] == pytest.approx(math.log((factor + 1) * factor))


def test_second_block_by_hand() -> None:
    """A further block multiplies the level plus one."""
    state = run(POLICY, [Count(98, 2), Count(100, 0)])
    assert state.log_m == pytest.approx([math.log((2 + c) * (1 - c)) for c in target.BET_SHARES])


@pytest.mark.parametrize("block", [None, Count(0, 0)])
def test_nothing_seen_changes_nothing(block: Block) -> None:
    """A block that is Unknown or empty leaves the state as it is."""
    state = run(POLICY, [Count(98, 2)])
    assert target.advance(POLICY, state, block) is state


@pytest.mark.parametrize("allowed_bad", [0.0001, 0.001, 0.005, 0.01, 0.05, 0.35])
def test_four_blocks_of_nothing_but_errors_are_no_breach(allowed_bad: float) -> None:
    """An outage of four blocks after healthy service is no breach for any target; a long one is."""
    policy = TargetPolicy(allowed_bad, YEAR)
    per_block = round(10 / allowed_bad)
    healthy = [Count(per_block - 5, 5)] * 500
    outage = run(policy, healthy + [Count(0, per_block)] * 4)
    assert not target.breached(policy, outage)
    longer = run(policy, [Count(0, per_block)] * 60, outage)
    assert target.breached(policy, longer)


def test_evidence_of_an_incident_goes_soon_after_it() -> None:
    """However long an incident was, its evidence is below the threshold a few minutes after it."""
    state = run(POLICY, [Count(0, 50)] * 5_000)
    assert target.breached(POLICY, state)
    after = run(POLICY, [Count(50, 0)] * 60, state)
    assert not target.breached(POLICY, after)


def test_healthy_needs_events() -> None:
    """A stream without a bad event is healthy from 3/allowed_bad events on, not before."""
    state = run(POLICY, [Count(50, 0)] * 6)
    assert not target.healthy(POLICY, state, 299)
    assert target.healthy(POLICY, state, 300)


def test_healthy_needs_low_evidence() -> None:
    """A stream that is on its way to a breach is no longer healthy before it."""
    state, seen = target.start(), []
    while not target.breached(POLICY, state):
        state = target.advance(POLICY, state, Count(95, 5))
        seen.append(target.healthy(POLICY, state, 1e6))
    assert seen[0] is True
    assert seen[-1] is False


def test_exact_average_growth() -> None:
    """At the allowed bad fraction a level grows by one a block on average, whatever the correlation."""
    level = 1234.5
    state = TargetState((math.log(level),) * 4, 10)
    all_bad = target.advance(TargetPolicy(0.2, YEAR), state, Count(0, 7))
    none_bad = target.advance(TargetPolicy(0.2, YEAR), state, Count(7, 0))
    for bad, good in zip(all_bad.log_m, none_bad.log_m, strict=True):
        assert 0.2 * math.exp(bad) + 0.8 * math.exp(good) == pytest.approx(level + 1)


@given(st.lists(blocks, max_size=30), st.lists(blocks, max_size=30))
def test_from_none_never_an_earlier_alarm(before: list[Block], after: list[Block]) -> None:
    """A detector that lost its state has no more evidence than one that kept it."""
    kept, lost = run(POLICY, before), target.start()
    for block in after:
        kept, lost = target.advance(POLICY, kept, block), target.advance(POLICY, lost, block)
        assert all(k >= n for k, n in zip(kept.log_m, lost.log_m, strict=True))


@given(st.lists(blocks, max_size=20), st.builds(Count, st.integers(1, 100), st.integers(0, 100)))
def test_more_bad_events_are_more_evidence(before: list[Block], block: Count) -> None:
    """Moving one event from good to bad never lowers evidence."""
    state = run(POLICY, before)
    better = target.advance(POLICY, state, block)
    worse = target.advance(POLICY, state, Count(block.good - 1, block.bad + 1))
    assert target.log_evidence(worse) >= target.log_evidence(better)


@given(st.lists(counts, min_size=1, max_size=50), st.sampled_from([1e-6, 0.01, 0.5, 0.999]))
def test_any_counts_leave_finite_levels(stream: list[Count], allowed_bad: float) -> None:
    """Counts up to a thousand million a block never over- or underflow, nor pass the ceiling."""
    policy = TargetPolicy(allowed_bad, YEAR)
    state = run(policy, stream)
    if state.blocks:
        assert all(math.isfinite(level) for level in state.log_m)
        assert max(state.log_m) <= policy.log_threshold + target.CEILING


def test_years_of_blocks_stay_in_range() -> None:
    """A level has a fixed point that it reaches and keeps: a long life is no different from a short one."""
    state = run(POLICY, [Count(50, 0)] * 2_000)
    assert run(POLICY, [Count(50, 0)] * 2_000, state).log_m == pytest.approx(state.log_m)
    assert [math.exp(level) for level in state.log_m] == pytest.approx([1 / c - 1 for c in target.BET_SHARES])


@pytest.mark.parametrize("allowed_bad", [0, 1, -0.1, math.nan])
def test_impossible_target(allowed_bad: float) -> None:
    """A target that allows nothing or everything is refused."""
    with pytest.raises(ValueError, match="allowed_bad must lie between 0 and 1"):
        TargetPolicy(allowed_bad, YEAR)


@pytest.mark.parametrize("blocks_to_false_alarm", [1, 0, math.inf, math.nan])
def test_impossible_rate(blocks_to_false_alarm: float) -> None:
    """A rate of false alarms that is none or one a block is refused."""
    with pytest.raises(ValueError, match="blocks_to_false_alarm must be finite and above 1"):
        TargetPolicy(0.01, blocks_to_false_alarm)
