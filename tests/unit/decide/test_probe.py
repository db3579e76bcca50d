"""The comparison of a suspected revision with a good one, after promotion."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modelward.api.status import Cause, ControlPurpose, IncidentStatus, ModelDeploymentStatus, Phase
from modelward.decide import evidence_plan, targets
from modelward.decide.observation import (
    Commands,
    DriftSignal,
    FiringAlert,
    MetricsState,
    Problem,
    ProblemReason,
    RevisionObservation,
)
from modelward.decide.placement import MonitorMode
from modelward.evidence.ledger import Comparison
from modelward.evidence.verdict import Verdict
from tests.unit.decide.world import (
    World,
    assessment,
    breached,
    explained,
    probing,
    promoted,
    serving,
    spec_of,
    worse,
)

STORAGE = {"name": "storage", "storage": {"within": "300ms"}, "target": "99%", "onBreach": "Hold"}
OBJECTIVES = [{"name": "availability", "availability": {}, "target": "99%"}, STORAGE]


def both_bad(world: World) -> None:
    """Let m-2 be breached and shown to be no worse than m-1."""
    world.see(replace(breached("m-2"), not_worse=True, versus=Verdict.HEALTHY))


def test_a_breach_gives_the_warm_standby_a_share_at_once() -> None:
    """Half the traffic goes to the standby, and the suspect is held against it in the same blocks."""
    world = promoted()
    world.see(breached("m-2"))
    decision = world.step()
    assert decision.rule == "Probe"
    assert "500 of 1000 bad (50.00%)" in decision.announcements[0].message
    assert "compared with m-1" in decision.announcements[0].message
    assert world.step().rule == "ShareTraffic"
    wanted = targets(world.spec, world.status)
    assert wanted.selected == ("m-2", "m-1")
    assert {p.revision: (p.replicas, p.mode) for p in wanted.placements} == {
        "m-2": (2, MonitorMode.REBALANCE),
        "m-1": (2, MonitorMode.REBALANCE),
    }
    assert {s.revision: s.weight for s in world.status.traffic} == {"m-2": 50, "m-1": 50}
    assert evidence_plan(world.spec, world.status).comparison == Comparison("m-2", "m-1", step=0, parts=2)
    assert world.conditions()["Reconciling"] == ("True", "ProbeInProgress")
    assert world.status.rejected_revisions == ()


def test_shown_to_be_worse_it_goes() -> None:
    """The suspect is rejected with the cause Model, and all traffic goes to the control at once."""
    world = probing()
    generation = world.status.traffic_generation
    world.see(replace(worse("m-2"), target=Verdict.BREACHED))
    decision = world.step()
    assert decision.rule == "RollBack"
    rejected = world.status.rejected_revisions[0]
    assert (rejected.revision, rejected.cause, rejected.reason) == (
        "m-2",
        Cause.MODEL,
        "AvailabilityWorseThanStable",
    )
    assert "while m-1 had 10 of 1000 bad" in rejected.message
    assert targets(world.spec, world.status).selected == ("m-1",)
    assert world.status.control is None
    assert world.status.traffic_generation == generation + 1
    world.drain("m-2")
    assert (world.status.phase, world.status.stable_revision) == (Phase.SERVING, "m-1")
    assert world.status.cause is Cause.MODEL


def test_a_small_control_keeps_its_share_until_all_its_pods_are_there() -> None:
    """Half the pods do not get all the traffic; both serve until the rest is ready."""
    world = promoted(rollout={"steps": [{"weight": 33}], "standby": {"replicas": "50%"}, "deadline": "1h"})
    world.see(breached("m-2"))
    world.settle()
    world.let_pods_follow()
    world.see(worse("m-2"))
    assert world.step().rule == "RollBack"
    wanted = targets(world.spec, world.status)
    assert wanted.selected == ("m-2", "m-1")
    assert {p.revision: (p.replicas, p.mode) for p in wanted.placements} == {
        "m-2": (2, MonitorMode.REBALANCE),
        "m-1": (2, MonitorMode.REBALANCE),
    }
    world.pods("m-1", ready=2)
    assert world.step().rule == "SwitchTraffic"
    assert targets(world.spec, world.status).selected == ("m-1",)


def test_no_worse_puts_the_share_back_and_says_so() -> None:
    """Going back would not help: the control is withdrawn like any revision, and stays the standby."""
    world = probing()
    both_bad(world)
    decision = world.step()
    assert decision.rule == "EndProbe"
    assert "no worse than m-1" in decision.announcements[0].message
    assert world.status.phase is Phase.RESTORING
    modes = {p.revision: (p.mode, p.forward_to) for p in targets(world.spec, world.status).placements}
    assert modes["m-1"] == (MonitorMode.WITHDRAW, "m-2")
    assert world.conditions()["Reconciling"] == ("True", "ShareReturns")
    world.drain("m-1")
    assert (world.status.phase, world.status.stable_revision) == (Phase.SERVING, "m-2")
    assert world.status.standby_revision == "m-1"
    assert (world.status.cause, world.status.rejected_revisions) == (Cause.UNKNOWN, ())
    assert world.conditions()["ObjectivesMet"] == ("False", "CauseUnknown")
    assert world.settle() == []


@pytest.mark.parametrize(
    ("storage_breached", "drift", "cause", "reason"),
    [
        (True, (), Cause.INFRASTRUCTURE, "InfrastructureSuspected"),
        (False, (DriftSignal("psi", 0.5, 0.2),), Cause.DRIFT, "DriftSuspected"),
        (False, (DriftSignal("psi", 0.1, 0.2),), Cause.UNKNOWN, "CauseUnknown"),
    ],
)
def test_what_coincides_is_the_cause_once_going_back_is_shown_not_to_help(
    storage_breached: bool,
    drift: tuple[DriftSignal, ...],
    cause: Cause,
    reason: str,
) -> None:
    """Slow storage before drifted inputs before nothing known; each with its numbers."""
    world = probing(objectives=OBJECTIVES)
    world.drift = drift
    if storage_breached:
        world.see(breached("m-2", "storage"))
    both_bad(world)
    world.step()
    assert world.status.incident is not None
    assert (world.status.cause, world.status.incident.reason) == (cause, reason)
    if storage_breached:
        assert "storage: 500 of 1000 bad" in world.status.incident.message
    if cause is Cause.DRIFT:
        assert "drift detector psi at 0.5, above 0.2" in world.status.incident.message


def test_an_hour_passes_before_it_is_compared_again() -> None:
    """What a comparison has told is not asked again while the breach lasts; then once more."""
    world = probing()
    both_bad(world)
    world.step()
    world.drain("m-1")
    world.see(breached("m-2"))
    world.spec = world.spec.model_copy(
        update={"rollout": world.spec.rollout.model_copy(update={"deadline": timedelta(days=1)})}
    )
    world.pass_time(minutes=58)
    assert world.settle() == []
    world.pass_time(minutes=2)
    world.keep_standby()
    assert world.settle() == ["Probe", "ShareTraffic"]


def test_a_cause_that_is_found_later_begins_no_comparison_anew() -> None:
    """The incident says what is at fault now, and keeps when it was compared and how often."""
    world = probing()
    both_bad(world)
    world.step()
    world.drain("m-1")
    before = world.status.incident
    world.drift = (DriftSignal("psi", 0.5, 0.2),)
    world.pass_time(minutes=30)
    assert world.settle() == ["BearBreach"]
    after = world.status.incident
    assert before is not None
    assert after is not None
    assert (after.cause, after.probed_at, after.probes) == (Cause.DRIFT, before.probed_at, 1)


def test_each_further_probe_of_an_incident_asks_for_more_evidence() -> None:
    """All comparisons of one incident together keep to the chance that is stated for a false rejection."""
    world = probing()
    parts = []
    for _ in range(3):
        comparison = evidence_plan(world.spec, world.status).comparison
        assert comparison is not None
        parts.append(comparison.parts)
        both_bad(world)
        world.step()
        world.drain("m-1")
        world.see(breached("m-2"))
        world.keep_standby()
        world.pass_time(hours=1)
        world.let_pods_follow()
        assert world.settle() == ["Probe", "ShareTraffic"]
    assert parts == [2, 6, 12]


def test_the_next_incident_has_the_whole_chance_again() -> None:
    """What is over counts no more, and a probe that never had traffic never counted."""
    world = probing()
    both_bad(world)
    world.step()
    world.drain("m-1")
    world.all_healthy("m-2")
    assert world.settle() == ["Recover"]
    world.pods("m-1", ready=0)
    world.see(breached("m-2"))
    assert world.settle() == ["Probe"]
    world.wanted = "m-3"
    assert world.step().rule == "EndProbe"
    assert world.status.incident is not None
    assert world.status.incident.probes == 0


def test_the_number_of_probes_is_bounded() -> None:
    """After a thousand, six weeks of one incident, the part stays what it is."""
    world = probing()
    both_bad(world)
    incident = IncidentStatus(
        revision="m-2", cause=Cause.UNKNOWN, reason="CauseUnknown", since="2026-01-01T12:00:00Z", probes=1000
    )
    world.status = world.status.model_copy(update={"incident": incident})
    world.step()
    assert world.status.incident is not None
    assert world.status.incident.probes == 1000
    assert ModelDeploymentStatus.model_validate(world.status.model_dump()) == world.status


def test_time_is_up_without_a_verdict() -> None:
    """A probe is bounded by its duration; metrics that are away stop it from being judged at all."""
    world = probing(rollback={"probe": {"duration": "2m"}})
    world.pass_time(seconds=119)
    assert world.step().rule == "Stay"
    world.pass_time(seconds=1)
    world.metrics = MetricsState.UNAVAILABLE
    assert world.step().rule == "Stay"
    world.metrics = MetricsState.AVAILABLE
    decision = world.step()
    assert decision.rule == "EndProbe"
    assert "not shown to be worse than m-1 in 0:02:00" in decision.announcements[0].message


def test_a_breach_that_is_over_ends_the_probe() -> None:
    """Once nothing stands out against the suspect, its traffic is all given back and nobody is to blame."""
    world = probing()
    world.all_healthy("m-2")
    decision = world.step()
    assert (decision.rule, world.status.phase) == ("EndProbe", Phase.RESTORING)
    assert decision.announcements[0].type == "Normal"
    assert world.status.incident is None
    assert not world.status.cause


def test_evidence_that_falls_below_the_threshold_is_no_recovery_yet() -> None:
    """A breach that wavers around the threshold does not move traffic to and fro."""
    world = probing()
    world.see(assessment("m-2", good=500, target=Verdict.INCONCLUSIVE, target_log_evidence=14.0))
    assert world.step().rule == "Stay"
    assert world.status.phase is Phase.PROBING


@pytest.mark.parametrize(("share", "rules"), [(1 / 3, []), (0.33, ["EndProbe"])])
def test_a_breached_objective_that_falls_silent_has_not_recovered(share: float, rules: list[str]) -> None:
    """What another objective says is no answer; what was calm when its data ended keeps nothing open."""
    world = probing()
    world.all_healthy("m-2")
    breach = breached("m-2", "accuracy")
    evidence = share * breach.target_log_threshold
    world.see(replace(breach, target=Verdict.UNKNOWN, target_log_evidence=evidence))
    assert world.settle() == rules


def test_an_incident_outlasts_the_data_of_what_was_breached() -> None:
    """Without a probe too: the incident is open until the objective has data again, and good ones."""
    world = promoted(rollback={"onUnknownCause": "Alert"})
    world.see(breached("m-2", "accuracy"))
    assert world.settle() == ["BearBreach"]
    world.see(replace(breached("m-2", "accuracy"), target=Verdict.UNKNOWN))
    assert world.settle() == []
    assert world.conditions()["ObjectivesMet"][0] == "False"
    world.all_healthy("m-2")
    assert world.settle() == ["Recover"]


def test_storage_that_is_slow_for_both_ends_the_probe() -> None:
    """The share returns as soon as the events of both show that storage is at fault."""
    world = promoted()
    world.see(explained(breached("m-2")))
    assert world.settle() == ["Probe", "ShareTraffic"]
    world.let_pods_follow()
    assert world.settle() == [], "the reads that are slow may be its own"
    world.see(explained(assessment("m-1", good=100)))
    said = world.step().announcements[0].message
    assert said.startswith("m-2: storage was slow for both; availability: 500 of 1000 bad")
    assert "; availability: 400 of 500 bad (80.00%) while storage was slow, 5 of 500 bad" in said
    assert (world.status.phase, world.status.cause) == (Phase.RESTORING, Cause.INFRASTRUCTURE)
    world.drain("m-1")
    assert targets(world.spec, world.status).selected == ("m-2",)
    world.let_pods_follow()
    world.pass_time(minutes=50)
    assert world.settle() == [], "what a comparison has shown is not asked again at once"


def test_slow_reads_of_its_own_are_rolled_back() -> None:
    """The serving revision says that storage is slow, and the standby beside it waits for none."""
    world = promoted()
    world.see(explained(breached("m-2")))
    assert world.settle() == ["Probe", "ShareTraffic"]
    world.let_pods_follow()
    world.see(explained(replace(worse("m-2"), target=Verdict.BREACHED)), assessment("m-1"))
    assert world.step().rule == "RollBack"
    assert world.status.rejected_revisions[0].cause is Cause.MODEL


def test_slow_reads_of_its_own_are_rolled_back_also_to_a_control_with_a_fault() -> None:
    """Side by side the control is better, whatever else is wrong with it."""
    world = probing()
    world.see(explained(replace(worse("m-2"), target=Verdict.BREACHED)), breached("m-1", "accuracy"))
    assert world.step().rule == "RollBack"


def test_slow_storage_for_both_goes_back_to_no_control_with_a_fault() -> None:
    """What storage does to both says nothing for the control."""
    world = probing()
    world.see(explained(replace(worse("m-2"), target=Verdict.BREACHED)), breached("m-1", "accuracy"))
    world.see(explained(assessment("m-1", good=100)))
    assert world.step().rule == "EndProbe"


def test_slow_storage_with_nobody_to_compare_with_is_borne_as_such() -> None:
    """That there is nothing to go back to is no news where storage is at fault."""
    world = promoted()
    world.see(explained(breached("m-2")), breached("m-1"))
    assert world.settle() == ["BearBreach"]
    assert world.conditions()["ObjectivesMet"] == ("False", "InfrastructureSuspected")


def test_a_cold_control_starts_first_and_ends_after() -> None:
    """Without a standby pods of the last good revision start; they are gone when the share is back."""
    world = promoted()
    world.let_standby_go()
    world.see(breached("m-2"))
    assert world.settle() == ["Probe"]
    assert targets(world.spec, world.status).selected == ("m-2",)
    assert {p.revision: p.replicas for p in targets(world.spec, world.status).placements} == {
        "m-1": 2,
        "m-2": 2,
    }
    world.let_pods_follow()
    assert world.settle() == ["ShareTraffic"]
    both_bad(world)
    world.step()
    world.drain("m-1")
    assert [p.revision for p in targets(world.spec, world.status).placements] == ["m-2"]


def test_one_pod_of_the_control_is_enough_after_half_a_minute() -> None:
    """A control that lacks a pod still takes the share that its ready pods give."""
    world = promoted()
    world.pods("m-1", ready=1)
    world.see(breached("m-2"))
    assert world.settle() == ["Probe"]
    world.pass_time(seconds=30)
    assert world.settle() == ["ShareTraffic"]
    assert {s.revision: s.weight for s in world.status.traffic} == {"m-2": 67, "m-1": 33}


def test_pods_of_a_third_revision_keep_the_share_from_beginning() -> None:
    """The Service is widened only while pods of exactly two revisions exist."""
    world = promoted()
    world.see(breached("m-2"))
    world.pods("m-0", ready=0, pods=1)
    assert world.settle() == ["Probe"]
    world.pods("m-0", pods=0)
    assert world.settle() == ["ShareTraffic"]


def test_a_candidate_without_traffic_makes_room() -> None:
    """A candidate that has only started is let go for the comparison, and taken up again after it."""
    world = promoted()
    world.wanted = "m-3"
    world.settle()
    world.see(breached("m-2"))
    assert world.settle() == ["Probe", "ShareTraffic"]
    assert (world.status.candidate_revision, world.status.rollout) == ("", None)
    both_bad(world)
    world.step()
    world.drain("m-1")
    assert "Begin" in world.settle()


def test_a_control_that_cannot_start_is_no_good_revision() -> None:
    """It is rejected with its pods' own reason; with no other left, that is said."""
    world = promoted()
    world.let_standby_go()
    world.see(breached("m-2"))
    world.step()
    world.pods("m-1", ready=0, pods=1, problem=Problem(ProblemReason.FETCH_FAILED, "no such object"))
    world.now += world.spec.rollout.progress_deadline - timedelta(seconds=1)
    assert world.settle() == []
    world.pass_time(seconds=1)
    assert world.settle() == ["GiveUpControl", "BearBreach"]
    assert [(r.revision, r.reason, r.cause) for r in world.status.rejected_revisions] == [
        ("m-1", "FetchFailed", Cause.UNKNOWN)
    ]
    assert world.conditions()["ObjectivesMet"] == ("False", "NothingToGoBackTo")
    assert targets(world.spec, world.status).selected == ("m-2",)


