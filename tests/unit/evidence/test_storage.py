"""Slow storage as the cause of a breach: both halves must be shown."""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.evidence import storage
from modelward.evidence.arms import BASELINE_EVENTS
from modelward.evidence.baseline import Baseline
from modelward.evidence.counts import Block, Count, StorageSplit
from modelward.evidence.storage import PRIOR_EVENTS, Episode, StorageState
from modelward.evidence.target import BET_SHARES

ALLOWED = 0.01
KEEP = 1.0

parts = st.integers(0, 10**9)
splits = st.builds(StorageSplit, parts, parts, parts, parts)


def split(fast: tuple[float, float] = (0, 0), slow: tuple[float, float] = (0, 0)) -> Count:
    """A block of (good, bad) fast events and slow ones."""
    return Count(fast[0] + slow[0], fast[1] + slow[1], StorageSplit(*fast, *slow))


MIXED = split(fast=(25, 0), slow=(12, 13))
"""Half of the events slow, and half of those bad."""
FAST, SLOW = split(fast=(50, 0)), split(slow=(25, 25))
blocks = st.one_of(
    st.none(),
    st.sampled_from([MIXED, FAST, SLOW, Count(50, 0), Count(25, 25), Count(0, 0)]),
    st.builds(lambda found: Count(2e9, 2e9, found), splits),
)


def run(stream: Iterable[Block], state: StorageState, allowed_bad: float = ALLOWED) -> StorageState:
    """Advance over a stream."""
    for block in stream:
        state = storage.advance(allowed_bad, state, block, KEEP)
    return state


def episode(state: StorageState) -> Episode:
    """The episode that goes on."""
    assert state.episode
    return state.episode


def known(rate: float = 0.001) -> StorageState:
    """In an episode, after a long run of fast events with this bad fraction."""
    return storage.begin(StorageState(usual=Baseline(100_000.0, 100_000 * rate, 0.0, 1e9)))


def test_slow_bad_and_fast_fine_is_explained() -> None:
    """Where slow events are bad and the fast ones of the same time are fine, storage explains it."""
    assert storage.explains(run([MIXED] * 30, known()))


def test_spells_of_slow_storage_are_explained() -> None:
    """Also where the two take turns, and the first events of a slow spell are still called fast."""
    onset = split(fast=(0, 10), slow=(0, 40))
    assert storage.explains(run([*[FAST] * 6, onset, *[SLOW] * 5] * 4, known()))


def test_no_episode_explains_nothing() -> None:
    """While nothing stands out against the target there is nothing to explain."""
    assert not storage.explains(run([MIXED] * 30, storage.end(known())))


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        ([SLOW] * 100, "no fast event"),
        ([Count(25, 25)] * 100, "nobody knows how storage was"),
        ([split(fast=(12, 13), slow=(12, 13))] * 100, "fast events are as bad"),
        ([split(fast=(24, 1), slow=(0, 25))] * 100, "fast events are bad too, if less so"),
        ([split(fast=(25, 0), slow=(25, 0))] * 100, "slow events are fine"),
        ([MIXED] * 3, "too few"),
        ([None] * 100, "no data"),
        ([Count(40, 40, StorageSplit(25, 0, 12, 13))] * 100, "most bad events came while nobody knows"),
    ],
)
def test_not_shown_is_not_explained(stream: list[Block], why: str) -> None:
    """Each half must be shown, and slow events must be most of the bad ones."""
    assert not storage.explains(run(stream, known())), why


def test_fast_events_that_turn_bad_end_the_explanation_at_once() -> None:
    """A model that goes bad beside slow storage is no longer explained after a block of its bad events."""
    explained = run([MIXED] * 100, known())
    assert storage.explains(explained)
    assert not storage.explains(run([split(fast=(12, 13), slow=(12, 13)), MIXED], explained))


def test_old_fast_events_explain_for_minutes_only() -> None:
    """Minutes without a fast event, known or not, and the explanation is gone."""
    explained = run([MIXED] * 100, known())
    for stream in ([SLOW] * 100, [None] * 100, [Count(25, 25)] * 100):
        assert not storage.explains(run(stream, explained))
    assert storage.explains(run([SLOW] * 12, explained))


