"""People's yes: before traffic, until the promotion, and before a rollback."""

from datetime import timedelta
from typing import Any

import pytest

from modelward.api.gateverdict import Result
from modelward.api.reasons import Reason
from modelward.api.status import Phase
from modelward.decide import awaited, targets
from modelward.decide.clock import exact_stamp, stamp
from modelward.decide.gates import Awaited
from modelward.decide.incident import breach_is_borne
from modelward.decide.observation import Commands, DriftSignal, FiringAlert
from modelward.decide.situation import Situation
from tests.unit.decide.world import (
    NOISE,
    World,
    breached,
    gated,
    gating,
    promoted,
    promotion_of,
    serving,
    spec_of,
    worse,
)

TWO: dict[str, Any] = {"name": "people", "approval": {"required": 2}}
ONE: dict[str, Any] = {"name": "people", "approval": {}}
CALM: dict[str, Any] = {"name": "calm", **NOISE}
HOW = "apply a ModelApproval with revision: m-2 and decision: Approve"


def said(world: World, condition: str = "Approved") -> str:
    """Return the message of a condition."""
    return next(c.message for c in world.status.conditions if c.type == condition)


def test_two_different_people_must_approve() -> None:
    """One who says it twice is one; who approved and why is in status and history."""
    world = gating(TWO)
    world.pass_time(minutes=1)
    world.says("Approve", "m-2", "alice", "looks right")
    world.says("Approve", "m-2", "alice", "still")
    assert world.settle() == ["ReadGates"]
    first = world.status.last_decision
    assert first is not None
    assert (first.reason, first.message) == ("Approved", "people Awaiting: approved by alice: looks right")
    assert world.conditions()["Approved"] == ("False", "AwaitingApproval")
    assert said(world) == f"people Awaiting: 1 of 2 have approved; {HOW}"
    world.says("Approve", "m-2", "bob", "agreed")
    assert world.settle() == ["ReadGates", "PassGates", "BeginSteps"]
    assert world.conditions()["Approved"] == ("True", "Approved")
    assert said(world) == "people Passed: approved by alice: looks right; approved by bob: agreed"
    assert "GatesPassed" not in world.conditions()
    passed = next(entry for entry in world.status.history if entry.action == "GatesPassed")
    assert "approved by bob: agreed" in passed.message


def test_each_yes_is_recorded_with_who_and_why() -> None:
    """Also one that is not the last that is needed, one beyond that, and one beside a long reason."""
    world = gating(TWO)
    for who in ("alice", "bob", "carol"):
        world.pass_time(minutes=1)
        world.says("Approve", "m-2", who, f"{who} has read it all. " * 15)
        decision = world.step()
        record = decision.status.last_decision
        assert decision.rule == "ReadGates"
        assert record is not None
        assert record.reason == "Approved"
        assert f"approved by {who}: {who} has read it all. " in record.message
        assert record.time == exact_stamp(world.now)
    world.takes_back("m-2", "carol")
    record = world.step().status.last_decision
    assert record is not None
    assert (record.reason, world.gate_results()) == ("ApprovalRevoked", {"people": "Passed"})


def test_an_approval_counts_for_its_revision_alone() -> None:
    """Not for the one before it, nor for another."""
    world = gating(ONE)
    world.says("Approve", "m-1")
    world.says("Approve", "m-3")
    assert world.settle() == []
    assert targets(world.spec, world.status).selected == ("m-1",)


def test_an_approval_may_come_before_its_candidate() -> None:
    """It is awaited from the beginning, also while gates run."""
    world = gating(CALM, ONE)
    assert world.conditions()["Approved"] == ("False", "AwaitingApproval")
    world.says("Approve", "m-2")
    assert world.settle() == ["ReadGates"]
    world.gate_says("calm", Result.PASSED)
    assert world.settle() == ["ReadGates", "PassGates", "BeginSteps"]


def test_nobody_is_waited_for_where_a_gate_has_failed() -> None:
    """A candidate that is rejected anyway needs no one's time."""
    world = gating(CALM, ONE)
    world.gate_says("calm", Result.FAILED)
    assert world.settle() == ["ReadGates", "RejectGated"]
    assert world.conditions()["Approved"] == ("False", "GatesUnfinished")
    assert awaited(world.status) is None


