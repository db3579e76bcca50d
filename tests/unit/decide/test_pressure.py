"""Pods that are throttled, short of memory or restarting: an excuse only where both revisions' are."""

from dataclasses import replace

import pytest

from modelward.api.objectives import OnBreach
from modelward.api.status import Cause
from modelward.decide import signs
from modelward.decide.observation import DriftSignal, PodPressure, PressureKind
from modelward.decide.situation import Situation
from modelward.evidence.assessment import Assessment
from tests.unit.decide.world import World, assessment, breached, probing, promoted, serving, stepping, worse

LATENCY = {"name": "latency", "latency": {"within": "200ms"}, "target": "99%"}
ACCURACY = {"name": "accuracy", "accuracy": {}, "target": "65%"}


def lacking(kind: PressureKind, value: float, *revisions: str) -> tuple[PodPressure, ...]:
    """Let the pods of these revisions lack something."""
    return tuple(PodPressure(revision, kind, value) for revision in revisions)


def both_breached(objective: str = "latency") -> World:
    """Build a world in which both revisions of a rollout are breached."""
    world = stepping(objectives=[LATENCY, ACCURACY])
    world.see(breached("m-1", objective), breached("m-2", objective))
    return world


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (PressureKind.THROTTLED, 0.4, "pods of m-2 throttled in 40% of scheduling periods"),
        (PressureKind.MEMORY, 0.95, "pods of m-2 at 95% of their memory limit"),
        (PressureKind.RESTARTS, 1.5, "pods of m-2 restarted 1.5 times each within ten minutes"),
    ],
)
def test_what_the_pods_of_both_lack_holds_a_rollout(kind: PressureKind, value: float, said: str) -> None:
    """Neither revision is rejected, and the numbers of both are told."""
    world = both_breached()
    world.pressures = lacking(kind, value, "m-2", "m-1")
    world.step()
    assert world.status.rollout is not None
    assert world.status.rollout.held == "InfrastructureSuspected"
    assert world.status.rejected_revisions == ()
    assert world.status.last_decision is not None
    message = world.status.last_decision.message
    assert said.replace("m-2", "m-1") in message
    assert said in message
    world.all_healthy("m-1", "m-2")
    world.pressures = ()
    world.pass_time(minutes=5)
    assert "Resume" in world.settle()


@pytest.mark.parametrize(
    "pressures",
    [
        (),
        lacking(PressureKind.THROTTLED, 0.9, "m-2"),
        lacking(PressureKind.THROTTLED, 0.9, "m-1"),
        lacking(PressureKind.THROTTLED, 0.9, "m-2") + lacking(PressureKind.MEMORY, 0.95, "m-1"),
        lacking(PressureKind.THROTTLED, 0.9, "m-2", "m-0"),
    ],
)
def test_what_one_alone_lacks_is_no_excuse(pressures: tuple[PodPressure, ...]) -> None:
    """It may be the revision's own fault, as with a heavier model; of the cause nothing is known."""
    world = both_breached()
    world.pressures = pressures
    world.step()
    assert world.status.rollout is not None
    assert world.status.rollout.held == "StableAlsoBreached"


def test_it_may_spoil_latency_and_availability_at_once() -> None:
    """Pods without processor time answer late, and some not at all."""
    objectives = [LATENCY, {"name": "availability", "availability": {}, "target": "99%"}]
    world = stepping(objectives=objectives)
    world.see(*(breached(of, name) for of in ("m-1", "m-2") for name in ("latency", "availability")))
    world.pressures = lacking(PressureKind.THROTTLED, 0.4, "m-1", "m-2")
    world.step()
    assert world.status.rollout is not None
    assert world.status.rollout.held == "InfrastructureSuspected"


def test_only_what_both_lack_is_told() -> None:
    """What one alone lacks excuses nothing, and what a third revision lacks is of no concern."""
    world = both_breached()
    world.pressures = (
        *lacking(PressureKind.THROTTLED, 0.4, "m-2", "m-1", "m-0"),
        *lacking(PressureKind.MEMORY, 0.95, "m-2"),
    )
    world.step()
    assert world.status.last_decision is not None
    told = world.status.last_decision.message.split("; ")
    assert [part for part in told if part.startswith("pods of")] == [
        "pods of m-1 throttled in 40% of scheduling periods",
        "pods of m-2 throttled in 40% of scheduling periods",
    ]


def test_slow_pods_are_no_excuse_for_wrong_answers() -> None:
    """A prediction is as right from a pod that is throttled."""
    world = both_breached("accuracy")
    world.pressures = lacking(PressureKind.THROTTLED, 0.9, "m-1", "m-2")
    world.step()
    assert world.status.rollout is not None
    assert world.status.rollout.held == "StableAlsoBreached"


