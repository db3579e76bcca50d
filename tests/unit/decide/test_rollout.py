"""A candidate's way through the steps."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modelward.api.objectives import event_config
from modelward.api.status import Phase
from modelward.decide import evidence_plan, targets
from modelward.decide.clock import read
from modelward.decide.observation import MetricsState, Problem, ProblemReason
from modelward.decide.placement import MonitorMode
from modelward.evidence.ledger import Comparison
from modelward.evidence.verdict import Verdict
from tests.unit.decide.world import (
    World,
    assessment,
    breached,
    promoted,
    promoting,
    serving,
    spec_of,
    stepping,
)

WITH_A_LONG_START = {"steps": [{"weight": 50, "duration": "1m"}], "deadline": "3h", "progressDeadline": "3h"}


def test_a_changed_spec_starts_a_candidate_without_traffic() -> None:
    """The candidate's pods start beside stable, which keeps every pod and all the traffic."""
    world = serving()
    world.wanted = "m-2"
    assert world.settle() == ["Begin"]
    wanted = targets(world.spec, world.status)
    assert {p.revision: p.replicas for p in wanted.placements} == {"m-1": 2, "m-2": 1}
    assert wanted.selected == ("m-1",)
    assert world.status.weight == 0


def test_the_split_begins_when_the_candidate_is_ready() -> None:
    """Both revisions are selected, both monitors rebalance, and status shows the real share."""
    world = stepping()
    wanted = targets(world.spec, world.status)
    assert wanted.selected == ("m-1", "m-2")
    assert {p.mode for p in wanted.placements} == {MonitorMode.REBALANCE}
    assert world.status.weight == 33
    assert world.conditions()["Progressing"] == ("True", "StepInProgress")


def test_a_split_waits_until_no_third_revision_has_pods() -> None:
    """The Service is widened to the whole deployment only when exactly two revisions have pods."""
    world = promoted()
    world.wanted = "m-3"
    world.settle()
    world.pods("m-3", ready=1)
    assert world.settle() == ["RetireStandby"]
    assert world.status.standby_revision == ""
    world.pods("m-1", ready=0, pods=1)
    assert world.settle() == []
    world.pods("m-1", ready=0, pods=0)
    assert world.settle() == ["BeginSteps"]


def test_a_step_ends_early_when_the_candidate_is_shown_not_worse() -> None:
    """Shown for every objective and on enough requests, the next step begins before its time."""
    world = stepping()
    world.all_healthy("m-2", not_worse=True)
    assert world.step().rule == "PassStep"
    assert world.status.rollout is not None
    assert world.status.rollout.step == 1


def test_one_objective_not_shown_keeps_the_step() -> None:
    """Not worse must be shown for every objective in scope."""
    world = stepping()
    world.all_healthy("m-2", not_worse=True)
    world.see(assessment("m-2", "accuracy", not_worse=False))
    assert world.settle() == []


def test_a_step_keeps_going_until_min_requests() -> None:
    """Neither early proof nor time ends a step before minRequests."""
    world = stepping()
    world.see(
        assessment("m-2", "availability", good=99, total=99, not_worse=True),
        assessment("m-2", "accuracy", good=60, total=70, not_worse=True),
    )
    world.pass_time(minutes=6)
    assert world.settle() == []


def test_a_step_ends_at_just_its_min_requests() -> None:
    """As many as spec asks for are enough."""
    world = stepping()
    world.see(
        assessment("m-2", "availability", good=100, total=100, not_worse=True),
        assessment("m-2", "accuracy", good=60, total=70, not_worse=True),
    )
    assert world.step().rule == "PassStep"