def test_a_control_that_cannot_be_fetched_from_slow_storage_is_not_rejected() -> None:
    """What keeps it from starting may be what the suspect suffers from: it can be gone back to afterwards."""
    world = promoted()
    world.let_standby_go()
    world.see(explained(breached("m-2")))
    assert world.step().rule == "Probe"
    world.pods("m-1", ready=0, pods=1, problem=Problem(ProblemReason.FETCH_FAILED, "timed out"))
    world.now += world.spec.rollout.progress_deadline - timedelta(seconds=1)
    assert world.settle() == []
    world.pass_time(seconds=1)
    decision = world.step()
    assert (decision.rule, world.status.phase, world.status.control) == ("EndProbe", Phase.SERVING, None)
    assert decision.announcements[0].reason == "ControlNotReady"
    assert "timed out" in decision.announcements[0].message
    assert world.conditions()["ObjectivesMet"] == ("False", "InfrastructureSuspected")
    assert world.status.rejected_revisions == ()
    assert targets(world.spec, world.status).selected == ("m-2",)
    world.pods("m-1", pods=0)
    world.pass_time(minutes=59)
    assert world.settle() == []
    world.pass_time(minutes=1)
    assert world.settle() == ["Probe"]


def test_a_control_of_another_model_is_rejected_also_while_storage_is_slow() -> None:
    """No slow store makes a revision's digest another one."""
    world = promoted()
    world.let_standby_go()
    world.see(explained(breached("m-2")))
    world.step()
    world.pods("m-1", ready=0, pods=1, problem=Problem(ProblemReason.DIGEST_MISMATCH, "other content"))
    world.pass_time(minutes=10)
    world.settle()
    assert [(r.revision, r.cause) for r in world.status.rejected_revisions] == [("m-1", Cause.MODEL)]


