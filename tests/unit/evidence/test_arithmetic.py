"""The numbers of each state worked out by hand: every sum, weight and limit, each in a case of its own."""

import math
from dataclasses import astuple, replace

import pytest

from modelward.evidence import not_worse, sharing, target, versus
from modelward.evidence.arms import BASELINE_EVENTS, Boundary, effective
from modelward.evidence.baseline import Baseline
from modelward.evidence.contest import Contest, Rules
from modelward.evidence.counts import MAX_EVENTS, Block, Count, sanitize
from modelward.evidence.ledger import Comparison, Ledger, ObjectivePlan, Plan
from modelward.evidence.not_worse import NotWorsePolicy, NotWorseState
from modelward.evidence.target import BET_SHARES, TargetPolicy
from modelward.evidence.verdict import Verdict
from modelward.evidence.versus import Bets, VersusPolicy, VersusState
from modelward.evidence.watch import Watch

KNOWN = Baseline(total=30_000, bad=300, excess=0.0, pairs=1e6)
YEAR = TargetPolicy(0.01, 6e6)


def test_a_count_may_have_as_many_events_as_there_can_be() -> None:
    """The limit itself is no error of measurement."""
    assert sanitize(MAX_EVENTS, MAX_EVENTS) == Count(MAX_EVENTS, MAX_EVENTS)


# Against the target


def test_four_blocks_of_errors_reach_the_outage_share() -> None:
    """From a level of one, with the largest bet, whatever the target; nowhere below the smallest clip."""
    gain = 1 + max(BET_SHARES) * (YEAR.largest_multiple - 1)
    assert gain**target.BLOCKS_BEFORE_BREACH == pytest.approx(target.OUTAGE_SHARE * 6e6)
    assert TargetPolicy(0.01, 1.5).largest_multiple == target.SMALLEST_CLIP


def test_levels_by_hand() -> None:
    """M <- (M + 1)(1 + c (x/b - 1)), x/b clipped; blocks without events or knowledge are passed over."""
    blocks: list[Block] = [Count(99, 1), None, Count(0, 0), Count(97, 3), Count(9, 0), Count(0, 1)]
    state, highest = target.advance_many(YEAR, target.start(), blocks)
    levels, means = [0.0] * len(BET_SHARES), []
    for multiple in (1, 3, 0, YEAR.largest_multiple):
        levels = [(m + 1) * (1 + c * (multiple - 1)) for m, c in zip(levels, BET_SHARES, strict=True)]
        means.append(sum(levels) / len(levels))
    assert [math.exp(level) for level in state.log_m] == pytest.approx(levels)
    assert state.blocks == 4
    assert highest == pytest.approx(math.log(max(means)))
    assert target.log_evidence(state) == pytest.approx(math.log(means[-1]))


@pytest.mark.parametrize("blocks", [[Count(90, 10)], [Count(100, 0)], [None], []])
def test_the_highest_of_one_block_is_its_own(blocks: list[Block]) -> None:
    """There is no end of a block between."""
    state, highest = target.advance_many(YEAR, target.start(), blocks)
    assert highest == target.log_evidence(state)


def test_a_peak_between_blocks_is_seen() -> None:
    """The highest is that of the worst block, not of the last."""
    worst = target.advance(YEAR, target.start(), Count(0, 10))
    _, highest = target.advance_many(YEAR, target.start(), [Count(0, 10), Count(10, 0), Count(10, 0)])
    assert highest == pytest.approx(target.log_evidence(worst))


def test_healthy_needs_three_over_the_allowed() -> None:
    """300 events at 1%, counted good and bad together."""
    assert target.healthy(YEAR, target.start(), 300)
    assert not target.healthy(YEAR, target.start(), 299)


# A watch


def watch() -> Watch:
    """One that has seen something of everything."""
    return Watch("c", 0.01).advance(YEAR, [Count(95, 5), Count(99, 1), None, None], 0.9)[0]


def test_a_watch_sums_and_counts_what_is_unknown() -> None:
    """Events since it began, and Unknown blocks in a row at the end."""
    seen = watch()
    assert (seen.config, seen.allowed_bad, seen.good, seen.bad, seen.unknown) == ("c", 0.01, 194, 6, 2)
    assert seen.baseline == Baseline().advance(Count(95, 5), 0.9).advance(Count(99, 1), 0.9)
    assert seen.target.blocks == 2
    assert seen.skip(3).unknown == 5


