"""All evidence of one deployment."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.evidence.counts import Block, Count, StorageSplit
from modelward.evidence.ledger import Assessment, Ledger, Plan, TimedBlocks
from modelward.evidence.verdict import Verdict
from tests.unit.evidence.deployment import (
    ACCURACY,
    AT_REST,
    FIVE_MINUTES,
    HALF_BAD,
    HEALTHY,
    LATENCY,
    SPLIT,
    STEP,
    both,
    plan,
    timed,
)


def found(ledger: Ledger, asked: Plan, revision: str = "old", objective: str = "latency") -> Assessment:
    """The one assessment of a revision and objective."""
    (only,) = [a for a in ledger.assess(asked) if (a.revision, a.objective) == (revision, objective)]
    return only


def split_after(*blocks: tuple[Block, Block]) -> Ledger:
    """A ledger with five healthy minutes of stable, then these blocks of (candidate, stable)."""
    settled = Ledger().advance(AT_REST, timed(*[both("old", Count(89, 1))] * FIVE_MINUTES))
    pairs = [both("new", candidate) | both("old", stable) for candidate, stable in blocks]
    return settled.advance(SPLIT, timed(*pairs, start=FIVE_MINUTES + 1))


# Against the target


def test_nothing_seen_is_unknown() -> None:
    """Before any block, and with traffic never seen, the verdict is Unknown."""
    assert found(Ledger(), AT_REST).target is Verdict.UNKNOWN
    no_traffic = Ledger().advance(AT_REST, timed(*[both("old", Count(0, 0))] * 100))
    assert found(no_traffic, AT_REST).target is Verdict.UNKNOWN
    assert found(no_traffic, AT_REST).last_block_time == 500


def test_from_inconclusive_to_healthy() -> None:
    """A healthy stream is Inconclusive until enough was seen."""
    blocks = timed(*[both("old", HEALTHY)] * 6)
    early, later = Ledger().advance(AT_REST, blocks[:5]), Ledger().advance(AT_REST, blocks)
    assert found(early, AT_REST).target is Verdict.INCONCLUSIVE
    assert found(later, AT_REST).target is Verdict.HEALTHY


def test_breach_has_its_numbers() -> None:
    """A breach says how many events it was made from and how far the evidence stands."""
    assessment = found(Ledger().advance(AT_REST, timed(*[both("old", HALF_BAD)] * 10)), AT_REST)
    assert assessment.target is Verdict.BREACHED
    assert (assessment.good, assessment.total, assessment.blocks_with_data) == (250, 500, 10)
    assert assessment.target_log_evidence >= assessment.target_log_threshold
    assert assessment.versus is None
    assert assessment.not_worse is None


def test_every_objective_and_revision_is_assessed_in_order() -> None:
    """One assessment for each, objectives first."""
    assert [(a.objective, a.revision) for a in Ledger().assess(SPLIT)] == [
        ("latency", "old"),
        ("latency", "new"),
        ("accuracy", "old"),
        ("accuracy", "new"),
    ]


# Time


def test_a_block_counts_once() -> None:
    """Taking in the same blocks again, or older ones, changes nothing."""
    blocks = timed(*[both("old", HALF_BAD)] * 3)
    ledger = Ledger().advance(AT_REST, blocks)
    assert ledger.advance(AT_REST, blocks) == ledger
    assert ledger.advance(AT_REST, blocks[:1]) == ledger
    assert ledger.advance(AT_REST, []) == ledger


def test_a_gap_is_unknown() -> None:
    """Blocks that are missing between two are Unknown; the next one with data ends it."""
    ledger = Ledger().advance(AT_REST, [(5, both("old", HALF_BAD)), (5 * 8, both("old", None))])
    assert found(ledger, AT_REST).blocks_unknown == 7
    assert found(ledger.advance(AT_REST, [(5 * 9, both("old", HALF_BAD))]), AT_REST).blocks_unknown == 0


def test_a_pair_without_an_entry_is_unknown() -> None:
    """A revision and objective that a block has no entry for is Unknown in it."""
    ledger = Ledger().advance(AT_REST, [(5, {("old", "latency"): HEALTHY})])
    assert found(ledger, AT_REST, objective="accuracy").blocks_unknown == 1
    assert found(ledger, AT_REST, objective="latency").blocks_unknown == 0


def test_an_outage_of_monitoring_is_unknown_and_then_over() -> None:
    """Six Unknown blocks make even a breach Unknown; it stands again when data are back."""
    ledger = Ledger().advance(AT_REST, timed(*[both("old", HALF_BAD)] * 20))
    dark = ledger.advance(AT_REST, [(5 * (21 + i), {}) for i in range(6)])
    assert found(ledger, AT_REST).target is Verdict.BREACHED
    assert found(dark, AT_REST).target is Verdict.UNKNOWN
    back = dark.advance(AT_REST, timed(both("old", HALF_BAD), start=27))
    assert found(back, AT_REST).target is Verdict.BREACHED


def test_an_unaligned_block_is_refused() -> None:
    """A time between two blocks is an error of the caller, and named."""
    with pytest.raises(ValueError, match=r"multiple of 5 s, got 12"):
        Ledger().advance(AT_REST, [(12, {})])


def test_replicas_that_disagree() -> None:
    """Of two counts of one time the fuller holds, and a known one before an Unknown one."""
    less, more = {("old", "latency"): Count(48, 1)}, {("old", "latency"): Count(50, 1)}
    unknown: dict[tuple[str, str], Block] = {("old", "latency"): None, ("old", "accuracy"): HEALTHY}
    once = Ledger().advance(AT_REST, [(5, more | {("old", "accuracy"): HEALTHY})])
    assert Ledger().advance(AT_REST, [(5, less), (5, unknown), (5, more)]) == once
    assert Ledger().advance(AT_REST, [(5, more), (5, less), (5, unknown)]) == once


# Changed plans


def test_another_event_definition_starts_anew() -> None:
    """Evidence of one config is not evidence of another."""
    ledger = Ledger().advance(AT_REST, timed(*[both("old", HALF_BAD)] * 20))
    changed = plan(replace(LATENCY, config="other"), ACCURACY)
    assert found(ledger, changed).total == 0
    assert found(ledger, changed, objective="accuracy").total == 1000


def test_another_target_starts_the_detector_anew() -> None:
    """A changed target keeps counts and restarts the test: evidence against 1% is none against 60%."""
    ledger = Ledger().advance(AT_REST, timed(*[both("old", HALF_BAD)] * 20))
    assessment = found(ledger, plan(replace(LATENCY, allowed_bad=0.6)))
    assert (assessment.total, assessment.target_log_evidence) == (1000, 0)
    assert assessment.target is not Verdict.BREACHED


def test_what_the_plan_drops_is_dropped() -> None:
    """Revisions and objectives that are no longer in the plan leave the ledger."""
    ledger = split_after((HEALTHY, HEALTHY)).advance(plan(LATENCY), [])
    assert set(ledger.watches) == {("old", "latency")}
    assert not ledger.contests


def test_a_plan_without_revisions() -> None:
    """A deployment without a revision takes in blocks and says nothing."""
    nothing = plan(watched=())
    assert Ledger().advance(nothing, [(5, {})]).assess(nothing) == ()


# Against stable


def test_worse_than_stable() -> None:
    """A candidate with half of its answers bad beside a healthy stable is worse, with the step's numbers."""
    assessment = found(split_after(*[(Count(5, 5), Count(90, 0))] * 6), SPLIT, "new")
    assert assessment.versus is Verdict.BREACHED
    assert (assessment.good, assessment.total) == (30, 60)
    assert (assessment.stable_good, assessment.stable_total) == (540, 540)
    assert assessment.versus_log_evidence >= assessment.versus_log_threshold
    assert assessment.not_worse is False


