"""A share that the previous stable revision keeps after a promotion."""

from dataclasses import replace

from modelward.api.spec import OnUnknownCause
from modelward.api.status import Cause, ControlPurpose, Phase
from modelward.decide import evidence_plan, targets
from modelward.decide.observation import FiringAlert
from modelward.decide.placement import MonitorMode
from modelward.evidence.ledger import Comparison
from modelward.evidence.verdict import Verdict
from modelward.evidence.versus import Form
from tests.unit.decide.world import World, breached, explained, promoting, serving, worse

ROLLOUT = {"steps": [{"weight": 33}, {"weight": 50}], "deadline": "1h", "holdback": "1%"}


def held_back(**changes: object) -> World:
    """Build a world in which m-2 was promoted and m-1 keeps a share."""
    world = serving("m-1", rollout=ROLLOUT | changes, replicas=4)
    world.wanted = "m-2"
    for _ in range(8):
        world.settle()
        world.all_healthy("m-1", "m-2", not_worse=True)
        world.let_pods_follow()
    assert world.status.stable_revision == "m-2"
    return world


def test_the_old_revision_keeps_one_pod_and_its_share() -> None:
    """No withdrawal: the Service selects both, and both are compared for as long as that lasts."""
    world = held_back()
    assert (world.status.phase, world.status.withdrawal) == (Phase.SERVING, None)
    wanted = targets(world.spec, world.status)
    assert wanted.selected == ("m-2", "m-1")
    assert {p.revision: (p.replicas, p.mode) for p in wanted.placements} == {
        "m-2": (4, MonitorMode.REBALANCE),
        "m-1": (1, MonitorMode.REBALANCE),
    }
    assert {s.revision: s.weight for s in world.status.traffic} == {"m-2": 80, "m-1": 20}
    comparison = evidence_plan(world.spec, world.status).comparison
    assert comparison == Comparison("m-2", "m-1", step=0, parts=1, form=Form.PERMANENT)
    world.pass_time(days=20)
    assert world.settle() == []


def test_a_share_that_pods_cannot_make_is_said() -> None:
    """One pod beside four has a fifth: the condition says what to write instead."""
    world = held_back()
    condition = next(c for c in world.status.conditions if c.type == "Progressing")
    assert (condition.status, condition.reason) == ("True", "WeightNotMet")
    assert 'holdback is 1 but 4 stable and 1 control pods give 20; write holdback: "20%"' in condition.message
    assert "at least 99 replicas" in condition.message
    met = held_back(holdback="20%")
    assert met.conditions()["Progressing"] == ("True", "RolloutComplete")


def test_a_vetoed_revision_is_not_held_back() -> None:
    """It served for want of another; with one there it keeps no share, also if its Veto was deleted."""
    world = serving("m-1", rollout=ROLLOUT, replicas=4)
    world.says("Veto", "m-1", "carol")
    assert world.settle() == ["BearVeto"]
    world.takes_back("m-1", "carol")
    world.wanted = "m-2"
    for _ in range(8):
        world.settle()
        world.all_healthy("m-1", "m-2", not_worse=True)
        world.let_pods_follow()
    if world.status.withdrawal:
        world.drain("m-1")
    world.settle()
    assert targets(world.spec, world.status).selected == ("m-2",)
    assert [each.revision for each in world.status.rejected_revisions] == ["m-1"]
    assert (world.status.control, world.status.standby_revision) == (None, "")


def test_a_revision_vetoed_while_its_successor_is_promoted_is_not_held_back() -> None:
    """Not for one decision, nor kept as a standby."""
    world = promoting(rollout=ROLLOUT, replicas=4)
    world.says("Veto", "m-1", "carol")
    world.let_pods_follow()
    assert world.step().rule == "Promote"
    assert (world.status.control, world.status.standby_revision) == (None, "")
    assert world.status.withdrawal is not None
    assert world.status.withdrawal.revision == "m-1"


def test_worse_than_the_one_held_back_goes() -> None:
    """The comparison that never ends convicts without a breach of any target."""
    world = held_back()
    world.see(worse("m-2"))
    assert world.step().rule == "RollBack"
    assert world.status.rejected_revisions[0].cause is Cause.MODEL
    assert targets(world.spec, world.status).selected == ("m-2", "m-1")
    world.let_pods_follow()
    assert world.step().rule == "SwitchTraffic"
    world.drain("m-2")
    assert (world.status.stable_revision, world.status.control) == ("m-1", None)


def test_a_control_that_is_breached_itself_is_gone_back_to_only_if_it_is_better() -> None:
    """Both are bad: the policy Rollback stays; once stable is shown to be the worse of the two it goes."""
    world = held_back()
    rollback = world.spec.rollback.model_copy(update={"on_unknown_cause": OnUnknownCause.ROLLBACK})
    world.spec = world.spec.model_copy(update={"rollback": rollback})
    world.see(breached("m-1"), replace(breached("m-2"), not_worse=True, versus=Verdict.HEALTHY))
    assert world.settle() == ["BearBreach"]
    assert world.conditions()["ObjectivesMet"] == ("False", "NothingToGoBackTo")
    world.see(explained(breached("m-1")), explained(replace(breached("m-2"), versus=Verdict.BREACHED)))
    assert "RollBack" not in world.settle(), "storage is slow for both"
    world.see(replace(breached("m-2"), versus=Verdict.BREACHED))
    assert world.step().rule == "RollBack"