def test_another_event_definition_begins_anew() -> None:
    """Nothing of the old counts is kept."""
    assert watch().held_to("other", 0.02) == Watch("other", 0.02)


def test_another_target_keeps_the_counts() -> None:
    """Only the detector begins anew; the same terms change nothing."""
    seen = watch()
    changed = seen.held_to("c", 0.02)
    assert changed == replace(seen, allowed_bad=0.02, target=target.start(), storage=changed.storage)
    assert seen.held_to("c", 0.01) is seen


def test_a_watch_is_healthy_by_all_its_events() -> None:
    """Good and bad events together make up the 300 that it takes at 1%."""
    seen = Watch("c", 0.01).advance(YEAR, [Count(297, 3)], 1.0)[0]
    assert seen.verdict(YEAR) is Verdict.HEALTHY


# A baseline


def test_a_baseline_by_hand() -> None:
    """Four sums that keep a share of their past with every block that has events."""
    first = Baseline().advance_many([None, Count(0, 0), Count(90, 10)], 0.5)
    rate = 10.5 / 101
    spread = (10 - 100 * rate) ** 2 / (rate * (1 - rate)) - 100
    assert astuple(first) == pytest.approx((100, 10, spread, 9_900))
    second = first.advance_many([None, Count(0, 0), Count(30, 20), Count(0, 0)], 0.5)
    rate = (5 + 20 + 0.5) / (50 + 50 + 1)
    excess = spread / 2 + (20 - 50 * rate) ** 2 / (rate * (1 - rate)) - 50
    assert astuple(second) == pytest.approx((100, 25, excess, 9_900 / 2 + 50 * 49))


def test_one_event_makes_no_pair() -> None:
    """Nor does less than one, of two halves."""
    assert Baseline().advance(Count(0.5, 0), 1).pairs == 0
    assert Baseline().advance(Count(2, 0), 1).pairs == 2


def test_effective_counts_of_less_than_an_event_are_themselves() -> None:
    """The design effect is one or more."""
    assert effective(Count(0.25, 0.25), 0.5) == Count(0.25, 0.25)
    assert effective(Count(2, 1), 0.5) == Count(1, 0.5)


# Against stable


def test_sums_of_both_arms_by_hand() -> None:
    """Recent events of each arm and stable's window fade with blocks of their own traffic alone."""
    policy = VersusPolicy(1.5, 0.01)
    state = versus.advance(policy, versus.start(), KNOWN, Count(8, 2), Count(90, 10))
    assert state == replace(
        state,
        blocks=1,
        candidate_total=10,
        candidate_bad=2,
        stable_total=100,
        stable_bad=10,
        window_total=100,
        window_bad=10,
    )
    state = versus.advance(policy, state, KNOWN, Count(0, 0), Count(45, 5))
    keep, window = versus.RECENT_KEEP, versus.WINDOW_KEEP
    assert (state.blocks, state.candidate_total, state.candidate_bad) == (1, 10, 2)
    assert (state.stable_total, state.stable_bad) == (100 * keep + 50, 10 * keep + 5)
    assert (state.window_total, state.window_bad) == (100 * window + 50, 10 * window + 5)
    later = versus.advance(policy, state, KNOWN, Count(4, 1), Count(0, 0))
    assert (later.blocks, later.candidate_total, later.candidate_bad) == (2, 10 * keep + 5, 2 * keep + 1)
    assert (later.stable_total, later.window_bad) == (state.stable_total, state.window_bad)


def first_bets(candidate: Count, stable: Count, known: Baseline = KNOWN) -> tuple[float, ...]:
    """Log wealth of the bounded bets after one block."""
    return versus.advance(VersusPolicy(1.5, 0.01), versus.start(), known, candidate, stable).log_bounded


def bets_at(bound: float, fraction: float) -> list[float]:
    """Log wealth of the first bets against a bound, by hand."""
    return [math.log(0.8 * (1 + g * (fraction / bound - 1))) for g in versus.BET_SHARES]


def test_what_stable_does_now_is_tolerated() -> None:
    """Its bad fraction in the same block, where that is the most: .4 of 10 beside a window of 5 in 11."""
    window = replace(versus.start(), window_total=1_000, window_bad=10)
    state = versus.advance(VersusPolicy(1.5, 0.01), window, KNOWN, Count(4, 6), Count(60, 40))
    assert state.log_bounded == pytest.approx(bets_at(1.5 * 0.4, 0.6))