def test_a_control_that_cannot_start_is_not_rejected_without_metrics() -> None:
    """Nobody knows what the suspect suffers from now; when that is known, it is given up or not."""
    world = promoted()
    world.let_standby_go()
    world.see(breached("m-2"))
    world.step()
    world.pods("m-1", ready=0, pods=1, problem=Problem(ProblemReason.FETCH_FAILED, "timed out"))
    world.metrics = MetricsState.UNAVAILABLE
    world.pass_time(hours=1)
    assert world.settle() == []
    world.metrics = MetricsState.AVAILABLE
    assert world.settle() == ["GiveUpControl", "BearBreach"]


def test_a_good_control_is_not_rejected_for_want_of_metrics() -> None:
    """Ready pods wait for Prometheus however long that takes, and then share the traffic."""
    world = promoted()
    world.see(breached("m-2"))
    assert world.step().rule == "Probe"
    world.metrics = MetricsState.UNAVAILABLE
    world.pass_time(hours=1)
    assert world.settle() == []
    world.pods("m-1", ready=0)
    assert world.settle() == [], "the deadline counts from when the last pod was lost"
    world.pods("m-1", ready=2)
    world.metrics = MetricsState.AVAILABLE
    assert world.settle() == ["ShareTraffic"]
    assert world.status.rejected_revisions == ()


