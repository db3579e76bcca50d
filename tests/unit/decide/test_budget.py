"""How often the operator goes back by itself."""

from datetime import timedelta

import pytest

from modelward.decide.clock import read
from modelward.decide.observation import Commands, FiringAlert
from tests.unit.decide.world import World, breached, probing, promoted, worse


def rolled_back(world: World) -> None:
    """Let m-2 be rolled back, and m-3 be promoted after it."""
    world.see(breached("m-2"))
    assert world.step().rule == "RollBack"
    world.drain("m-2")
    world.all_healthy("m-1")


def spent(**budget: object) -> World:
    """Build a world whose budget of one rollback was spent a minute ago; m-3 serves and is breached."""
    world = promoted(rollback={"onUnknownCause": "Rollback", "budget": {"max": 1, **budget}})
    rolled_back(world)
    world.wanted = "m-3"
    world.settle()
    world.let_pods_follow()
    world.settle()
    for _ in world.spec.rollout.steps:
        world.all_healthy("m-1", "m-3", not_worse=True)
        world.let_pods_follow()
        world.step()
    world.let_pods_follow()
    world.step()
    world.drain("m-1")
    assert world.status.stable_revision == "m-3"
    world.see(breached("m-3"))
    return world


def test_a_spent_budget_stays_and_stalls() -> None:
    """Nothing is rolled back; condition, Event and history say why, with the numbers."""
    world = spent()
    decision = world.step()
    assert decision.rule == "BearBreach"
    assert "rolled back 1 times within 1:00:00 already" in decision.announcements[0].message
    assert "500 of 1000 bad" in decision.announcements[0].message
    assert world.status.stable_revision == "m-3"
    assert world.conditions()["Stalled"] == ("True", "RollbackBudgetExhausted")
    assert world.conditions()["ObjectivesMet"] == ("False", "RollbackBudgetExhausted")
    assert world.settle() == []


def test_the_budget_fills_again() -> None:
    """Once the rollbacks are longer ago than the window, the operator acts by itself."""
    world = spent(within="10m")
    world.settle()
    world.pass_time(minutes=10)
    assert world.step().rule == "RollBack"
    assert len(world.status.rollbacks) == 2
    assert world.status.incident is None


def test_a_rollback_counts_for_just_the_time_of_the_budget() -> None:
    """To the second."""
    world = spent(within="10m")
    world.settle()
    last = read(world.status.rollbacks[0])
    world.now = last + timedelta(minutes=10, seconds=-1)
    assert world.settle() == []
    world.now = last + timedelta(minutes=10)
    assert world.step().rule == "RollBack"


def test_no_probe_is_begun_that_nothing_could_follow() -> None:
    """A comparison moves traffic, so it is not made for nothing."""
    world = spent()
    world.spec = world.spec.model_copy(
        update={"rollback": world.spec.rollback.model_copy(update={"on_unknown_cause": "Probe"})}
    )
    assert world.settle() == ["BearBreach"]


def test_an_alert_of_the_teams_is_held_back_too() -> None:
    """Whatever asks for it, a rollback counts."""
    world = spent()
    world.all_healthy("m-3")
    world.alerts = (FiringAlert("Page", "m-3", world.now),)
    assert world.settle() == ["BearBreach"]
    world.alerts = ()
    assert world.settle() == ["Recover"]


def test_a_persons_undo_always_works_and_does_not_count() -> None:
    """The budget is the operator's, not the team's."""
    world = spent()
    world.settle()
    world.commands = Commands(undo="m-1@1")
    assert world.step().rule == "Undo"
    assert len(world.status.rollbacks) == 1


def test_a_budget_of_none_is_said_as_it_was_written() -> None:
    """Nothing was rolled back already: the message names the field."""
    world = promoted(rollback={"budget": {"max": 0}})
    world.see(breached("m-2"))
    assert world.settle() == ["BearBreach"]
    assert world.status.incident is not None
    assert world.status.incident.message.startswith("spec.rollback.budget.max is 0; ")


def test_rejecting_a_candidate_is_never_limited() -> None:
    """A budget of none keeps what serves, and still no bad candidate gets through."""
    world = promoted(rollback={"budget": {"max": 0}})
    world.wanted = "m-3"
    for _ in range(3):
        world.settle()
        world.let_pods_follow()
    world.see(worse("m-3"))
    assert world.step().rule == "RejectCandidate"


@pytest.mark.parametrize("max_rollbacks", [3, 0])
def test_a_budget_cut_in_the_middle_of_a_probe_gives_the_share_back(max_rollbacks: int) -> None:
    """A comparison that is under way ends without a rollback if none is allowed any more."""
    world = probing()
    budget = world.spec.rollback.budget.model_copy(update={"max": max_rollbacks})
    world.spec = world.spec.model_copy(
        update={"rollback": world.spec.rollback.model_copy(update={"budget": budget})}
    )
    world.see(worse("m-2"))
    decision = world.step()
    assert decision.rule == ("RollBack" if max_rollbacks else "EndProbe")
    if not max_rollbacks:
        said = "m-2: no rollback is allowed any more; availability: 100 of 1000 bad (10.00%) while m-1 had"
        assert decision.announcements[0].message.startswith(said)


def test_a_probe_of_an_alert_that_a_budget_ends_says_no_more_than_that() -> None:
    """Where no evidence stands against the serving revision there is nothing to add."""
    world = probing()
    budget = world.spec.rollback.budget.model_copy(update={"max": 0})
    world.spec = world.spec.model_copy(
        update={"rollback": world.spec.rollback.model_copy(update={"budget": budget})}
    )
    world.all_healthy("m-1", "m-2")
    world.alerts = (FiringAlert("Page", "m-2", world.now),)
    decision = world.step()
    assert decision.rule == "EndProbe"
    assert decision.announcements[0].message == "m-2: no rollback is allowed any more"
