"""Going back after a promotion: where to, how, and what keeps it from happening."""

from datetime import timedelta
from typing import Any

from modelward.api.status import Cause, Phase
from modelward.decide import targets
from modelward.decide.observation import FiringAlert, MetricsState, Problem, ProblemReason
from modelward.decide.placement import MonitorMode
from modelward.evidence.verdict import Verdict
from tests.unit.decide.world import World, assessment, breached, serving
from tests.unit.decide.world import promoted as promoted_with


def promoted(**rollback: object) -> World:
    """Build a world in which m-2 was promoted, and goes without a probe when it is breached."""
    return promoted_with(rollback={"onUnknownCause": "Rollback"} | rollback)


def test_a_breach_after_promotion_goes_back_to_the_warm_standby_at_once() -> None:
    """The standby takes the traffic in the same decision; the breached one is remembered."""
    world = promoted()
    world.see(breached("m-2"))
    decision = world.step()
    assert decision.rule == "RollBack"
    assert targets(world.spec, world.status).selected == ("m-1",)
    assert world.status.rejected_revisions[0].revision == "m-2"
    assert "going back to m-1" in decision.announcements[0].message
    world.drain("m-2")
    assert (world.status.phase, world.status.stable_revision) == (Phase.SERVING, "m-1")


def test_without_a_standby_it_waits_for_pods_before_traffic_moves() -> None:
    """Going back to a cold revision starts its pods first; traffic stays until they are ready."""
    world = promoted()
    world.let_standby_go()
    world.see(breached("m-2"))
    world.step()
    assert targets(world.spec, world.status).selected == ("m-2",)
    placed = targets(world.spec, world.status).placements
    assert {p.revision: (p.replicas, p.mode, p.forward_to) for p in placed} == {
        "m-1": (2, MonitorMode.SERVE, None),
        "m-2": (2, MonitorMode.SERVE, None),
    }
    world.pods("m-1", ready=2)
    assert world.step().rule == "SwitchTraffic"
    assert targets(world.spec, world.status).selected == ("m-1",)


def test_half_the_pods_are_enough_after_half_a_minute() -> None:
    """One ready pod of the good revision beats all pods of the bad one, once waiting has not helped."""
    world = promoted()
    world.pods("m-1", ready=1)
    world.see(breached("m-2"))
    world.step()
    assert world.step().rule == "Stay"
    world.pass_time(seconds=30)
    assert world.step().rule == "SwitchTraffic"


def test_one_pod_is_enough_for_one_replica() -> None:
    """All that spec asks for."""
    world = promoted_with(
        replicas=1,
        rollout={"steps": [{"weight": 50}], "standby": {"replicas": "0%"}},
        rollback={"onUnknownCause": "Rollback"},
    )
    world.let_pods_follow()
    world.see(breached("m-2"))
    assert world.step().rule == "RollBack"
    world.pods("m-1", ready=1)
    assert world.step().rule == "SwitchTraffic"


def test_nothing_to_go_back_to_is_said() -> None:
    """A breached only revision keeps serving, and the condition says that there is no other, once."""
    world = serving()
    world.see(breached("m-1"))
    assert world.settle() == ["BearBreach"]
    condition = next(c for c in world.status.conditions if c.type == "ObjectivesMet")
    assert (condition.status, condition.reason) == ("False", "NothingToGoBackTo")
    assert "no other revision is known to be good" in condition.message
    assert world.settle() == []


def test_an_incident_of_which_nothing_is_known_any_more_is_not_over() -> None:
    """No data is no recovery: neither after a restart without evidence nor before the first events."""
    world = serving()
    world.see(breached("m-1"))
    assert world.settle() == ["BearBreach"]
    world.evidence.clear()
    assert world.settle() == []
    empty: dict[str, Any] = {"good": 0, "total": 0, "target": Verdict.UNKNOWN, "target_log_evidence": 0.0}
    world.see(assessment("m-1", **empty), assessment("m-1", "accuracy", **empty))
    assert world.settle() == []
    assert world.status.incident is not None


def test_an_incident_of_an_alert_ends_with_it_also_where_no_objective_could_roll_back() -> None:
    """Nothing else is asked of the serving revision, so that nothing else keeps the incident."""
    world = serving(
        objectives=[{"name": "availability", "availability": {}, "target": "99%", "onBreach": "Alert"}]
    )
    world.alerts = (FiringAlert("Page", "m-1", world.now),)
    assert world.settle() == ["BearBreach"]
    world.pass_time(hours=1)
    assert world.settle() == []
    world.alerts = ()
    assert world.settle() == ["Recover"]
    newest = world.status.history[0]
    assert (newest.revision, newest.message) == ("m-1", "NothingToGoBackTo no longer holds")


