"""People's no: it holds at once, at any time, and is not forgotten."""

from typing import Any

import pytest

from modelward.api.gateverdict import Result
from modelward.api.status import Cause, Phase
from modelward.decide import targets
from modelward.decide.change import REMEMBERED
from modelward.decide.observation import Commands, MetricsState
from modelward.decide.placement import MonitorMode
from tests.unit.decide.world import (
    NOISE,
    World,
    breached,
    gating,
    probing,
    promoted,
    promoting,
    promotion_of,
    serving,
    stepping,
    worse,
)

CALM: dict[str, Any] = {"name": "calm", **NOISE}
HOLDBACK = {"steps": [{"weight": 50, "duration": "1m"}], "holdback": "10%", "deadline": "1h"}


def selected(world: World) -> tuple[str, ...]:
    """Return what has traffic."""
    return targets(world.spec, world.status).selected


def said(world: World) -> str:
    """Return the message of condition Approved."""
    return next(c.message for c in world.status.conditions if c.type == "Approved")


def test_a_vetoed_candidate_is_rejected_before_its_gates_have_ended() -> None:
    """With who and why. Deleting the Veto revokes nothing, and a retry is refused while it is there."""
    world = gating(CALM)
    world.says("Veto", "m-2", "carol", "the data were stolen")
    assert world.settle() == ["RejectVetoedBeforeTraffic"]
    (rejected,) = world.status.rejected_revisions
    assert (rejected.reason, rejected.cause) == ("Vetoed", Cause.UNKNOWN)
    assert rejected.message == "vetoed by carol: the data were stolen"
    assert world.conditions()["Approved"] == ("False", "Vetoed")
    assert said(world) == "m-2 was vetoed by carol: the data were stolen"
    world.commands = Commands(retry="m-2@1")
    assert world.settle() == ["Retry"]
    assert world.last is not None
    told = world.decisions[-2][2].announcements[0].message
    assert told == ("retry: m-2 was vetoed by carol: the data were stolen; delete that ModelApproval first")
    world.takes_back("m-2", "carol")
    assert world.settle() == []
    world.commands = Commands(retry="m-2@2")
    assert world.settle()[:2] == ["Retry", "Begin"]


def test_a_vetoed_candidate_loses_its_traffic_at_once() -> None:
    """Whatever the evidence says, and while metrics are away."""
    world = stepping()
    world.all_healthy("m-2", not_worse=True)
    world.metrics = MetricsState.UNAVAILABLE
    world.says("Veto", "m-2")
    assert world.step().rule == "RejectVetoed"
    assert selected(world) == ("m-1",)
    assert world.status.rejected_revisions[0].reason == "Vetoed"


def test_a_veto_outweighs_every_approval() -> None:
    """However many there are."""
    world = gating({"name": "people", "approval": {}})
    world.says("Approve", "m-2", "alice")
    world.says("Approve", "m-2", "bob")
    world.says("Veto", "m-2", "carol")
    assert world.step().rule == "RejectVetoedBeforeTraffic"


def test_a_vetoed_revision_that_serves_is_rolled_back() -> None:
    """To the last good one, counted against no budget."""
    world = promoted(rollback={"budget": {"max": 0}})
    world.says("Veto", "m-2", "carol", "biased")
    assert world.settle() == ["RollBackVetoed"]
    world.drain("m-2")
    assert selected(world) == ("m-1",)
    assert world.status.rollbacks == ()
    assert world.status.history[0].reason == "Vetoed"
    assert world.status.history[0].message == "vetoed by carol: biased; going back to m-1"


def moving(world: World) -> World:
    """Go on until m-2 has been promoted, while m-1 still answers."""
    world.let_pods_follow()
    assert world.step().rule == "Promote"
    assert world.status.phase is Phase.PROMOTING
    world.pods("m-1", requests=7, informed_generation=world.status.traffic_generation)
    return world


def test_a_vetoed_revision_loses_its_traffic_while_that_is_on_its_way_to_it() -> None:
    """Nobody waits for the move to end, nor for metrics; the one that was left serves again at once."""
    world = moving(promoting())
    generation = world.status.traffic_generation
    world.metrics = MetricsState.UNAVAILABLE
    world.says("Veto", "m-2", "carol", "biased")
    assert world.step().rule == "TurnBackVetoed"
    assert selected(world) == ("m-1",)
    assert world.status.traffic_generation == generation + 1
    modes = {each.revision: each.mode for each in targets(world.spec, world.status).placements}
    assert modes == {"m-1": MonitorMode.SERVE, "m-2": MonitorMode.WITHDRAW}
    assert world.status.rejected_revisions[0].message == "vetoed by carol: biased"
    assert world.status.rollbacks == ()
    world.drain("m-2")
    world.settle()
    assert (world.status.phase, world.status.stable_revision) == (Phase.SERVING, "m-1")