@pytest.mark.parametrize(
    ("policy", "rule_phase"),
    [("Promote", Phase.STEPPING), ("Hold", Phase.HELD), ("Rollback", Phase.ROLLING_BACK)],
)
def test_an_inconclusive_end_follows_the_policy(policy: str, rule_phase: Phase) -> None:
    """When a step's time is over with no evidence either way, onInconclusive says what follows."""
    world = stepping()
    rollout = world.spec.rollout.model_dump(by_alias=True, mode="json") | {"onInconclusive": policy}
    world.spec = spec_of(rollout=rollout)
    world.pass_time(minutes=5)
    decision = world.step()
    assert decision.rule == "EndStep"
    assert world.status.phase is rule_phase
    assert "neither worse nor shown as good" in decision.announcements[0].message
    assert world.status.last_decision is not None
    assert world.status.last_decision.revision == "m-2"
    assert [each.revision for each in world.status.rejected_revisions] == ["m-2"] * (policy == "Rollback")


@pytest.mark.parametrize("action", ["Rollback", "Hold"])
@pytest.mark.parametrize("not_worse", [None, True])
def test_no_step_ends_while_the_candidate_is_breached(action: str, not_worse: bool | None) -> None:
    """It is too early to say whether stable is good: time alone is no reason to go on with a breach."""
    objective = {"name": "availability", "availability": {}, "target": "99%", "onBreach": action}
    world = stepping(objectives=[objective])
    world.see(
        replace(breached("m-2"), not_worse=not_worse),
        assessment("m-1", target=Verdict.INCONCLUSIVE, target_log_evidence=7.5),
    )
    world.pass_time(minutes=5)
    assert world.settle() == []
    world.see(assessment("m-2"))
    assert world.step().rule == "EndStep"


def test_a_breach_that_asks_for_an_alert_alone_ends_its_step() -> None:
    """The team wants to know of it, and the rollout to go on."""
    world = stepping(
        objectives=[{"name": "availability", "availability": {}, "target": "99%", "onBreach": "Alert"}]
    )
    world.see(breached("m-2"))
    world.pass_time(minutes=5)
    assert world.step().rule == "EndStep"


def test_no_candidate_is_promoted_while_it_is_breached() -> None:
    """A breach that comes to light while its last pods start is waited out, or held at the deadline."""
    world = promoting()
    world.see(breached("m-2"), assessment("m-1", target=Verdict.INCONCLUSIVE, target_log_evidence=7.5))
    world.let_pods_follow()
    assert world.settle() == []
    world.see(assessment("m-2"))
    assert world.step().rule == "Promote"


def test_no_candidate_is_promoted_without_data() -> None:
    """Data that end while its last pods start are waited for, and their end is no good news."""
    world = promoting()
    world.let_pods_follow()
    world.metrics = MetricsState.UNAVAILABLE
    assert world.settle() == []
    assert world.conditions()["Progressing"] == ("False", "WaitingForMetrics")
    world.metrics = MetricsState.AVAILABLE
    world.see(assessment("m-2", "accuracy", target=Verdict.UNKNOWN))
    assert world.settle() == []
    world.see(assessment("m-2", "accuracy"))
    assert world.step().rule == "Promote"


def test_no_labels_never_promote() -> None:
    """An objective without data keeps the step open, and the deadline holds the rollout."""
    world = stepping()
    world.see(assessment("m-2", "accuracy", good=0, total=0, target=Verdict.UNKNOWN))
    world.pass_time(minutes=30)
    assert world.settle() == []
    world.pass_time(minutes=31)
    assert world.settle() == ["HoldAtDeadline"]
    assert world.status.phase is Phase.HELD
    assert "no data for accuracy" in world.status.history[0].message
    assert world.conditions()["Stalled"] == ("True", "Held")


def test_labels_that_come_days_later_do_not_judge_a_candidate() -> None:
    """An objective with scope AfterPromotion neither holds nor rejects a candidate."""
    objectives = [
        {"name": "availability", "availability": {}, "target": "99%"},
        {"name": "accuracy", "accuracy": {}, "target": "65%", "scope": "AfterPromotion"},
    ]
    world = stepping(objectives=objectives)
    world.see(assessment("m-2", "accuracy", good=0, total=0, target=Verdict.UNKNOWN))
    world.pass_time(minutes=5)
    assert world.step().rule == "EndStep"