def test_stable_is_not_compared_with_itself() -> None:
    """Only the candidate has a verdict against stable, and says against which revision."""
    ledger = split_after((HEALTHY, HEALTHY))
    stable, candidate = (found(ledger, SPLIT, revision) for revision in ("old", "new"))
    assert (stable.versus, stable.compared_with) == (None, "")
    assert (candidate.versus, candidate.compared_with) == (Verdict.INCONCLUSIVE, "old")


def test_shown_not_to_be_worse() -> None:
    """A candidate with stable's accuracy is shown not to be worse: Healthy."""
    assessment = found(split_after(*[(Count(35, 15), Count(35, 15))] * 60), SPLIT, "new", "accuracy")
    assert (assessment.versus, assessment.not_worse) == (Verdict.HEALTHY, True)
    assert assessment.not_worse_log_evidence > 0


def test_neither_is_inconclusive() -> None:
    """With little seen a comparison is Inconclusive, with none of the candidate's traffic Unknown."""
    assert found(split_after((HEALTHY, HEALTHY)), SPLIT, "new").versus is Verdict.INCONCLUSIVE
    assert found(split_after((Count(0, 0), HEALTHY)), SPLIT, "new").versus is Verdict.UNKNOWN


@pytest.mark.parametrize("pair", [(None, HEALTHY), (HEALTHY, None)])
def test_either_arm_unknown_makes_the_comparison_unknown(pair: tuple[Block, Block]) -> None:
    """A comparison needs both arms: six blocks without data of one, and nothing is said."""
    worse = [(Count(5, 5), Count(90, 0))] * 6
    assert found(split_after(*worse, *[pair] * 6), SPLIT, "new").versus is Verdict.UNKNOWN