def test_a_shared_control_that_dies_without_metrics_is_not_rejected() -> None:
    """It had a share, so the suspect alone answers until Prometheus tells whether the breach goes on."""
    world = probing()
    world.metrics = MetricsState.UNAVAILABLE
    world.pods("m-1", ready=0)
    world.step()
    world.now += world.spec.rollout.progress_deadline
    assert world.settle() == []
    assert world.status.rejected_revisions == ()


def test_a_control_scaled_to_zero_is_not_rejected() -> None:
    """Nobody asks for its pods; scaled up again it has the whole deadline to start."""
    world = promoted()
    world.pods("m-1", ready=0)
    world.see(breached("m-2"))
    world.step()
    world.spec = world.spec.model_copy(update={"replicas": 0})
    world.let_pods_follow()
    world.step()
    world.pass_time(days=1)
    assert world.settle() == []
    world.spec = world.spec.model_copy(update={"replicas": 2})
    assert world.settle() == []
    world.let_pods_follow()
    assert world.settle() == ["ShareTraffic"]


def test_a_standby_that_is_not_the_control_makes_room() -> None:
    """The standby was breached itself, so an older revision is asked: the standby's pods go."""
    world = promoted()
    world.revisions["m-0"] = replace(world.revisions["m-1"], pods=0, ready=0)
    older = world.status.history[0].model_copy(update={"revision": "m-0", "action": "Promoted"})
    world.status = world.status.model_copy(update={"history": (*world.status.history, older)})
    world.see(breached("m-1"), breached("m-2"))
    assert world.settle() == ["Probe"]
    assert {p.revision for p in targets(world.spec, world.status).placements} == {"m-0", "m-2"}
    world.let_pods_follow()
    assert world.settle() == ["ShareTraffic"]