def test_a_vetoed_revision_keeps_its_traffic_until_the_other_has_pods_again() -> None:
    """A move is turned back as far as anybody answers there."""
    world = moving(promoting())
    world.pods("m-1", ready=0)
    world.says("Veto", "m-2", "carol")
    assert world.step().rule == "TurnBackVetoed"
    assert selected(world) == ("m-2",)
    world.pods("m-1", ready=2)
    assert world.step().rule == "SwitchTraffic"
    assert selected(world) == ("m-1",)


def test_a_vetoed_stable_revision_does_not_get_a_control_s_share_back() -> None:
    """While the share returns the control is gone back to, which answers still."""
    world = probing()
    world.says("Veto", "m-1", "carol")
    world.step()
    assert world.status.phase is Phase.RESTORING
    world.takes_back("m-1", "carol")
    world.says("Veto", "m-2", "carol")
    world.all_healthy("m-1")
    assert world.step().rule == "TurnBackVetoed"
    assert selected(world) == ("m-1",)


def test_a_rollback_to_a_vetoed_revision_goes_on_to_the_next() -> None:
    """Where there is one; where there is none, what is said of it is kept for when the move has ended."""
    world = promoted()
    world.see(breached("m-2"), worse("m-2"))
    world.says("Veto", "m-2")
    assert world.step().rule == "RollBackVetoed"
    assert world.status.stable_revision == "m-1"
    world.says("Veto", "m-1", "dan")
    world.pods("m-2", requests=None)
    assert world.settle() == []
    world.status = world.status.model_copy(update={"history": (*world.status.history, promotion_of("m-0"))})
    world.pods("m-0", ready=0)
    assert world.step().rule == "TurnBackVetoed"
    assert world.status.withdrawal is not None
    assert (world.status.withdrawal.revision, world.status.withdrawal.to) == ("m-1", "m-0")
    assert selected(world) == ("m-1",)


def test_a_vetoed_revision_stays_where_there_is_no_other() -> None:
    """That is said once; it goes as soon as another has been promoted, also if the Veto was deleted."""
    world = serving("m-1")
    world.says("Veto", "m-1", "carol")
    assert world.settle() == ["BearVeto"]
    borne = next(decision for _, _, decision in world.decisions if decision.rule == "BearVeto")
    assert borne.announcements[0].type == "Warning"
    assert (selected(world), world.status.vetoed_revision) == (("m-1",), "m-1")
    assert world.status.history[0].message == (
        "vetoed by carol: looked at it; it stays: no other revision is known to be good"
    )
    assert world.conditions()["Approved"] == ("False", "Vetoed")
    world.takes_back("m-1", "carol")
    world.pass_time(hours=1)
    assert world.settle() == []
    assert world.conditions()["Approved"] == ("False", "Vetoed")
    world.wanted = "m-2"
    promote(world)
    assert world.status.stable_revision == "m-2"
    assert [r.revision for r in world.status.rejected_revisions] == ["m-1"]
    assert world.status.rejected_revisions[0].message == "vetoed while it served"
    assert (world.status.standby_revision, world.status.vetoed_revision) == ("", "")
    assert "Approved" not in world.conditions()


def promote(world: World) -> None:
    """Let the revision that spec asks for go through its steps."""
    for _ in range(8):
        world.settle()
        world.let_pods_follow()
        world.all_healthy("m-1", world.wanted, not_worse=True)
    if world.status.withdrawal:
        world.drain(world.status.withdrawal.revision)
    world.settle()


def test_one_that_stayed_goes_as_soon_as_another_is_good() -> None:
    """A revision that was promoted before, was found wanting, and is well again."""
    world = promoted()
    world.see(breached("m-1"))
    world.says("Veto", "m-2", "carol")
    assert world.settle() == ["BearVeto"]
    world.takes_back("m-2", "carol")
    world.all_healthy("m-1")
    assert world.settle() == ["RollBackVetoed"]
    assert world.status.rejected_revisions[0].message == "vetoed before"
    assert world.status.vetoed_revision == ""


def test_one_that_stayed_goes_in_the_name_of_who_vetoed_it() -> None:
    """As long as that can be seen."""
    world = promoted()
    world.see(breached("m-1"))
    world.says("Veto", "m-2", "carol", "biased")
    assert world.settle() == ["BearVeto"]
    world.all_healthy("m-1")
    assert world.settle() == ["RollBackVetoed"]
    assert world.status.rejected_revisions[0].message == "vetoed by carol: biased"