def test_a_rollback_that_may_not_be_has_its_cause_all_the_same() -> None:
    """The model is to blame, and status says so, though the budget keeps it where it is."""
    world = held_back()
    budget = world.spec.rollback.budget.model_copy(update={"max": 0})
    rollback = world.spec.rollback.model_copy(update={"budget": budget})
    world.spec = world.spec.model_copy(update={"rollback": rollback})
    world.see(worse("m-2"))
    assert world.settle() == ["BearBreach"]
    assert world.status.incident is not None
    assert (world.status.incident.cause, world.status.cause) == (Cause.MODEL, Cause.MODEL)


def test_an_alert_does_not_go_back_to_a_breached_control() -> None:
    """The team's alert says that stable is bad, not that the control is better."""
    world = held_back()
    world.see(breached("m-1"))
    world.alerts = (FiringAlert("Page", "m-2", world.now),)
    assert world.settle() == ["BearBreach"]
    assert world.status.rejected_revisions == ()


def test_an_alert_that_names_no_revision_means_the_serving_one() -> None:
    """A share held back for good is no reason to doubt whom it means."""
    world = held_back()
    world.pass_time(days=2)
    world.alerts = (FiringAlert("Page", None, world.now),)
    assert world.step().rule == "RollBack"


def test_a_breach_gives_it_a_larger_share_and_then_its_own_back() -> None:
    """A probe uses what is held back; when it is no better the share is as before."""
    world = held_back()
    world.pass_time(days=2)
    world.see(breached("m-2"))
    assert world.settle() == ["Probe"]
    assert {p.revision: p.replicas for p in targets(world.spec, world.status).placements} == {
        "m-2": 4,
        "m-1": 4,
    }
    world.let_pods_follow()
    assert world.settle() == []
    world.see(replace(breached("m-2"), not_worse=True, versus=Verdict.HEALTHY))
    assert world.step().rule == "EndProbe"
    assert world.status.phase is Phase.SERVING
    assert world.status.control is not None
    assert world.status.control.purpose is ControlPurpose.HOLDBACK
    assert {p.revision: p.replicas for p in targets(world.spec, world.status).placements} == {
        "m-2": 4,
        "m-1": 1,
    }
    assert world.settle() == []


def test_a_new_candidate_ends_it_first() -> None:
    """Pods of exactly two revisions share traffic: the share is withdrawn before the candidate begins."""
    world = held_back()
    world.wanted = "m-3"
    world.pods("m-2", ready=0)
    assert world.settle() == [], "there is nobody to give the share back to"
    said = next(c for c in world.status.conditions if c.type == "Progressing")
    assert (said.reason, said.message) == ("NewRevision", "m-3 waits: m-1 has a share until m-2 is ready")
    world.pods("m-2", ready=4)
    decision = world.step()
    assert decision.rule == "EndHoldback"
    assert decision.announcements[0].message == "m-3 is to be tried"
    assert world.status.phase is Phase.RESTORING
    world.drain("m-1")
    assert "Begin" in world.settle()
    assert world.status.candidate_revision == "m-3"


def test_it_ends_when_spec_says_so_and_the_standby_stays_its_time() -> None:
    """Without the field the share is withdrawn; the revision is warm for the time of any standby."""
    world = held_back()
    rollout = world.spec.rollout.model_copy(update={"holdback": None})
    world.spec = world.spec.model_copy(update={"rollout": rollout})
    assert world.settle() == ["EndHoldback"]
    world.drain("m-1")
    assert world.status.standby_revision == "m-1"
    world.now += world.spec.rollout.standby.retain
    assert world.settle() == ["ExpireStandby"]


def test_it_ends_without_a_standby_where_spec_keeps_none() -> None:
    """A standby kept for no time is none: neither its name nor its end stays in status."""
    world = held_back(standby={"retain": "0s"})
    rollout = world.spec.rollout.model_copy(update={"holdback": None})
    world.spec = world.spec.model_copy(update={"rollout": rollout})
    assert world.step().rule == "EndHoldback"
    assert (world.status.standby_revision, world.status.standby_until) == ("", None)


def test_it_keeps_its_pods_while_stable_has_none() -> None:
    """Taken out of spec, the only pods that answer stay until those of stable are ready again."""
    world = held_back()
    world.pods("m-2", ready=0)
    rollout = world.spec.rollout.model_copy(update={"holdback": None})
    world.spec = world.spec.model_copy(update={"rollout": rollout})
    assert world.settle() == []
    assert {p.revision: p.replicas for p in targets(world.spec, world.status).placements} == {
        "m-2": 4,
        "m-1": 1,
    }
    world.spec = world.spec.model_copy(update={"replicas": 0})
    assert {p.replicas for p in targets(world.spec, world.status).placements} == {0}


def test_it_follows_the_number_of_replicas() -> None:
    """Scaled up, the share needs more pods."""
    world = held_back(holdback="20%")
    world.spec = world.spec.model_copy(update={"replicas": 8})
    assert {p.revision: p.replicas for p in targets(world.spec, world.status).placements} == {
        "m-2": 8,
        "m-1": 2,
    }