def test_the_store_judges_no_candidate() -> None:
    """A storage objective compares no arms, and keeps no candidate that is shown to be no worse waiting."""
    objectives = [
        {"name": "availability", "availability": {}, "target": "99%"},
        {"name": "storage", "storage": {"within": "300ms"}, "target": "99%", "onBreach": "Hold"},
    ]
    world = stepping(objectives=objectives)
    plan = evidence_plan(world.spec, world.status)
    assert [(each.max_ratio, each.not_worse_ratio) for each in plan.objectives] == [(1.5, 2), (None, None)]
    assert plan.compared == 1
    world.see(
        assessment("m-2", "availability", not_worse=True), assessment("m-2", "storage", good=0, total=0)
    )
    assert world.step().rule == "PassStep"


def test_promotion_waits_for_all_pods_and_keeps_the_old_revision_warm() -> None:
    """All traffic moves when the candidate has every pod; the old one is withdrawn, then stands by."""
    world = stepping()
    for _ in range(2):
        world.all_healthy("m-2", not_worse=True)
        world.let_pods_follow()
        world.step()
    assert world.status.phase is Phase.PROMOTING
    world.pods("m-2", ready=1)
    assert world.step().rule == "Stay"
    world.pods("m-2", ready=2)
    assert world.step().rule == "Promote"
    modes = {p.revision: (p.mode, p.forward_to) for p in targets(world.spec, world.status).placements}
    assert modes == {"m-2": (MonitorMode.SERVE, None), "m-1": (MonitorMode.WITHDRAW, "m-2")}
    assert targets(world.spec, world.status).selected == ("m-2",)
    world.drain("m-1")
    assert (world.status.phase, world.status.standby_revision) == (Phase.SERVING, "m-1")


def test_standby_goes_when_its_time_is_over() -> None:
    """The standby is kept for rollout.standby.retain and then has no pods."""
    world = promoted()
    world.now += world.spec.rollout.standby.retain
    assert world.settle() == ["ExpireStandby"]
    assert [p.revision for p in targets(world.spec, world.status).placements] == ["m-2"]


@pytest.mark.parametrize("standby", [{"retain": "0s"}, {"replicas": "0%"}])
def test_a_standby_without_time_or_pods_is_none(standby: dict[str, str]) -> None:
    """Spec keeps none: its name does not stay in status."""
    steps = [{"weight": 50, "duration": "1m"}]
    world = promoted(rollout={"steps": steps, "standby": standby})
    assert (world.status.standby_revision, world.status.standby_until) == ("", None)
    assert "ExpireStandby" not in world.rules, "it never was one"


def test_a_standby_is_not_kept_for_a_rollout_that_waits() -> None:
    """Neither for pods that do not start nor for a person: its time is what spec says."""
    world = promoted(rollout=WITH_A_LONG_START)
    world.wanted = "m-3"
    assert world.settle() == ["Begin"]
    until = read(world.status.standby_until or "")
    world.now = until
    assert (world.status.phase, world.settle()) == (Phase.STARTING, ["ExpireStandby"])
    world = promoted(rollout=WITH_A_LONG_START | {"deadline": "30m"})
    world.wanted = "m-3"
    world.settle()
    world.pass_time(minutes=30)
    assert world.settle() == ["HoldAtDeadline"]
    world.now = until
    assert (world.status.phase, world.settle()) == (Phase.HELD, ["ExpireStandby"])


def test_standby_is_kept_to_the_very_end_of_its_time() -> None:
    """Not a second longer, and none less."""
    world = promoted()
    until = read(world.status.standby_until or "")
    world.now = until - timedelta(seconds=1)
    assert world.settle() == []
    world.now = until
    assert world.settle() == ["ExpireStandby"]


def test_the_plan_says_which_event_definition_its_evidence_is_of() -> None:
    """By the hash that monitors count under."""
    world = serving()
    found = {each.name: each.config for each in evidence_plan(world.spec, world.status).objectives}
    assert found == {each.name: event_config(each) for each in world.spec.objectives}