def test_pods_that_do_not_go_end_the_wait_for_a_share() -> None:
    """Nobody waits for ever for pods of a third revision; another comparison is tried an hour later."""
    world = promoted()
    world.revisions |= dict.fromkeys(("m-0", "a-0"), RevisionObservation(pods=1))
    world.see(breached("m-2"))
    assert world.settle() == ["Probe"]
    world.now += world.spec.rollout.progress_deadline - timedelta(seconds=1)
    assert world.settle() == []
    world.pass_time(seconds=1)
    decision = world.step()
    assert (decision.rule, world.status.phase, world.status.control) == ("EndProbe", Phase.SERVING, None)
    assert decision.announcements[0].reason == "PodsInTheWay"
    assert "pods of a-0, m-0 have not gone in 0:10:00" in decision.announcements[0].message
    assert world.conditions()["ObjectivesMet"] == ("False", "CauseUnknown")
    world.keep_standby()
    world.pass_time(minutes=59)
    assert world.settle() == []
    world.revisions |= dict.fromkeys(("m-0", "a-0"), RevisionObservation())
    world.pass_time(minutes=1)
    assert world.settle() == ["Probe", "ShareTraffic"]


def test_a_control_that_starts_is_not_given_up_for_others_pods() -> None:
    """While its own pods are not ready, theirs are in nobody's way."""
    world = promoted()
    world.revisions["m-0"] = RevisionObservation(pods=1)
    world.pods("m-1", ready=0)
    world.see(breached("m-2"))
    assert world.settle() == ["Probe"]
    world.pass_time(minutes=9)
    world.pods("m-1", ready=1)
    world.step()
    world.pods("m-1", ready=0)
    world.pass_time(minutes=2)
    assert world.settle() == []


def test_a_control_of_other_contents_is_the_models_fault() -> None:
    """A model overwritten at its address cannot be compared with, and the message says why."""
    world = promoted()
    world.pods("m-1", ready=0, problem=Problem(ProblemReason.DIGEST_MISMATCH, "overwritten"))
    world.see(breached("m-2"))
    world.step()
    world.now += world.spec.rollout.progress_deadline
    world.settle()
    assert world.status.rejected_revisions[0].cause is Cause.MODEL


def test_a_control_that_dies_gives_its_share_back() -> None:
    """What serves stays; the comparison begins again an hour later, not as soon as its pods are back."""
    world = probing()
    world.pods("m-1", ready=0)
    decision = world.step()
    assert (decision.rule, world.status.phase) == ("EndProbe", Phase.RESTORING)
    assert "no ready pod" in decision.announcements[0].message
    assert world.conditions()["ObjectivesMet"] == ("False", "CauseUnknown")
    world.drain("m-1")
    world.let_pods_follow()
    assert world.settle() == []
    world.keep_standby()
    world.pass_time(hours=1)
    assert world.settle() == ["Probe", "ShareTraffic"]


def test_a_control_that_dies_of_what_storage_explains_leaves_that_cause() -> None:
    """The incident is about the breach, and says what is known of it."""
    world = probing(objectives=OBJECTIVES)
    world.see(breached("m-2", "storage"))
    world.pods("m-1", ready=0)
    world.step()
    assert world.status.incident is not None
    assert world.status.incident.cause is Cause.INFRASTRUCTURE
    assert "no ready pod" in world.status.incident.message