def test_who_is_awaited_is_told_from_the_beginning() -> None:
    """By an Event that says how, and since when for an alert."""
    world = serving("m-1")
    assert awaited(world.status) is None
    world.spec, world.wanted = spec_of(requireApproval={"rollout": True}), "m-2"
    world.settle()
    told = [each for _, _, decision in world.decisions for each in decision.announcements]
    assert (told[-1].reason, told[-1].message) == (
        "ApprovalAwaited",
        f"m-2: rollout-approval Awaiting: 0 of 1 have approved; {HOW}",
    )
    waiting = awaited(world.status)
    assert waiting is not None
    assert (waiting.reason, waiting.revision, waiting.since) == (
        "AwaitingApproval",
        "m-2",
        "2026-01-01T12:00:00Z",
    )


def test_who_is_awaited_for_a_gate_that_spec_adds_is_told() -> None:
    """As for one that was there from the beginning."""
    world = gating(CALM)
    world.spec = spec_of(**gated(CALM, ONE))
    decision = world.step()
    assert decision.rule == "ReadGates"
    assert [(told.reason, told.message) for told in decision.announcements] == [
        ("ApprovalAwaited", f"m-2: people Awaiting: 0 of 1 have approved; {HOW}")
    ]


def test_silence_holds_and_never_promotes() -> None:
    """After the timeout the rollout is held; a yes that comes later lets it go on."""
    world = gating(requireApproval={"rollout": True, "timeout": "2h"})
    assert world.last is not None
    assert world.last.look_again_after == timedelta(hours=2, seconds=1)
    world.pass_time(hours=2)
    assert world.settle() == ["HoldUnapproved"]
    assert world.conditions()["Approved"] == ("False", "ApprovalTimeout")
    assert world.status.history[0].message == (f"rollout-approval: 0 of 1 have approved in 2:00:00; {HOW}")
    world.pass_time(days=30)
    assert world.settle() == []
    assert targets(world.spec, world.status).selected == ("m-1",)
    world.says("Approve", "m-2")
    assert world.settle() == ["ReadGates", "ResumeApproved", "BeginSteps"]
    assert world.status.rollout is not None
    assert world.status.rollout.started_at == "2026-01-31T14:00:00Z"


def test_a_first_revision_that_was_held_for_a_person_serves_once_approved() -> None:
    """There is no stable revision beside which it could take steps."""
    world = World(spec=spec_of(**gated(ONE)))
    world.settle()
    world.let_pods_follow()
    world.settle()
    world.pass_time(days=30)
    assert world.settle() == ["HoldUnapproved"]
    world.says("Approve", "m-1")
    assert world.settle() == ["ReadGates", "ResumeApproved", "ServeFirst"]
    assert targets(world.spec, world.status).selected == ("m-1",)


def test_the_next_look_is_when_a_persons_time_is_up() -> None:
    """Just after what is left of it."""
    world = gating(requireApproval={"rollout": True, "timeout": "2h"})
    world.pass_time(minutes=30)
    assert world.step().look_again_after == timedelta(hours=1, minutes=30, seconds=1)


def test_a_gates_own_timeout_is_its_persons() -> None:
    """It may be shorter than that of requireApproval; nothing is held while another gate runs."""
    world = gating({**ONE, "timeout": "1m"}, CALM)
    world.pass_time(minutes=2)
    assert world.settle() == []
    world.gate_says("calm", Result.PASSED)
    assert world.settle() == ["ReadGates", "HoldUnapproved"]


def test_a_retry_waits_anew() -> None:
    """For as long as at first."""
    world = gating(requireApproval={"rollout": True, "timeout": "2h"})
    world.pass_time(hours=2)
    world.settle()
    world.commands = Commands(retry="m-2@1")
    assert world.settle() == ["Retry", "BeginGates"]
    world.pass_time(hours=1)
    assert world.settle() == []
    world.pass_time(hours=1)
    assert world.settle() == ["HoldUnapproved"]