def test_paused_ends_no_step_but_still_rejects() -> None:
    """While paused nothing moves forward, and a bad candidate is rejected all the same."""
    world = stepping()
    world.spec = world.spec.model_copy(update={"paused": True})
    world.all_healthy("m-2", not_worse=True)
    world.pass_time(minutes=30)
    assert world.settle() == []
    assert world.conditions()["Progressing"] == ("False", "Paused")


def test_without_prometheus_nothing_moves() -> None:
    """With metrics away the step stays: no promotion, no rejection, and a condition says why."""
    world = stepping()
    world.all_healthy("m-2", not_worse=True)
    world.metrics = MetricsState.UNAVAILABLE
    world.pass_time(minutes=6)
    assert world.settle() == []
    assert world.conditions()["Progressing"] == ("False", "WaitingForMetrics")
    assert world.conditions()["ObjectivesMet"] == ("Unknown", "MetricsUnavailable")
    world.metrics = MetricsState.AVAILABLE
    assert world.step().rule == "PassStep"


def test_a_candidate_whose_pods_never_start_is_rejected_with_traffic_untouched() -> None:
    """A pod that cannot pull its image is rejected for that after the deadline; stable is not touched."""
    world = serving()
    world.wanted = "m-2"
    world.settle()
    generation = world.status.traffic_generation
    world.problem("m-2", ProblemReason.IMAGE_PULL_FAILED, "registry.example/model:2: not found")
    world.pass_time(minutes=9)
    assert world.settle() == []
    world.pass_time(minutes=1)
    assert world.settle() == ["RejectUnstartable"]
    assert world.status.rejected_revisions[0].reason == "ImagePullFailed"
    assert targets(world.spec, world.status).selected == ("m-1",)
    assert world.status.traffic_generation == generation


def test_a_new_spec_during_a_step_withdraws_the_candidate_without_rejecting_it() -> None:
    """The replaced candidate loses its traffic first; then the new one starts."""
    world = stepping()
    world.wanted = "m-3"
    assert world.step().rule == "ReplaceCandidate"
    assert world.status.phase is Phase.ROLLING_BACK
    assert world.status.rejected_revisions == ()
    world.drain("m-2")
    world.let_pods_follow()
    assert world.settle() == ["Begin"]
    assert world.status.candidate_revision == "m-3"


def test_a_spec_put_back_before_traffic_drops_the_candidate() -> None:
    """Reverting to the stable revision ends the rollout."""
    world = serving()
    world.wanted = "m-2"
    world.settle()
    world.wanted = "m-1"
    assert world.settle() == ["ReplaceBeforeTraffic"]
    assert (world.status.phase, world.status.candidate_revision) == (Phase.SERVING, "")


def test_a_weight_that_cannot_be_met_says_what_to_write() -> None:
    """With one replica the smallest share is one half, and the condition says so."""
    steps = {"steps": [{"weight": 10, "duration": "5m", "minRequests": 10}]}
    world = stepping(replicas=1, rollout=steps)
    progressing = next(c for c in world.status.conditions if c.type == "Progressing")
    assert progressing.reason == "WeightNotMet"
    assert "write weight: 50, or at least 9 replicas" in progressing.message


def test_a_weight_that_can_be_met_is_not_held_against_another_step() -> None:
    """What the condition says is of the step in progress."""
    steps = {"steps": [{"weight": 10, "duration": "5m"}, {"weight": 50, "duration": "5m"}]}
    world = stepping(replicas=1, rollout=steps)
    assert world.conditions()["Progressing"] == ("True", "WeightNotMet")
    world.all_healthy("m-2", not_worse=True)
    assert world.step().rule == "PassStep"
    assert world.conditions()["Progressing"] == ("True", "StepInProgress")