def test_slow_storage_moves_no_traffic() -> None:
    """Where the team wants no probe it is borne: an alert, an incident, no share for anyone."""
    world = promoted(rollback={"onUnknownCause": "Alert"})
    generation = world.status.traffic_generation
    world.see(explained(breached("m-2")))
    assert world.settle() == ["BearBreach"]
    assert world.status.traffic_generation == generation
    assert world.conditions()["ObjectivesMet"] == ("False", "InfrastructureSuspected")
    assert world.status.incident is not None
    assert "400 of 500 bad (80.00%) while storage was slow, 5 of 500 bad" in world.status.incident.message
    world.all_healthy("m-2")
    assert world.settle() == ["Recover"]
    assert [world.status.cause, world.status.incident] == [None, None]
    assert world.status.history[0].action == "Recovered"


def test_a_breach_that_outlasts_slow_storage_is_looked_into() -> None:
    """Two minutes after slow storage has ceased to explain it, the standby is asked if the team says so."""
    world = promoted(rollback={"onUnknownCause": "Alert"})
    world.see(explained(breached("m-2")))
    world.settle()
    world.see(breached("m-2"))
    assert world.settle() == []
    world.pass_time(seconds=119)
    assert world.settle() == []
    world.see(explained(breached("m-2")))
    world.settle()
    world.see(breached("m-2"))
    world.spec = spec_of()
    world.pass_time(seconds=119)
    assert world.settle() == []
    world.pass_time(seconds=120)
    assert world.settle() == ["Probe", "ShareTraffic"]


@pytest.mark.parametrize("policy", ["Rollback", "Alert"])
def test_slow_storage_at_the_same_time_moves_nothing_without_a_probe(policy: str) -> None:
    """Where the team wants no probe, a coincidence is enough not to go back."""
    world = promoted(objectives=OBJECTIVES, rollback={"onUnknownCause": policy})
    world.see(breached("m-2"), breached("m-2", "storage"))
    assert world.settle() == ["BearBreach"]
    assert world.status.cause is Cause.INFRASTRUCTURE


def test_alert_policy_stays_and_learns_what_the_cause_is() -> None:
    """An unknown cause is replaced by a known one as soon as there is one, and not by none again."""
    world = promoted(objectives=OBJECTIVES, rollback={"onUnknownCause": "Alert"})
    world.see(breached("m-2"))
    assert world.settle() == ["BearBreach"]
    assert str(world.status.cause) == "Unknown"
    world.see(breached("m-2", "storage"))
    assert world.settle() == ["BearBreach"]
    assert str(world.status.cause) == "Infrastructure"
    world.see(assessment("m-2", "storage"))
    assert world.settle() == []
    assert str(world.status.cause) == "Infrastructure"


def test_a_cause_that_is_shown_replaces_one_that_coincides() -> None:
    """Drift was suspected; then slow storage explains all: that is news, with its own numbers."""
    world = promoted(objectives=OBJECTIVES, rollback={"onUnknownCause": "Alert"})
    world.drift = (DriftSignal("psi", 0.31, 0.2),)
    world.see(breached("m-2"))
    assert world.settle() == ["BearBreach"]
    assert world.conditions()["ObjectivesMet"] == ("False", "DriftSuspected")
    world.see(explained(breached("m-2")))
    assert world.settle() == ["BearBreach"]
    assert world.status.cause is Cause.INFRASTRUCTURE


def test_a_standby_that_was_breached_itself_is_not_asked() -> None:
    """What was last known of the standby counts; there is no point in comparing bad with bad."""
    world = promoted()
    world.see(breached("m-1"), breached("m-2"))
    assert world.settle() == ["BearBreach"]
    assert world.conditions()["ObjectivesMet"] == ("False", "NothingToGoBackTo")


def test_a_breach_by_late_labels_counts_against_the_standby_too() -> None:
    """An objective for what serves alone said that the standby was bad when it served."""
    late = {"name": "accuracy", "accuracy": {}, "target": "65%", "scope": "AfterPromotion"}
    world = promoted(objectives=[OBJECTIVES[0], late], rollback={"onUnknownCause": "Rollback"})
    world.see(breached("m-1", "accuracy"), breached("m-2"))
    assert world.settle() == ["BearBreach"]
    assert world.conditions()["ObjectivesMet"] == ("False", "NothingToGoBackTo")


def test_a_breach_by_late_labels_counts_against_what_serves() -> None:
    """An objective for what serves alone is in scope once a revision is promoted."""
    late = {"name": "accuracy", "accuracy": {}, "target": "65%", "scope": "AfterPromotion"}
    world = promoted(objectives=[OBJECTIVES[0], late])
    world.see(breached("m-2", "accuracy"))
    assert world.step().rule == "Probe"


def test_an_alert_of_the_teams_goes_back_in_the_middle_of_a_probe() -> None:
    """The team's alert names the serving revision: no need to wait for the comparison."""
    world = probing()
    world.alerts = (FiringAlert("Page", "m-2", world.now),)
    assert world.step().rule == "RollBack"
    assert targets(world.spec, world.status).selected == ("m-1",)