def test_a_candidate_that_had_traffic_before_the_step_only() -> None:
    """A candidate that was watched before has no verdict in a step without its traffic."""
    ledger = split_after(*[(Count(5, 5), Count(90, 0))] * 6)
    next_step = replace(SPLIT, comparison=replace(STEP, step=1))
    start = FIVE_MINUTES + 7
    quiet = ledger.advance(next_step, timed(both("new", Count(0, 0)) | both("old", HEALTHY), start=start))
    assessment = found(quiet, next_step, "new")
    assert (assessment.versus, assessment.total, assessment.blocks_with_data) == (Verdict.UNKNOWN, 0, 6)


def test_a_step_starts_the_comparison_anew() -> None:
    """The next step's bets begin with nothing; the watch against the target goes on."""
    ledger = split_after(*[(Count(5, 5), Count(90, 0))] * 6)
    next_step = replace(SPLIT, comparison=replace(STEP, step=1))
    assessment = found(ledger, next_step, "new")
    assert (assessment.total, assessment.versus_log_evidence) == (0, 0)
    assert assessment.target_log_evidence > 0


def test_an_objective_that_is_not_compared() -> None:
    """Without ratios there is no verdict against stable, but the arms' counts are there."""
    alone = plan(
        replace(LATENCY, max_ratio=None, not_worse_ratio=None), watched=("old", "new"), comparison=STEP
    )
    ledger = Ledger().advance(alone, timed(*[both("new", HALF_BAD) | both("old", HEALTHY)] * 10))
    assessment = found(ledger, alone, "new")
    assert (assessment.versus, assessment.not_worse) == (None, None)
    assert (assessment.total, assessment.stable_total) == (500, 500)


def test_an_objective_that_cannot_end_a_step_early() -> None:
    """Without a not-worse ratio a candidate is worse or Inconclusive."""
    only_worse = plan(replace(LATENCY, not_worse_ratio=None), watched=("old", "new"), comparison=STEP)
    ledger = Ledger().advance(only_worse, timed(*[both("new", HEALTHY) | both("old", HEALTHY)] * 10))
    assessment = found(ledger, only_worse, "new")
    assert (assessment.versus, assessment.not_worse) == (Verdict.INCONCLUSIVE, None)


# Properties

counts = st.one_of(st.none(), st.builds(Count, st.integers(0, 60), st.integers(0, 30)))
entries = st.fixed_dictionaries(
    {}, optional={(revision, name): counts for revision in ("old", "new") for name in ("latency", "accuracy")}
)
streams = st.lists(entries, max_size=25).map(lambda blocks: timed(*blocks))


@given(streams, st.integers(0, 25), st.booleans())
def test_resuming_is_the_same_as_running_on(stream: list[TimedBlocks], cut: int, split: bool) -> None:
    """A ledger that went through samples and replays what came since is the one that never stopped."""
    asked = SPLIT if split else AT_REST
    running = Ledger().advance(asked, stream)
    stopped = Ledger().advance(asked, stream[:cut])
    resumed = Ledger.from_samples(stopped.to_samples())
    assert resumed.advance(asked, stream) == running
    assert resumed.advance(asked, stream).assess(asked) == running.assess(asked)