def test_the_window_has_one_bad_event_more_than_was_seen() -> None:
    """(K + 1)/N where it is the most: 11 of 100."""
    assert first_bets(Count(4, 6), Count(90, 10)) == pytest.approx(bets_at(1.5 * 0.11, 0.6))


def test_without_stable_s_traffic_anything_is_tolerated() -> None:
    """(0 + 1)/1 is one, so that no bet is placed."""
    assert first_bets(Count(0, 10), Count(0, 0)) == pytest.approx([math.log(0.8)] * len(versus.BET_SHARES))


def test_only_the_last_six_blocks_are_remembered() -> None:
    """As bits, the newest lowest, set where more was bad than is tolerated."""
    policy, state = VersusPolicy(1.5, 0.01), versus.start()
    for bad in (5, 5, 5, 5, 5, 5, 5, 0):
        state = versus.advance(policy, state, KNOWN, Count(10 - bad, bad), Count(99, 1))
    assert state.bad_blocks == 0b111110


@pytest.mark.parametrize(
    ("blocks", "bad_blocks", "evidence", "expected"),
    [(4, 0b111, 9.0, True), (3, 0b111, 9.0, False), (4, 0b101, 9.0, False), (4, 0b111, 4.0, False)],
)
def test_a_rejection_takes_all_three(blocks: int, bad_blocks: int, evidence: float, expected: bool) -> None:
    """Four blocks, three of the last six of them bad, and evidence."""
    wealth = (evidence,) * len(versus.BET_SHARES)
    state = VersusState(wealth, evidence, blocks, bad_blocks)
    assert versus.breached(VersusPolicy(1.5, 0.01), state) is expected


def test_no_worse_at_all_may_be_asked_for() -> None:
    """A ratio of one is the strictest there is."""
    assert VersusPolicy(1, 0.01).log_threshold == pytest.approx(math.log(100))


def test_the_likelihood_bet_waits_for_the_baseline() -> None:
    """It is placed from the five hundredth event of stable on, and with BOUNDED never."""
    candidate, stable = Count(0, 50), Count(99, 1)
    few, enough = (Baseline(total=n, bad=5, pairs=1e5) for n in (BASELINE_EVENTS - 1, BASELINE_EVENTS))
    steps = [
        versus.advance(policy, versus.start(), known, candidate, stable).log_likelihood
        for policy, known in (
            (VersusPolicy(1.5, 0.01), few),
            (VersusPolicy(1.5, 0.01, bets=Bets.BOUNDED), enough),
        )
    ]
    assert steps == pytest.approx([math.log(0.8)] * 2)
    state = versus.advance(
        VersusPolicy(1.5, 0.01), VersusState(candidate_bad=50, candidate_total=50), enough, candidate, stable
    )
    assert state.log_likelihood > math.log(0.8) + 1


def test_the_alternative_by_hand() -> None:
    """Stable's recent rate drawn to its usual one, the candidate's to a little above the line."""
    state = VersusState(candidate_total=50, candidate_bad=20, stable_total=400, stable_bad=6)
    found = versus._alternative(Boundary(1.5), state, KNOWN)
    stable = (6 + BASELINE_EVENTS * KNOWN.rate) / (400 + BASELINE_EVENTS)
    line = 1.5 * stable
    events = versus.PRIOR_BAD_EVENTS / line
    candidate = (20 + events * (line + line * (1 - line))) / (50 + events)
    assert found is not None
    assert astuple(found) == pytest.approx((candidate, stable))
    assert versus._alternative(Boundary(1.5), replace(state, candidate_bad=0), KNOWN) is None


# Not worse


def test_not_worse_by_hand() -> None:
    """1 + .9 (r x_s - x_c), blocks without traffic of either passed over, and the sums of both arms."""
    policy = NotWorsePolicy(2, 0.05)
    state = not_worse.advance(policy, not_worse.start(), Baseline(), Count(9, 1), Count(80, 20))
    assert astuple(state) == pytest.approx((0, math.log1p(0.9 * (0.4 - 0.1)), 110, 21))
    for candidate, stable in ((Count(0, 0), Count(1, 0)), (Count(1, 0), Count(0, 0)), (None, Count(1, 0))):
        assert not_worse.advance(policy, state, KNOWN, candidate, stable) is state
    after = not_worse.advance(policy, state, Baseline(), Count(10, 0), Count(90, 10))
    assert astuple(after) == pytest.approx((0, state.log_bounded + math.log1p(0.9 * 0.2), 220, 31))