def test_a_slow_spells_first_block_and_the_one_before_are_left_out() -> None:
    """What was called fast when storage became slow says nothing: neither bad nor good counts."""
    before = run([FAST, FAST, FAST], known())
    lagging = [split(fast=(0, 50)), split(fast=(0, 20), slow=(0, 30))]
    after = run([*lagging, SLOW], before)
    # The block before the lagging ones counts, as always one block late; the lagging ones wane twice.
    counted = episode(run([FAST], before))
    assert episode(after).log_fast == pytest.approx(counted.log_fast - 2 * storage.WANING)
    assert after.usual == before.usual.advance(Count(50, 0), KEEP)


def test_fast_events_count_one_block_late() -> None:
    """Fast events are held over until the next block shows that storage did not become slow meanwhile."""
    first = run([FAST], known())
    assert episode(first).log_fast == -math.inf
    assert episode(run([FAST], first)).log_fast > -math.inf


def test_first_bets_by_hand() -> None:
    """The first slow block brings half of each factor 1 + s (x/b - 1); the first fast one half its ratio."""
    state = run([split(slow=(49, 1))], known())
    assert episode(state).log_slow == pytest.approx([math.log(0.5 * (1 + s)) for s in BET_SHARES])
    state = run([split(fast=(99, 1)), split(fast=(0, 0), slow=(0, 0))], known(0.004))
    bound, rate, effect = ALLOWED, 0.004, 1 + 99 * 0.001
    ratio = math.log(rate / bound) + 99 * math.log((1 - rate) / (1 - bound))
    # The allowed bad fraction is the bound before any slow event was seen.
    assert episode(state).log_fast == pytest.approx(math.log(0.5) + ratio / effect, rel=1e-3)


@pytest.mark.parametrize(("usual", "expected"), [(0.004, 0.004), (0.009, 0.005), (0.0001, 0.0005)])
def test_the_bet_on_fast_events_is_on_what_is_usual_within_bounds(usual: float, expected: float) -> None:
    """At most half of what is still fine, however bad they usually are, and at least a twentieth."""
    state = run([split(fast=(99, 1)), split(fast=(0, 0), slow=(0, 0))], known(usual))
    ratio = math.log(expected / ALLOWED) + 99 * math.log((1 - expected) / (1 - ALLOWED))
    assert episode(state).log_fast == pytest.approx(math.log(0.5) + ratio / (1 + 99 * 0.001), rel=1e-3)


def test_fine_is_near_what_is_allowed() -> None:
    """Fast events at 1.5 times what is allowed are not fine beside slow ones at twice that."""
    worse = split(fast=(985, 15), slow=(980, 20))
    assert not storage.explains(run([worse] * 200, known()))


def test_twice_what_is_allowed_is_never_fine() -> None:
    """However bad slow events are, fast ones at 2.5 times what is allowed have a fault of their own."""
    worse = split(fast=(975, 25), slow=(0, 1000))
    assert not storage.explains(run([worse] * 200, known()))


def test_what_is_fine_follows_what_slow_events_did() -> None:
    """A quarter of the way from what is allowed to their bad fraction, by slow events before the block."""
    state = run([split(fast=(99, 1), slow=(97, 3))] * 3, known(0.004))
    before = 2 * 100 + PRIOR_EVENTS
    slow = (2 * 3 + PRIOR_EVENTS * ALLOWED) / before
    bound, rate, effect = ALLOWED + (slow - ALLOWED) / 4, 0.004, 1 + 99 * 0.001
    ratio = math.log(rate / bound) + 99 * math.log((1 - rate) / (1 - bound))
    assert episode(state).fast_bets == 1
    # A spell's first block brings no fast events, and each without a bet wanes nothing that is not there.
    assert episode(state).log_fast == pytest.approx(math.log(0.5) + ratio / effect, rel=1e-3)


def test_bets_are_counted() -> None:
    """One for each block that moved them, since what each starts with depends on their number."""
    state = run([MIXED] * 5, known())
    assert (episode(state).slow_bets, episode(state).fast_bets) == (5, 3)


def test_events_of_an_episode_are_counted_by_storage() -> None:
    """Good and bad ones while storage was fast and while it was slow, and all bad ones."""
    state = run([split(fast=(20, 1), slow=(3, 4)), split(fast=(30, 2), slow=(5, 6)), Count(1, 7)], known())
    found = episode(state)
    assert (found.fast_good, found.fast_bad) == (50, 3)
    assert (found.slow_good, found.slow_bad) == (8, 10)
    assert found.bad == 20