@pytest.mark.parametrize("found", [worse("m-2", "latency"), breached("m-2", "latency")])
def test_a_worse_candidate_goes_although_the_pods_of_both_lack_something(found: Assessment) -> None:
    """What is shown in the same blocks is true whatever both lack."""
    world = both_breached()
    world.see(assessment("m-1", "latency"), found)
    world.pressures = lacking(PressureKind.THROTTLED, 0.9, "m-1", "m-2")
    world.step()
    (rejected,) = world.status.rejected_revisions
    assert (rejected.revision, rejected.cause) == ("m-2", Cause.MODEL)


def test_a_cause_that_shows_while_a_rollout_is_held_is_told() -> None:
    """Shares of five minutes rise later than a breach is seen; the hold goes on as it was."""
    world = both_breached()
    world.step()
    assert world.status.rollout is not None
    since = world.status.rollout.held_since
    assert (world.status.rollout.held, world.status.cause) == ("StableAlsoBreached", Cause.UNKNOWN)
    world.pressures = lacking(PressureKind.THROTTLED, 0.4, "m-1", "m-2")
    world.pass_time(minutes=2)
    explained = world.step()
    assert (explained.rule, explained.announcements[0].type) == ("ExplainHold", "Warning")
    assert world.status.rollout is not None
    assert (world.status.rollout.held, world.status.cause) == (
        "InfrastructureSuspected",
        Cause.INFRASTRUCTURE,
    )
    assert world.status.rollout.held_since == since
    world.pressures = ()
    assert world.settle() == []


def test_what_it_lacks_is_told_of_a_revision_that_was_compared() -> None:
    """A comparison has not shown it to be worse, so that it is no fault of its own; before, it may be."""
    world = promoted(objectives=[{"name": "availability", "availability": {}, "target": "99%"}, ACCURACY])
    world.pressures = lacking(PressureKind.THROTTLED, 0.4, "m-2")
    world.see(breached("m-2"))
    assert world.settle() == ["Probe", "ShareTraffic"]
    world.let_pods_follow()
    world.step()
    world.see(replace(breached("m-2"), not_worse=True))
    assert "EndProbe" in world.settle()
    assert world.status.cause is Cause.UNKNOWN
    world.drain("m-1")
    world.settle()
    assert world.status.incident is not None
    assert world.status.incident.reason == "InfrastructureSuspected"
    assert "pods of m-2 throttled in 40% of scheduling periods" in world.status.incident.message


def test_a_comparison_that_never_had_traffic_is_none() -> None:
    """Other revisions' pods were in the way of a share: what the suspect lacks may still be its own fault."""
    world = promoted(objectives=[{"name": "availability", "availability": {}, "target": "99%"}, ACCURACY])
    world.pods("m-0", pods=1)
    world.pressures = lacking(PressureKind.THROTTLED, 0.4, "m-2")
    world.see(breached("m-2"))
    assert world.settle() == ["Probe"]
    world.now += world.spec.rollout.progress_deadline
    assert world.settle() == ["EndProbe"]
    assert world.status.incident is not None
    assert world.status.incident.probed_at is not None
    assert (world.status.incident.probes, world.status.incident.reason) == (0, "CauseUnknown")
    assert "throttled" not in world.status.incident.message


def test_a_cause_that_shows_is_told_also_where_there_is_nothing_to_go_back_to() -> None:
    """The reason why nothing is done stays, and the cause is named once; it is not taken back."""
    world = serving(objectives=[LATENCY])
    world.see(breached("m-1", "latency"))
    world.settle()
    assert world.status.incident is not None
    assert (world.status.incident.reason, world.status.cause) == ("NothingToGoBackTo", Cause.UNKNOWN)
    world.drift = (DriftSignal("psi", 0.5, 0.2),)
    assert world.settle() == ["BearBreach"]
    assert (world.status.incident.reason, world.status.cause) == ("NothingToGoBackTo", Cause.DRIFT)
    world.drift = ()
    assert world.settle() == []
    assert world.status.cause is Cause.DRIFT


def test_after_a_promotion_it_is_told_beside_the_revision_that_is_compared() -> None:
    """Alone the serving revision may be at fault; beside the last good one both are seen to lack it."""
    world = probing(objectives=[{"name": "availability", "availability": {}, "target": "99%"}, ACCURACY])
    situation = Situation(world.spec, world.status, world.observation(), world.now)
    assert signs.of_stable(situation).pressed == ()
    world.pressures = lacking(PressureKind.RESTARTS, 2, "m-2", "m-1")
    situation = Situation(world.spec, world.status, world.observation(), world.now)
    assert signs.of_stable(situation).pressed == tuple(reversed(world.pressures))
    assert signs.of_candidate(situation, OnBreach.ROLLBACK).pressed == ()


def test_a_control_that_has_no_share_yet_is_no_excuse() -> None:
    """What its pods lack before they answer anything says nothing of both."""
    world = promoted()
    world.see(breached("m-2"))
    assert world.step().rule == "Probe"
    world.pressures = lacking(PressureKind.THROTTLED, 0.9, "m-2", "m-1")
    found = signs.of_stable(Situation(world.spec, world.status, world.observation(), world.now))
    assert (found.other, found.pressed) == ("", ())