@pytest.mark.parametrize(("ready", "rule"), [(0, "RollBack"), (2, "Stay")])
def test_an_alert_that_names_no_revision_means_the_serving_one_while_it_is_alone(
    ready: int, rule: str
) -> None:
    """Before the control has a share it can mean nobody else; once it has, nobody knows."""
    world = promoted()
    world.pods("m-1", ready=ready)
    world.see(breached("m-2"))
    world.settle()
    world.alerts = (FiringAlert("Page", None, world.now + timedelta(seconds=1)),)
    assert world.step().rule == rule


def test_of_several_alerts_the_oldest_is_the_reason() -> None:
    """Whatever order they came in."""
    world = promoted()
    ages = {"New": 1, "Old": 20, "Newer": 0}
    world.pass_time(minutes=1)
    world.alerts = tuple(
        FiringAlert(name, "m-2", world.now - timedelta(seconds=age)) for name, age in ages.items()
    )
    assert world.step().rule == "RollBack"
    assert "alert Old since" in world.status.rejected_revisions[0].message


def test_undo_goes_where_a_person_says_also_in_a_probe() -> None:
    """To the control it is a switch; to another revision the control gives up its share."""
    world = probing()
    world.commands = Commands(undo="m-1@1")
    assert world.step().rule == "Undo"
    assert targets(world.spec, world.status).selected == ("m-1",)
    other = probing()
    other.revisions["m-0"] = other.revisions["m-1"]
    other.pods("m-0", ready=0, pods=0)
    other.commands = Commands(undo="m-0@1")
    assert other.step().rule == "Undo"
    assert other.status.control is None
    assert targets(other.spec, other.status).selected == ("m-2",)


def test_labels_that_come_after_promotion_are_compared_too() -> None:
    """An objective for what serves alone has its part in the comparison of a probe; storage never has."""
    late = {"name": "accuracy", "accuracy": {}, "target": "65%", "scope": "AfterPromotion"}
    world = probing(objectives=[*OBJECTIVES, late])
    plan = evidence_plan(world.spec, world.status)
    assert {o.name: o.max_ratio is not None for o in plan.objectives} == {
        "availability": True,
        "storage": False,
        "accuracy": True,
    }
    assert world.status.control is not None
    assert world.status.control.purpose is ControlPurpose.PROBE


def test_a_deployment_without_pods_is_not_probed() -> None:
    """With replicas 0 there is nothing to compare."""
    world = promoted()
    world.spec = world.spec.model_copy(update={"replicas": 0})
    world.see(breached("m-2"))
    assert world.settle() == []


def test_no_share_is_given_back_to_pods_that_are_not_ready() -> None:
    """While no pod of the suspect is ready the control serves alone, whatever the time or the evidence."""
    world = probing()
    both_bad(world)
    world.pods("m-2", ready=0)
    world.pass_time(hours=1)
    assert world.step().rule == "Stay"
    world.pods("m-2", ready=2)
    assert world.step().rule == "EndProbe"


def test_a_suspect_that_does_not_come_back_leaves_the_traffic_to_the_control() -> None:
    """After the progress deadline it is rejected for what its pods say, also if no rollback is left."""
    world = probing(rollback={"budget": {"max": 1}})
    world.problem("m-2", ProblemReason.CRASH_LOOPING, "exit code 1")
    world.metrics = MetricsState.UNAVAILABLE
    world.status = world.status.model_copy(update={"rollbacks": (world.status.promoted_at,)})
    world.step()
    world.now += world.spec.rollout.progress_deadline - timedelta(seconds=1)
    assert world.settle() == []
    world.pass_time(seconds=1)
    decision = world.step()
    assert (decision.rule, world.status.phase) == ("KeepControl", Phase.ROLLING_BACK)
    assert (world.status.stable_revision, world.status.rejected_revisions[0].reason) == (
        "m-1",
        "CrashLooping",
    )
    assert "exit code 1" in decision.announcements[0].message
    assert len(world.status.rollbacks) == 2


def test_a_deployment_scaled_to_zero_rejects_no_suspect() -> None:
    """Nobody asks for its pods."""
    world = probing()
    world.spec = world.spec.model_copy(update={"replicas": 0})
    world.let_pods_follow()
    world.step()
    world.pods("m-1", ready=1)
    world.pass_time(days=1)
    assert world.settle() == []


def test_a_changed_spec_ends_a_probe() -> None:
    """The share is given back and the new revision begins; the control is none that has to begin anew."""
    world = probing()
    world.wanted = "m-1"
    assert world.settle() == []
    world.wanted = "m-3"
    assert world.step().rule == "EndProbe"
    assert world.status.phase is Phase.RESTORING
    world.drain("m-1")
    world.let_pods_follow()
    assert world.settle()[0] == "Begin"
    assert world.status.candidate_revision == "m-3"