def test_an_approval_may_be_taken_back_before_the_traffic() -> None:
    """Deleting the object revokes it; the wait begins anew."""
    world = gating(TWO)
    world.says("Approve", "m-2", "alice")
    world.says("Approve", "m-2", "bob")
    world.step()
    assert world.gate_results() == {"people": "Passed"}
    world.pass_time(minutes=1)
    world.takes_back("m-2", "bob")
    assert world.settle() == ["ReadGates"]
    assert world.gate_results() == {"people": "Awaiting"}
    assert world.status.gates[0].started_at == "2026-01-01T12:01:00Z"
    assert world.status.gates[0].finished_at is None
    record = world.status.last_decision
    assert record is not None
    assert (record.action, record.reason) == ("GateEnded", "ApprovalRevoked")
    assert record.message == "people Awaiting: 1 of 2 have approved"


def test_an_approval_taken_back_during_the_rollout_holds_it() -> None:
    """It is not promoted without; it goes on when there is another."""
    world = gating(ONE)
    world.says("Approve", "m-2", "alice")
    assert world.settle()[-1] == "BeginSteps"
    world.all_healthy("m-1", "m-2", not_worse=True)
    world.takes_back("m-2")
    assert world.settle() == ["ReadGates", "HoldRevoked"]
    assert world.conditions()["Approved"] == ("False", "ApprovalRevoked")
    newest = world.status.history[0]
    assert (newest.revision, newest.message) == ("m-2", f"people Awaiting: 0 of 1 have approved; {HOW}")
    world.pass_time(days=1)
    assert world.settle() == []
    world.says("Approve", "m-2", "bob")
    assert world.step().rule == "ReadGates"
    assert world.step().rule == "ResumeApproved"
    assert world.status.phase is Phase.STEPPING


def test_what_was_said_stays_after_the_promotion() -> None:
    """Deleting an Approve then changes nothing."""
    world = gating(ONE)
    world.says("Approve", "m-2")
    world.settle()
    for _ in world.spec.rollout.steps:
        world.all_healthy("m-1", "m-2", not_worse=True)
        world.let_pods_follow()
        world.settle()
    world.let_pods_follow()
    world.settle()
    assert world.status.stable_revision == "m-2"
    world.drain("m-1")
    world.takes_back("m-2")
    assert world.settle() == []
    assert world.conditions()["Approved"] == ("True", "Approved")


def test_an_approval_that_spec_drops_while_there_is_traffic_stays_as_it_is() -> None:
    """One that was added by spec and not recorded cannot be counted any more."""
    world = gating(CALM)
    world.spec = spec_of(**gated(CALM, ONE))
    world.says("Approve", "m-2")
    world.settle()
    world.gate_says("calm", Result.PASSED)
    assert world.settle()[-1] == "BeginSteps"
    world.spec = spec_of(**gated(CALM))
    world.takes_back("m-2")
    assert world.settle() == []
    assert world.gate_results() == {"calm": "Passed", "people": "Passed"}


ROLLBACK = {"requireApproval": {"rollback": True}, "rollback": {"onUnknownCause": "Rollback"}}


def suspect(**changes: Any) -> World:
    """Build a world in which m-2, promoted before, is breached for no known cause."""
    world = promoted(**(ROLLBACK | changes))
    world.see(breached("m-2"))
    return world


def test_a_rollback_for_no_known_cause_waits_for_a_person() -> None:
    """Where spec asks for it; the breach is borne meanwhile, and told."""
    world = suspect()
    assert world.settle() == ["BearBreach"]
    assert world.conditions()["Approved"] == ("False", "AwaitingRollbackApproval")
    assert world.conditions()["ObjectivesMet"] == ("False", "AwaitingRollbackApproval")
    how = "apply a ModelApproval with revision: m-1 and decision: Approve; availability: "
    assert said(world).startswith(f"going back to m-1 waits for a person: {how}")
    waiting = awaited(world.status)
    assert waiting is not None
    assert (waiting.reason, waiting.revision) == ("AwaitingRollbackApproval", "m-1")
    world.pass_time(minutes=5)
    world.says("Approve", "m-1", "alice", "it was better")
    assert world.settle() == ["RollBack"]
    assert world.status.rejected_revisions[0].message.startswith("approved by alice: it was better; ")
    assert world.status.rollbacks