def test_in_a_rollout_a_vetoed_stable_revision_is_left_for_one_that_is_known() -> None:
    """The candidate is let go for it, without being rejected, and is tried again afterwards."""
    world = promoted()
    world.wanted = "m-3"
    world.keep_standby()
    for _ in range(4):
        world.settle()
        world.let_pods_follow()
    assert world.status.phase is Phase.STEPPING
    world.says("Veto", "m-2", "carol")
    assert world.step().rule == "MakeWayForVeto"
    newest = world.status.history[0]
    assert (newest.revision, newest.message) == ("m-3", "m-2 vetoed by carol: looked at it")
    assert world.status.rejected_revisions == ()
    world.let_pods_follow()
    assert world.step().rule == "TurnBackVetoed"
    world.let_pods_follow()
    world.settle()
    world.drain("m-2")
    assert selected(world) == ("m-1",)
    assert world.settle() == ["Begin"]


def test_in_a_rollout_a_vetoed_stable_revision_stays_where_only_the_candidate_is_left() -> None:
    """The rollout goes on: it is the way out."""
    world = stepping()
    world.says("Veto", "m-1", "carol")
    assert world.settle() == ["BearVeto"]
    assert world.status.phase is Phase.STEPPING


def test_a_vetoed_revision_is_not_gone_back_to() -> None:
    """The next one that is good is, or none."""
    world = promoted()
    world.says("Veto", "m-1", "carol")
    remembered = world.step()
    assert (remembered.rule, remembered.announcements[0].type) == ("RememberVeto", "Warning")
    assert world.status.standby_revision == ""
    assert world.status.rejected_revisions[0].reason == "Vetoed"
    world.see(breached("m-2"))
    assert world.settle() == ["BearBreach"]
    assert world.conditions()["ObjectivesMet"] == ("False", "NothingToGoBackTo")


def test_a_veto_of_another_revision_leaves_the_standby_its_time() -> None:
    """It is no less good for that."""
    world = promoted()
    world.pods("m-0", ready=0)
    before = (world.status.standby_revision, world.status.standby_until)
    assert before[0] == "m-1"
    world.says("Veto", "m-0", "carol")
    assert world.settle() == ["RememberVeto"]
    assert (world.status.standby_revision, world.status.standby_until) == before


def test_who_vetoed_what_served_is_told_once_it_goes() -> None:
    """As long as it can be seen."""
    world = serving("m-1")
    world.says("Veto", "m-1", "carol", "biased")
    world.wanted = "m-2"
    promote(world)
    assert world.status.stable_revision == "m-2"
    assert world.status.rejected_revisions[0].message == "vetoed by carol: biased"


def test_of_several_vetoes_the_first_is_told() -> None:
    """In time, whatever their order in the cluster."""
    world = gating(CALM)
    world.says("Veto", "m-2", "carol")
    world.pass_time(seconds=-1)
    world.says("Veto", "m-2", "bob")
    world.pass_time(seconds=1)
    assert world.settle() == ["RejectVetoedBeforeTraffic"]
    assert world.status.rejected_revisions[0].message == "vetoed by bob: looked at it"


def test_a_revision_that_was_vetoed_before_it_was_asked_for_is_not_begun() -> None:
    """Nobody has to wait for its pods to say no."""
    world = serving("m-1")
    world.says("Veto", "m-2")
    world.wanted = "m-2"
    assert world.settle() == ["RememberVeto"]
    assert world.status.candidate_revision == ""
    assert world.conditions()["Progressing"] == ("False", "RevisionRejected")


def test_a_veto_of_a_revision_that_there_is_not_says_nothing() -> None:
    """It may be of another deployment's life."""
    world = serving("m-1")
    world.says("Veto", "m-9")
    assert world.settle() == []


def test_vetoes_of_more_revisions_than_are_remembered_settle() -> None:
    """Those that cannot be remembered hold for as long as they are there."""
    world = serving("m-1")
    names = [f"m-{number}" for number in range(10, 10 + REMEMBERED + 2)]
    for name in names:
        world.pods(name, ready=0)
        world.says("Veto", name)
    assert world.settle() == ["RememberVeto"] * REMEMBERED
    forgotten = next(n for n in names if n not in {r.revision for r in world.status.rejected_revisions})
    world.wanted = forgotten
    assert world.settle() == []


def test_a_control_that_is_vetoed_ends_its_probe() -> None:
    """Its share goes back, and it is not gone back to."""
    world = probing()
    world.says("Veto", "m-1", "carol")
    assert world.step().rule == "EndProbe"
    assert selected(world) == ("m-2",)
    assert world.status.history[0].reason == "Vetoed"
    assert world.status.history[0].message == "m-1 was vetoed by carol: looked at it"
    world.drain("m-1")
    world.settle()
    assert "RememberVeto" in world.rules