def test_a_rejected_revision_is_never_gone_back_to() -> None:
    """Good, bad, bad lands on the last good one, not on the first bad one."""
    world = promoted()
    world.see(breached("m-2"))
    world.step()
    world.drain("m-2")
    world.wanted = "m-2"
    assert world.settle() == []
    world.see(breached("m-1"))
    assert world.settle() == ["BearBreach"]
    assert world.status.stable_revision == "m-1"


def test_an_alert_from_before_the_promotion_does_not_count() -> None:
    """An alert that names no revision means the serving one only if it began after its promotion."""
    world = promoted()
    world.alerts = (FiringAlert("Page", None, world.now - timedelta(hours=1)),)
    assert world.settle() == []
    world.alerts = (FiringAlert("Page", "m-1", world.now + timedelta(seconds=1)),)
    assert world.settle() == [], "it means another revision"
    world.alerts = (FiringAlert("Page", None, world.now + timedelta(seconds=1)),)
    assert world.step().rule == "RollBack"
    assert world.status.rejected_revisions[0].reason == "AlertFiring"


def test_no_rollback_while_data_are_absent() -> None:
    """A breach that was seen before Prometheus went away waits for Prometheus."""
    world = promoted()
    world.see(breached("m-2"))
    world.metrics = MetricsState.UNAVAILABLE
    assert world.settle() == []
    world.metrics = MetricsState.AVAILABLE
    assert world.step().rule == "RollBack"


def test_a_rollback_on_its_way_is_finished_before_anything_else() -> None:
    """A new spec in the middle of a rollback waits for its end."""
    world = promoted()
    world.see(breached("m-2"))
    world.step()
    world.wanted = "m-3"
    assert world.step().rule == "Stay"
    assert world.status.phase is Phase.ROLLING_BACK
    world.drain("m-2")
    assert world.settle() == ["Begin"]


def test_a_breach_while_a_candidate_starts_goes_back_first() -> None:
    """The serving revision's breach is dealt with before a new candidate gets traffic."""
    world = promoted()
    world.wanted = "m-3"
    world.settle()
    world.see(breached("m-2"))
    assert world.step().rule == "RollBack"
    assert world.status.candidate_revision == ""


def test_a_target_that_cannot_start_is_given_up_after_the_progress_deadline() -> None:
    """A model that is gone from its store does not keep the deployment in a rollback for ever."""
    world = promoted()
    world.let_standby_go()
    world.see(breached("m-2"))
    assert world.step().rule == "RollBack"
    world.pods("m-1", ready=0, pods=1, problem=Problem(ProblemReason.FETCH_FAILED, "no such object"))
    world.now += world.spec.rollout.progress_deadline - timedelta(seconds=1)
    assert world.settle() == []
    world.pass_time(seconds=1)
    decision = world.step()
    assert decision.rule == "GiveUpTarget"
    assert (world.status.phase, world.status.stable_revision) == (Phase.SERVING, "m-2")
    assert [(r.revision, r.reason) for r in world.status.rejected_revisions] == [("m-1", "FetchFailed")]
    assert "no such object" in decision.announcements[0].message
    assert targets(world.spec, world.status).selected == ("m-2",)
    world.wanted = "m-3"
    assert "Begin" in world.settle()


def test_a_target_whose_model_was_changed_is_to_blame() -> None:
    """What it fetches is not what it was promoted with: that is the model, and no mishap."""
    world = promoted()
    world.let_standby_go()
    world.see(breached("m-2"))
    assert world.step().rule == "RollBack"
    world.pods("m-1", ready=0, pods=1, problem=Problem(ProblemReason.DIGEST_MISMATCH, "another model"))
    world.now += world.spec.rollout.progress_deadline
    assert world.step().rule == "GiveUpTarget"
    assert [(r.revision, r.cause) for r in world.status.rejected_revisions] == [("m-1", Cause.MODEL)]
    assert world.status.cause is Cause.MODEL


def test_a_deployment_scaled_to_zero_does_not_wait_for_pods() -> None:
    """A rollback under way ends although no pod of its target will ever be ready."""
    world = promoted()
    world.let_standby_go()
    world.see(breached("m-2"))
    world.step()
    world.spec = world.spec.model_copy(update={"replicas": 0})
    assert world.step().rule == "SwitchTraffic"
    assert world.status.stable_revision == "m-1"


def test_ten_bad_candidates_do_not_make_it_forget_where_to_go_back_to() -> None:
    """The promotion before the serving one's stays in history, however much was rejected since."""
    world = promoted()
    for number in range(3, 15):
        candidate = f"m-{number}"
        world.wanted = candidate
        world.settle()
        world.problem(candidate, ProblemReason.IMAGE_PULL_FAILED, "no such image")
        world.pass_time(minutes=11)
        assert "RejectUnstartable" in world.settle()
        world.let_pods_follow()
    assert len(world.status.history) == 10
    world.see(breached("m-2"))
    assert world.step().rule == "RollBack"
    assert world.status.withdrawal is not None
    assert world.status.withdrawal.to == "m-1"