def test_an_approval_from_before_the_breach_approves_no_rollback() -> None:
    """It meant the rollout of that revision, long ago."""
    world = promoted(**ROLLBACK)
    world.says("Approve", "m-1")
    world.pass_time(minutes=5)
    world.see(breached("m-2"))
    assert world.settle() == ["BearBreach"]
    world.says("Approve", "m-2")
    assert world.settle() == []


def test_another_revision_to_go_back_to_is_told_anew() -> None:
    """Who reads whom to approve reads what counts now."""
    world = suspect()
    world.settle()
    world.status = world.status.model_copy(update={"history": (*world.status.history, promotion_of("m-0"))})
    world.pods("m-0", ready=0)
    world.says("Veto", "m-1")
    assert world.settle() == ["RememberVeto", "BearBreach"]
    assert said(world).startswith("going back to m-0 waits for a person")
    world.says("Approve", "m-0")
    assert world.settle() == ["RollBack"]


def test_a_breach_goes_on_while_what_is_known_of_it_changes() -> None:
    """An approval since it was found counts, whatever was found to be at fault later."""
    world = suspect()
    world.settle()
    world.pass_time(minutes=1)
    world.status = world.status.model_copy(update={"history": (*world.status.history, promotion_of("m-0"))})
    world.pods("m-0", ready=0)
    world.says("Approve", "m-0")
    world.pass_time(minutes=1)
    world.says("Veto", "m-1")
    assert world.settle() == ["RememberVeto", "RollBack"]
    assert world.status.history[0].message.startswith("approved by alice: looked at it")


def test_a_person_is_awaited_since_the_breach_was_found() -> None:
    """For the revision to go back to."""
    world = suspect()
    world.settle()
    found = stamp(world.now)
    world.pass_time(minutes=5)
    world.settle()
    assert awaited(world.status) == Awaited(Reason.AWAITING_ROLLBACK_APPROVAL, "m-1", found)


def test_a_breach_began_when_it_was_found_whatever_is_known_of_it_later() -> None:
    """A cause that shows opens no incident anew."""
    world = suspect()
    world.settle()
    assert world.status.incident is not None
    since = world.status.incident.since
    world.drift = (DriftSignal("psi", 0.5, 0.2),)
    world.pass_time(minutes=1)
    assert world.settle() == ["BearBreach"]
    assert world.status.incident.since == since


def test_a_rollback_for_drift_waits_for_a_person_too() -> None:
    """An alert of the team's while the inputs drift has no known cause either."""
    world = promoted(**ROLLBACK)
    world.drift = (DriftSignal("price", 0.3, 0.2),)
    world.pass_time(minutes=1)
    world.alerts = (FiringAlert("Page", "m-2", world.now),)
    assert world.settle() == ["BearBreach"]
    world.says("Approve", "m-1")
    assert world.settle() == ["RollBack"]


def test_a_rollback_of_a_model_at_fault_waits_for_nobody() -> None:
    """Only where the cause is Drift or Unknown may a person know better."""
    world = promoted(requireApproval={"rollback": True})
    world.see(breached("m-2"))
    assert world.settle() == ["Probe", "ShareTraffic"]
    world.let_pods_follow()
    world.see(worse("m-2"))
    assert "RollBack" in world.settle()


def test_a_breach_that_a_rollback_answers_is_not_borne() -> None:
    """Whoever asks first: with a person's yes, or without the need for one, there is nothing to wait for."""
    world = suspect(requireApproval={"rollback": False})
    assert breach_is_borne(Situation(world.spec, world.status, world.observation(), world.now)) is None


@pytest.mark.parametrize("spec", [{}, {"requireApproval": {"rollout": True}}])
def test_by_default_a_rollback_waits_for_nobody(spec: dict[str, Any]) -> None:
    """Also where a rollout does."""
    world = promoted(rollback={"onUnknownCause": "Rollback"})
    world.spec = spec_of(rollback={"onUnknownCause": "Rollback"}, **spec)
    world.see(breached("m-2"))
    assert world.settle() == ["RollBack"]