def test_a_changed_spec_ends_a_probe_that_has_no_share_yet() -> None:
    """There is nothing to give back: the new revision begins at once."""
    world = promoted()
    world.pods("m-1", ready=0)
    world.see(breached("m-2"))
    assert world.settle() == ["Probe"]
    world.wanted = "m-3"
    assert world.settle() == ["EndProbe", "Begin"]
    assert (world.status.control, world.status.withdrawal) == (None, None)


def test_a_changed_spec_waits_for_the_pods_that_alone_answer() -> None:
    """The control keeps its share while only its pods are ready; with none of either the new one begins."""
    world = probing()
    world.pods("m-2", ready=0)
    world.wanted = "m-3"
    assert world.settle() == []
    progressing = next(c for c in world.status.conditions if c.type == "Progressing")
    assert (progressing.reason, progressing.message) == ("NewRevision", "m-3 waits: m-2 is compared with m-1")
    world.pods("m-1", ready=0)
    assert world.step().rule == "EndProbe"


def test_a_control_is_never_more_than_half() -> None:
    """Scaled down in the middle of a probe, the control has no more pods than the suspect."""
    world = probing()
    world.spec = world.spec.model_copy(update={"replicas": 1})
    assert {p.revision: p.replicas for p in targets(world.spec, world.status).placements} == {
        "m-1": 1,
        "m-2": 1,
    }


def test_what_slow_storage_is_about_to_explain_waits_for_two_minutes() -> None:
    """Most bad events came on slow storage: no traffic moves until that is shown, or the time is over."""
    world = promoted()
    leaning = replace(explained(breached("m-2")), storage_explains=False)
    world.see(leaning)
    assert world.settle() == ["BearBreach"]
    assert world.status.cause is Cause.INFRASTRUCTURE
    assert world.status.incident is not None
    assert "while storage was slow" in world.status.incident.message
    world.pass_time(seconds=119)
    assert world.settle() == []
    world.pass_time(seconds=1)
    assert world.settle() == ["Probe", "ShareTraffic"]


@pytest.mark.parametrize(
    "changes",
    [
        {"fast_good": 19, "fast_total": 19},
        {"fast_good": 300, "fast_total": 500, "slow_good": 200},
        {"fast_good": 0, "fast_total": 500},
    ],
)
def test_fast_events_that_are_few_or_bad_make_no_excuse(changes: dict[str, Any]) -> None:
    """Nothing to be seen of storage as the cause: the comparison begins at once."""
    world = promoted()
    world.see(replace(explained(breached("m-2")), storage_explains=False, **changes))
    assert world.settle() == ["Probe", "ShareTraffic"]


def test_a_suspect_that_does_not_say_why_it_is_gone_is_said_not_to() -> None:
    """The control keeps the traffic all the same."""
    world = probing()
    world.pods("m-2", ready=0, pods=1)
    world.metrics = MetricsState.UNAVAILABLE
    world.step()
    world.now += world.spec.rollout.progress_deadline
    assert world.step().rule == "KeepControl"
    (found,) = world.status.rejected_revisions
    assert (found.revision, found.message) == ("m-2", "no pod ready for 0:10:00: no pod says why")


def test_a_control_that_has_had_a_share_is_not_given_up_for_want_of_pods() -> None:
    """That ends the comparison, which needs metrics; who is to blame is another question."""
    world = probing()
    world.problem("m-1", ProblemReason.DIGEST_MISMATCH, "another model")
    world.metrics = MetricsState.UNAVAILABLE
    world.step()
    world.now += world.spec.rollout.progress_deadline
    assert world.settle() == []
    world.metrics = MetricsState.AVAILABLE
    decision = world.step()
    assert (decision.rule, decision.announcements[0].type) == ("EndProbe", "Warning")
    assert world.status.rejected_revisions == ()


def test_a_cause_in_mind_stays_when_a_rollout_begins() -> None:
    """The incident goes on while another revision is tried."""
    world = serving()
    world.drift = (DriftSignal("psi", 0.31, 0.2),)
    world.see(breached("m-1"))
    assert world.settle() == ["BearBreach"]
    world.wanted = "m-2"
    assert world.settle() == ["Begin"]
    assert world.status.incident is not None
    assert world.status.cause is Cause.DRIFT


def test_what_a_comparison_is_begun_for_is_in_its_record() -> None:
    """The cause that is suspected, which the comparison may show to be another."""
    world = promoted()
    world.drift = (DriftSignal("psi", 0.31, 0.2),)
    world.see(breached("m-2"))
    assert world.step().rule == "Probe"
    assert world.status.last_decision is not None
    assert (world.status.last_decision.rule, world.status.last_decision.cause) == ("Probe", Cause.DRIFT)


def test_a_control_without_a_share_is_not_left_alone_with_the_traffic() -> None:
    """While it was never compared nothing is known of it: without metrics it waits, whatever stable does."""
    world = promoted()
    world.pods("m-1", ready=0)
    world.see(breached("m-2"))
    assert world.settle() == ["Probe"]
    world.metrics = MetricsState.UNAVAILABLE
    world.pods("m-1", ready=2)
    world.pods("m-2", ready=0, pods=1)
    world.step()
    world.now += world.spec.rollout.progress_deadline
    assert world.settle() == []