def test_the_evidence_plan_follows_the_split() -> None:
    """Both arms are watched and compared in a split; only stable at rest."""
    world = stepping()
    plan = evidence_plan(world.spec, world.status)
    assert plan.watched == ("m-1", "m-2")
    assert plan.comparison == Comparison("m-2", "m-1", step=0, parts=2)
    rest = serving()
    plan = evidence_plan(rest.spec, rest.status)
    assert (plan.watched, plan.comparison) == (("m-1",), None)
    rest.wanted = "m-2"
    assert rest.settle() == ["Begin"]
    assert evidence_plan(rest.spec, rest.status).comparison is None, "its pods only start"


def test_the_evidence_plan_has_the_margins_of_spec() -> None:
    """What is tolerated and what is to be ruled out, by ratio or by margin."""
    by_margin = {"maxMargin": "0.02", "notWorseMargin": "0.05"}
    objectives = [
        {"name": "accuracy", "accuracy": {}, "target": "65%", "versusStable": by_margin},
        {"name": "availability", "availability": {}, "target": "99%"},
    ]
    world = stepping(objectives=objectives)
    found = evidence_plan(world.spec, world.status).objectives
    assert [(each.max_ratio, each.max_margin) for each in found] == [(1, 0.02), (1.5, 0)]
    assert [(each.not_worse_ratio, each.not_worse_margin) for each in found] == [(1, 0.05), (2, 0)]


def test_what_has_no_share_is_compared_with_nothing() -> None:
    """A control whose pods only start answers no request in the blocks of the serving revision."""
    world = promoted()
    world.pods("m-1", ready=0)
    world.see(breached("m-2"))
    assert world.step().rule == "Probe"
    assert evidence_plan(world.spec, world.status).comparison is None


def test_each_step_has_its_part_of_the_chance_of_a_false_rejection() -> None:
    """As many parts as spec has steps; where spec has become shorter, as many as have been begun."""
    world = stepping()
    world.all_healthy("m-2", not_worse=True)
    assert world.step().rule == "PassStep"
    last = evidence_plan(world.spec, world.status).comparison
    assert last is not None
    assert (last.step, last.parts) == (1, 2)
    rollout = world.spec.rollout.model_copy(update={"steps": world.spec.rollout.steps[:1]})
    world.spec = world.spec.model_copy(update={"rollout": rollout})
    assert evidence_plan(world.spec, world.status).comparison == last
    world.all_healthy("m-2")
    assert world.step().rule == "Stay"
    assert world.conditions()["Progressing"] == ("True", "StepInProgress")


def test_a_deadline_names_what_has_no_data_if_anything_has_none() -> None:
    """A person must see what was waited for."""
    world = stepping()
    world.evidence.pop(("m-2", "accuracy"))
    world.pass_time(hours=1)
    assert world.settle() == ["HoldAtDeadline"]
    assert world.status.history[0].message == "not finished after 1:00:00; no data for accuracy"
    world = stepping(rollout={"steps": [{"weight": 50, "duration": "1m", "minRequests": 10_000}]})
    world.pass_time(days=1)
    assert world.settle() == ["HoldAtDeadline"]
    assert world.status.history[0].message == f"not finished after {world.spec.rollout.deadline}"


def test_a_paused_rollout_has_no_deadline_and_no_promotion() -> None:
    """It stays where it is for as long as a person wants, also with every step behind it."""
    world = stepping()
    world.evidence.pop(("m-2", "accuracy"))
    world.spec = world.spec.model_copy(update={"paused": True})
    world.pass_time(hours=2)
    assert world.settle() == []
    world = stepping()
    for _ in world.spec.rollout.steps:
        world.all_healthy("m-2", not_worse=True)
        world.let_pods_follow()
        world.step()
    assert world.status.phase is Phase.PROMOTING
    world.let_pods_follow()
    world.spec = world.spec.model_copy(update={"paused": True})
    assert world.settle() == []
    world.spec = world.spec.model_copy(update={"paused": False})
    assert world.step().rule == "Promote"