def test_a_vetoed_control_that_alone_answers_goes_on() -> None:
    """There is nobody to give its share back to."""
    world = probing()
    world.pods("m-2", ready=0)
    world.says("Veto", "m-1")
    assert "EndProbe" not in world.settle()


def test_a_suspect_that_is_vetoed_goes_to_its_control() -> None:
    """A person need not wait for the comparison."""
    world = probing()
    world.says("Veto", "m-2")
    assert world.step().rule == "RollBackVetoed"


def test_a_vetoed_holdback_ends() -> None:
    """Its share goes back to stable."""
    world = stepping(rollout=HOLDBACK)
    world.all_healthy("m-2", not_worse=True)
    for _ in range(3):
        world.let_pods_follow()
        world.settle()
    assert world.status.control is not None
    world.says("Veto", "m-1", "carol")
    assert world.step().rule == "EndHoldback"
    world.drain("m-1")
    world.settle()
    assert world.status.standby_revision == ""


def test_a_target_that_is_vetoed_on_the_way_to_it_is_given_up() -> None:
    """What answers stays."""
    world = promoted()
    world.pods("m-1", ready=0)
    world.says("Veto", "m-2", "carol")
    assert world.settle() == ["RollBackVetoed"]
    world.says("Veto", "m-1", "dan")
    assert world.settle()[:2] == ["GiveUpTarget", "BearVeto"]
    assert selected(world) == ("m-2",)
    assert [r.revision for r in world.status.rejected_revisions] == ["m-1"]


def test_a_candidates_withdrawal_goes_to_stable_whatever_is_said_of_it() -> None:
    """There is no other place; what is to become of stable is decided when it has the traffic."""
    world = stepping()
    world.pods("m-1", ready=0)
    world.says("Veto", "m-2", "carol")
    assert world.step().rule == "RejectVetoed"
    world.says("Veto", "m-1", "carol")
    world.pods("m-1", ready=2)
    assert world.step().rule == "SwitchTraffic"


@pytest.mark.parametrize("is_live", [True, False])
def test_an_undo_to_a_vetoed_revision_is_refused(is_live: bool) -> None:
    """One person's no is not another's to overrule by the way."""
    world = promoted()
    world.says("Veto", "m-1", "carol")
    world.settle()
    if not is_live:
        world.takes_back("m-1", "carol")
    world.commands = Commands(undo="m-1@1")
    assert world.step().rule == "Undo"
    assert selected(world) == ("m-2",)
    assert world.last is not None
    assert world.last.announcements[0].message == (
        "undo: m-1 was vetoed by carol: looked at it; delete that ModelApproval first, "
        "then set modelward.dev/retry"
        if is_live
        else "undo: m-1 was vetoed; set modelward.dev/retry: m-1@TOKEN first"
    )


def test_an_undo_to_a_revision_that_never_served_is_refused_where_there_are_gates() -> None:
    """It would be a way past them."""
    world = gating(CALM)
    world.gate_says("calm", Result.FAILED)
    world.settle()
    world.commands = Commands(undo="m-2@1")
    assert world.step().rule == "Undo"
    assert selected(world) == ("m-1",)
    assert world.last is not None
    assert world.last.announcements[0].message == (
        "undo: m-2 never served, as far as status.history tells; have spec ask for it, "
        "so that it passes its gates"
    )


def test_an_undo_to_a_revision_that_failed_its_gates_is_refused_when_spec_has_none_any_more() -> None:
    """What was recorded with a revision stays in force for it."""
    world = gating(CALM)
    world.gate_says("calm", Result.FAILED)
    world.settle()
    world.spec = world.spec.model_copy(update={"gates": ()})
    world.commands = Commands(undo="m-2@1")
    assert world.step().rule == "Undo"
    assert selected(world) == ("m-1",)
    assert world.last is not None
    assert world.last.announcements[0].message == (
        "undo: m-2 did not pass its gates; have spec ask for it, and set modelward.dev/retry: m-2@TOKEN"
    )


def test_a_veto_is_forgotten_last() -> None:
    """Nobody washes it out by having other revisions rejected."""
    world = serving("m-1")
    world.says("Veto", "m-2", "carol")
    world.pods("m-2", ready=0)
    world.settle()
    world.takes_back("m-2", "carol")
    for number in range(10, 10 + 2 * REMEMBERED):
        world.wanted = f"m-{number}"
        world.settle()
        world.commands = Commands(abort=str(number))
        assert world.step().rule == "Abort"
    assert len(world.status.rejected_revisions) == REMEMBERED
    assert world.status.rejected_revisions[-1].revision == "m-2"
    assert world.status.rejected_revisions[0].revision == world.wanted
    world.wanted = "m-2"
    assert world.settle() == []