def test_evidence_for_not_worse_has_a_ceiling() -> None:
    """Three nats above the threshold, for either bet."""
    policy = NotWorsePolicy(2, 0.05)
    state = NotWorseState(99.0, 99.0, 1, 1)
    after = not_worse.advance(policy, state, KNOWN, Count(10, 0), Count(90, 10))
    assert (after.log_likelihood, after.log_bounded) == (policy.log_threshold + 3, policy.log_threshold + 3)


# A contest, and what a ledger says of it


def test_a_contest_sums_both_arms() -> None:
    """Good and bad of each since it began; a block that is Unknown for either changes nothing."""
    rules, contest = Rules(None, None), Contest("terms")
    for candidate, stable in (
        (Count(1, 2), Count(3, 4)),
        (None, Count(9, 9)),
        (Count(10, 20), Count(30, 40)),
    ):
        contest = contest.advance(rules, KNOWN, candidate, stable)
    assert contest == Contest("terms", candidate_good=11, candidate_bad=22, stable_good=33, stable_bad=44)


def plan(not_worse_ratio: float | None = 1.5) -> Plan:
    """One objective, a candidate c beside a stable s."""
    objective = ObjectivePlan("o", "config", 0.01, 1.5, not_worse_ratio)
    return Plan(5, (objective,), ("s", "c"), Comparison("c", "s", 0, 1), 1.0, 0.01)


def test_an_assessment_has_the_contest_s_numbers() -> None:
    """Events of both arms since the step began, and evidence from zero on."""
    blocks = [(5 * i, {("c", "o"): Count(6, 4), ("s", "o"): Count(80, 20)}) for i in range(1, 4)]
    ledger = Ledger().advance(plan(), blocks)
    found = next(each for each in ledger.assess(plan()) if each.revision == "c")
    assert (found.good, found.total, found.stable_good, found.stable_total) == (18, 30, 240, 300)
    assert (found.not_worse, found.not_worse_log_evidence) == (False, 0.0)


def test_what_was_not_asked_for_has_no_evidence() -> None:
    """Without a ratio for not worse there is no verdict, and no number either."""
    blocks = [(5 * i, {("c", "o"): Count(10, 0), ("s", "o"): Count(80, 20)}) for i in range(1, 40)]
    asked, unasked = (
        next(each for each in Ledger().advance(asking, blocks).assess(asking) if each.revision == "c")
        for asking in (plan(), plan(None))
    )
    assert asked.not_worse_log_evidence > 1
    assert asked.not_worse_log_threshold == pytest.approx(math.log(20))
    assert (unasked.not_worse, unasked.not_worse_log_evidence) == (None, 0.0)
    assert unasked.not_worse_log_threshold == math.inf


def test_missing_blocks_are_counted_as_unknown() -> None:
    """Between the last block taken in and the next, by their times; the first has none before it."""
    rest = replace(plan(), comparison=None)
    one = {("s", "o"): Count(10, 0)}
    first = Ledger().advance(rest, [(1_000, one)])
    assert next(iter(first.assess(rest))).blocks_unknown == 0
    nothing = first.advance(rest, [(1_020, {})])
    assert next(iter(nothing.assess(rest))).blocks_unknown == 4


def test_a_state_with_a_nan_does_not_hide_the_others() -> None:
    """What comes after it among the samples is read all the same."""
    rest = replace(plan(), comparison=None)
    counts = {("s", "o"): Count(10, 0), ("c", "o"): Count(10, 0)}
    ledger = Ledger().advance(rest, [(5, counts)])
    broken = [
        (labels, math.nan if labels.get("revision") == "s" else value)
        for labels, value in ledger.to_samples()
    ]
    assert set(Ledger.from_samples(broken).watches) == {("c", "o")}


# Sharing


def test_the_smallest_shares_are_shares() -> None:
    """Blocks of half a second, one objective, one step."""
    assert sharing.blocks_in_a_year(0.5) == 2 * sharing.blocks_in_a_year(1)
    assert sharing.step_alpha(0.01, 1, 1) == 0.01
    assert sharing.blocks_to_false_alarm(1, sharing.SECONDS_IN_A_YEAR / 1.5, 1) == pytest.approx(1.5)
    with pytest.raises(ValueError, match="are one in every block of"):
        sharing.blocks_to_false_alarm(1, sharing.SECONDS_IN_A_YEAR, 1)