@pytest.mark.parametrize("change", [{"paused": True}, {"replicas": 0}])
def test_the_deadline_does_not_run_while_a_rollout_may_not_go_on(change: dict[str, Any]) -> None:
    """A rollout that was paused, or scaled to zero, over night has its whole time still."""
    world = stepping()
    world.evidence.pop(("m-2", "accuracy"))
    world.pass_time(minutes=50)
    running = world.spec
    world.spec = running.model_copy(update=change)
    assert world.settle() == []
    world.pass_time(hours=8)
    world.settle()
    world.pass_time(hours=8)
    world.spec = running
    assert world.settle() == []
    world.pass_time(minutes=9)
    assert world.settle() == []
    world.pass_time(minutes=1)
    assert world.settle() == ["HoldAtDeadline"]


def test_a_rollout_paused_when_it_is_held_loses_no_time_twice() -> None:
    """Held it does not run either: from there on that alone puts its deadline off."""
    world = stepping()
    world.spec = world.spec.model_copy(update={"paused": True})
    world.settle()
    world.pass_time(minutes=30)
    world.see(breached("m-1"), breached("m-2"))
    assert world.settle() == ["HoldOnBreach"]
    world.pass_time(minutes=30)
    world.spec = world.spec.model_copy(update={"paused": False})
    world.all_healthy("m-1", "m-2")
    assert world.settle() == ["Resume"]
    world.evidence.pop(("m-2", "accuracy"))
    world.pass_time(minutes=59, seconds=59)
    assert world.settle() == []
    world.pass_time(seconds=1)
    assert world.settle() == ["HoldAtDeadline"]


def test_a_last_step_that_is_run_again_is_counted_once() -> None:
    """Held while its last pods started: no more steps were inconclusive than there are."""
    world = stepping()
    for _ in range(2):
        world.pass_time(minutes=5)
        world.let_pods_follow()
        assert world.step().rule == "EndStep"
    world.see(breached("m-1"), breached("m-2"))
    assert world.step().rule == "HoldOnBreach"
    world.all_healthy("m-1", "m-2")
    assert world.step().rule == "Resume"
    world.let_pods_follow()
    world.settle()
    world.pass_time(minutes=5)
    assert world.settle() == ["EndStep", "Promote"]
    assert world.status.history[0].message == "steps shown no worse: 0, inconclusive: 2"


def test_the_next_look_is_at_the_next_deadline() -> None:
    """A step of five minutes is looked at again just after five minutes, even if nothing happens."""
    world = stepping()
    decision = world.step()
    assert decision.look_again_after is not None
    assert decision.look_again_after <= timedelta(minutes=5, seconds=1)
    assert World().step().look_again_after is not None


def test_numbers_in_status_are_refreshed_at_most_every_half_minute_in_a_split() -> None:
    """Counts alone change nothing within 30 s; after that they are written."""
    world = stepping()
    world.see(assessment("m-2", good=1990, total=2000))
    before = world.status
    world.pass_time(seconds=29)
    assert world.step().status == before
    world.pass_time(seconds=1)
    totals = {(o.revision, o.name): o.total for o in world.step().status.objectives}
    assert totals["m-2", "availability"] == 2000


def test_paused_starts_no_candidate() -> None:
    """A changed spec waits while spec.paused is true, and starts when it is not."""
    world = serving()
    world.spec = world.spec.model_copy(update={"paused": True})
    world.wanted = "m-2"
    assert world.settle() == []
    world.spec = world.spec.model_copy(update={"paused": False})
    assert world.settle() == ["Begin"]


def test_missing_last_pods_of_a_promotion_are_a_reason() -> None:
    """A candidate that passed its steps but cannot have all its pods is rejected with their problem."""
    world = stepping()
    for _ in range(2):
        world.all_healthy("m-2", not_worse=True)
        world.let_pods_follow()
        world.step()
    assert world.status.phase == "Promoting"
    world.pods("m-2", ready=1, problem=Problem(ProblemReason.UNSCHEDULABLE, "0/1 nodes are available"))
    world.settle()
    world.now += world.spec.rollout.progress_deadline
    assert world.step().rule == "RejectUnready"
    assert world.status.rejected_revisions[0].reason == "Unschedulable"