@given(streams, st.integers(0, 25))
def test_it_does_not_matter_how_blocks_are_delivered(stream: list[TimedBlocks], cut: int) -> None:
    """One poll, two polls that overlap, or blocks in another order: the same ledger."""
    once = Ledger().advance(SPLIT, stream)
    assert Ledger().advance(SPLIT, stream[:cut]).advance(SPLIT, stream[cut // 2 :]) == once
    assert Ledger().advance(SPLIT, stream[::-1]) == once


@given(streams, st.lists(entries, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_order_of_equal_times_does_not_matter(
    stream: list[TimedBlocks], equal: list[dict[tuple[str, str], Block]], order: Random
) -> None:
    """Blocks of one time may come in any order."""
    before = Ledger().advance(SPLIT, stream)
    time = 5 * (len(stream) + 1)
    blocks = [(time, block) for block in equal]
    shuffled = order.sample(blocks, len(blocks))
    assert before.advance(SPLIT, blocks) == before.advance(SPLIT, shuffled)


@given(streams, st.integers(0, 25))
def test_a_lost_ledger_never_breaches_earlier(stream: list[TimedBlocks], cut: int) -> None:
    """Starting from nothing at any time gives no more evidence against the target than running on."""
    asked = plan(watched=("old", "new"))
    kept = Ledger().advance(asked, stream).assess(asked)
    lost = Ledger().advance(asked, stream[cut:]).assess(asked)
    assert all(n.target_log_evidence <= k.target_log_evidence for n, k in zip(lost, kept, strict=True))


@given(streams)
def test_no_data_is_never_a_verdict(stream: list[TimedBlocks]) -> None:
    """After six Unknown blocks every verdict is Unknown, whatever came before."""
    dark = timed(*[{}] * 6, start=len(stream) + 1)
    for assessment in Ledger().advance(SPLIT, [*stream, *dark]).assess(SPLIT):
        assert assessment.target is Verdict.UNKNOWN
        assert assessment.versus in (Verdict.UNKNOWN, None)


@pytest.mark.parametrize("gap", [0, 3])
def test_the_highest_evidence_on_the_way_is_told(gap: int) -> None:
    """Many blocks at once come to the same ledger as one by one, and no peak between is missed."""
    calm, burst = both("old", HEALTHY), both("old", HALF_BAD)
    blocks = timed(*[calm] * 40, *[burst] * 3)
    blocks += timed(both("old", None), *[calm] * 40, start=44 + gap)
    one_by_one, seen = Ledger(), []
    for block in blocks:
        one_by_one = one_by_one.advance(AT_REST, [block])
        seen.append(one_by_one.assess(AT_REST)[0].target_log_evidence)
    ledger, highest = Ledger().advance_and_watch(AT_REST, blocks)
    assert ledger == one_by_one
    assert highest["old", "latency"] == pytest.approx(max(seen))
    assert max(seen) > seen[-1] + 1


def test_nothing_new_has_no_highest_evidence() -> None:
    """Blocks that were taken in already are passed over."""
    ledger = Ledger().advance(AT_REST, timed(both("old", HEALTHY)))
    assert ledger.advance_and_watch(AT_REST, timed(both("old", HALF_BAD))) == (ledger, {})


# By storage

FAST = Count(50, 0, StorageSplit(50, 0, 0, 0))
SLOW_HALF_BAD = Count(37, 13, StorageSplit(25, 0, 12, 13))
ALIKE_HALF_BAD = Count(25, 25, StorageSplit(12, 13, 13, 12))


def by_storage(block: Block, blocks: int = 40) -> Ledger:
    """Five minutes of fast storage and health, then so many of these blocks."""
    stream = [both("old", FAST)] * FIVE_MINUTES + [both("old", block)] * blocks
    return Ledger().advance(AT_REST, timed(*stream))


def test_a_breach_that_slow_storage_explains() -> None:
    """Only what came while storage was slow is bad: still a breach, and explained, with its numbers."""
    breach = found(by_storage(SLOW_HALF_BAD), AT_REST)
    assert (breach.target, breach.storage_explains) == (Verdict.BREACHED, True)
    assert breach.fast_good == breach.fast_total
    assert 0 < breach.slow_good < breach.slow_total
    assert breach.fast_total + breach.slow_total < breach.total


def test_a_breach_that_slow_storage_does_not_explain() -> None:
    """What is bad whatever storage does is not explained by it."""
    breach = found(by_storage(ALIKE_HALF_BAD), AT_REST)
    assert (breach.target, breach.storage_explains) == (Verdict.BREACHED, False)
    assert breach.fast_good < breach.fast_total


def test_nothing_is_explained_where_nothing_stands_out() -> None:
    """A healthy revision has no numbers by storage."""
    healthy = found(by_storage(FAST), AT_REST)
    assert (healthy.storage_explains, healthy.fast_total, healthy.slow_total) == (False, 0, 0)


def test_an_explanation_ends_with_its_breach() -> None:
    """When health is back for long, nothing is left of the episode."""
    stream = timed(*[both("old", FAST)] * 400, start=FIVE_MINUTES + 41)
    recovered = found(by_storage(SLOW_HALF_BAD).advance(AT_REST, stream), AT_REST)
    assert (recovered.target, recovered.storage_explains) == (Verdict.HEALTHY, False)
    assert recovered.slow_total == 0


def test_another_target_asks_about_storage_anew() -> None:
    """An episode is held to one target."""
    eased = plan(replace(LATENCY, allowed_bad=0.02), ACCURACY)
    assert not found(by_storage(SLOW_HALF_BAD), eased).storage_explains


@pytest.mark.parametrize("block", [SLOW_HALF_BAD, ALIKE_HALF_BAD, FAST])
@pytest.mark.parametrize("cut", [30, 70, 95])
def test_resuming_by_storage_is_the_same_as_running_on(block: Count, cut: int) -> None:
    """A restart in any phase gives the same evidence as none, also when the rest comes at once."""
    stream = timed(*[both("old", FAST)] * FIVE_MINUTES, *[both("old", block)] * 40)
    through = Ledger()
    for one in stream:
        through = through.advance(AT_REST, [one])
    resumed = Ledger.from_samples(Ledger().advance(AT_REST, stream[:cut]).to_samples())
    assert resumed.advance(AT_REST, stream[cut:]) == through