def test_shown_is_at_the_threshold_and_above() -> None:
    """Both halves at the threshold, and half of the bad events slow, are enough; less of any is not."""
    slow = (storage.LOG_THRESHOLD,) * len(BET_SHARES)
    enough = Episode(slow, 9, storage.LOG_THRESHOLD, 9, slow_bad=10, bad=20)
    assert storage.slow_log_evidence(enough) == storage.LOG_THRESHOLD
    assert storage.explains(StorageState(enough))
    for less in (
        replace(enough, log_slow=tuple(log - 1e-9 for log in slow)),
        replace(enough, log_fast=storage.LOG_THRESHOLD - 1e-9),
        replace(enough, bad=20 + 1e-9),
    ):
        assert not storage.explains(StorageState(less))


def test_an_episode_that_begins_in_a_slow_spell_is_in_it() -> None:
    """Its first slow block is not taken for the first of a spell."""
    assert storage.begin(StorageState(was_slow=1)).was_slow == 1


def test_one_block_is_not_enough() -> None:
    """However many events a block has, each half takes three blocks."""
    huge = split(fast=(1e9, 0), slow=(0, 1e9))
    assert not storage.explains(run([huge] * 3, known()))
    assert storage.explains(run([huge] * 6, known()))


def test_no_bet_on_fast_events_before_their_long_run_is_known() -> None:
    """With fewer than so many fast events ever seen nobody can say how they cluster."""
    few = storage.begin(StorageState(usual=Baseline(BASELINE_EVENTS - 1, 0.0, 0.0, 1e6)))
    state = run([split(fast=(1, 0)), MIXED, MIXED], few)
    assert episode(state).log_fast < 0
    assert not storage.explains(run([split(slow=(0, 50)), *[split(fast=(0.1, 0))] * 9], few))
    # A factor of one leaves the first bet's weight.
    assert episode(run([MIXED], state)).log_fast == math.log(0.5)


def test_an_episode_goes_on_until_it_ends() -> None:
    """Beginning again changes nothing; after an end all is asked anew, and the long run stays."""
    state = run([MIXED] * 30, known())
    assert storage.begin(state) is state
    ended = storage.end(state)
    assert (ended.episode, ended.usual) == (None, state.usual)
    assert storage.end(ended) is ended
    assert storage.begin(ended).episode == Episode()


def test_nothing_known_changes_nothing_outside_an_episode() -> None:
    """Unknown blocks, and blocks not known by storage, are nothing to a state at rest."""
    rest = run([FAST, FAST], storage.start())
    assert run([None, Count(50, 0)], rest) == rest
    assert storage.skip(rest, 10) == rest


def test_no_missing_block_wanes_nothing() -> None:
    """Skipping no block leaves an episode as it is."""
    state = run([MIXED], known())
    assert storage.skip(state, 0) is state


@given(st.lists(blocks, max_size=30), st.floats(0.0001, 0.99))
def test_any_counts_leave_numbers(stream: list[Block], allowed_bad: float) -> None:
    """From nothing to a billion events in a block, no number is NaN or infinite upwards."""
    state = run(stream, known(), allowed_bad)
    numbers = (*episode(state).log_slow, episode(state).log_fast, state.usual.excess, state.held_bad)
    assert not any(math.isnan(number) or number == math.inf for number in numbers)


@given(st.lists(blocks, max_size=20), st.integers(0, 50))
def test_unknown_blocks_never_help(stream: list[Block], missing: int) -> None:
    """What nobody knows never makes an explanation of none."""
    state = run(stream, known())
    if not storage.explains(state):
        assert not storage.explains(storage.skip(state, missing))


@pytest.mark.parametrize("bad_fraction", [0.015, 0.02, 0.05, 0.5])
def test_a_bad_model_is_hardly_ever_explained(bad_fraction: float) -> None:
    """Bad whatever storage does, over 40 episodes of 10 minutes: never explained."""
    rng = np.random.default_rng(7)
    wrongly = 0
    for _ in range(40):
        state, ever = known(), False
        for slow_now in np.repeat(rng.random(20) < 0.5, 6):
            events = rng.poisson(50)
            slow = events if slow_now else 0
            bad_slow, bad_fast = rng.binomial([slow, events - slow], bad_fraction)
            block = split((events - slow - bad_fast, bad_fast), (slow - bad_slow, bad_slow))
            state = run([block], state)
            ever = ever or storage.explains(state)
        wrongly += ever
    assert wrongly == 0


def test_state_is_a_value() -> None:
    """Two states that have seen the same are the same."""
    assert run([MIXED] * 5, known()) == run([MIXED] * 5, replace(known()))
