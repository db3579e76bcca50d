"""A rollout that waits, for what is no fault of the candidate, and goes on by itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from modelward.api.status import Cause, IncidentStatus, Phase
from modelward.decide.observation import DriftSignal, MetricsState
from modelward.evidence.assessment import Assessment
from modelward.evidence.verdict import Verdict
from tests.unit.decide.world import World, assessment, breached, explained, promoted, serving, stepping, worse

OBJECTIVES = [
    {"name": "availability", "availability": {}, "target": "99%"},
    {"name": "storage", "storage": {"within": "300ms"}, "target": "99%", "onBreach": "Hold"},
]


def held(world: World) -> tuple[str, Cause | None]:
    """Return why the rollout is held, and what is at fault."""
    assert world.status.rollout is not None
    return world.status.rollout.held, world.status.cause


def test_slow_storage_holds_a_rollout_and_lets_it_go_on() -> None:
    """A breached storage objective that asks for it stops the rollout, with its numbers; then it resumes."""
    world = stepping(objectives=OBJECTIVES)
    world.see(breached("m-1", "storage"))
    decision = world.step()
    assert decision.rule == "HoldOnBreach"
    assert held(world) == ("InfrastructureSuspected", Cause.INFRASTRUCTURE)
    assert decision.announcements[0].message.startswith("m-2: storage: 500 of 1000 bad (50.00%)")
    assert world.status.rejected_revisions == ()
    world.see(assessment("m-1", "storage"))
    assert world.settle() == ["Resume"]
    assert world.status.phase is Phase.STEPPING
    assert world.status.cause is None


def test_a_hold_does_not_wait_for_what_judges_no_candidate() -> None:
    """A breach by labels that are for what serves alone keeps no rollout waiting."""
    late = {"name": "accuracy", "accuracy": {}, "target": "65%", "scope": "AfterPromotion"}
    world = stepping(objectives=[*OBJECTIVES, late])
    world.see(breached("m-1", "storage"))
    world.settle()
    world.see(assessment("m-1", "storage"), breached("m-2", "accuracy"))
    assert world.settle() == ["Resume"]


def test_a_hold_that_is_over_leaves_no_cause() -> None:
    """Given up because spec is put back: what held the rollout is nobody's concern any more."""
    world = stepping(objectives=OBJECTIVES)
    world.see(breached("m-1", "storage"))
    world.settle()
    world.wanted = "m-1"
    assert world.step().rule == "ReplaceCandidate"
    assert world.status.cause is None


def test_a_candidate_that_is_dropped_leaves_an_incident_its_cause() -> None:
    """The serving revision is as bad as before."""
    world = serving()
    world.see(breached("m-1"))
    world.drift = (DriftSignal("psi", 0.5, 0.2),)
    world.settle()
    world.wanted = "m-2"
    assert world.settle() == ["Begin"]
    world.wanted = "m-1"
    assert world.settle() == ["ReplaceBeforeTraffic"]
    assert world.status.cause is Cause.DRIFT


def test_a_candidate_begins_without_the_cause_of_the_one_before() -> None:
    """What was wrong with that says nothing of it."""
    world = stepping()
    world.see(worse("m-2"))
    world.step()
    world.drain("m-2")
    assert world.status.cause is Cause.MODEL
    world.let_pods_follow()
    world.wanted = "m-3"
    assert world.settle() == ["Begin"]
    assert world.status.cause is None


def test_a_candidate_that_is_withdrawn_leaves_an_incident_its_cause() -> None:
    """As one that had no traffic yet."""
    world = stepping()
    world.see(breached("m-1"))
    world.drift = (DriftSignal("psi", 0.5, 0.2),)
    incident = IncidentStatus(
        revision="m-1", cause=Cause.DRIFT, reason="DriftSuspected", since="2026-01-01T11:00:00Z"
    )
    world.status = world.status.model_copy(update={"incident": incident, "cause": Cause.DRIFT})
    world.wanted = "m-1"
    assert world.step().rule == "ReplaceCandidate"
    assert world.status.cause is Cause.DRIFT


def test_of_an_incident_and_a_hold_the_cause_of_what_lasts_is_told() -> None:
    """Each has its own; the end of one takes nothing from the other."""
    world = serving(objectives=OBJECTIVES)
    world.see(breached("m-1"))
    world.drift = (DriftSignal("psi", 0.5, 0.2),)
    world.settle()
    assert world.status.incident is not None
    assert world.status.incident.cause is Cause.DRIFT
    world.wanted = "m-2"
    world.settle()
    world.let_pods_follow()
    world.all_healthy("m-2")
    world.settle()
    world.see(breached("m-2", "storage"))
    assert world.settle() == ["HoldOnBreach"]
    assert held(world) == ("InfrastructureSuspected", Cause.INFRASTRUCTURE)
    world.all_healthy("m-2")
    assert world.settle() == ["Resume"]
    assert world.status.cause is Cause.DRIFT
    world.see(breached("m-2", "storage"))
    assert world.settle() == ["HoldOnBreach"]
    world.all_healthy("m-1")
    assert world.settle() == ["Recover"]
    assert held(world) == ("InfrastructureSuspected", Cause.INFRASTRUCTURE)


def test_a_bad_candidate_is_found_while_storage_holds_the_rollout() -> None:
    """Slow storage is no cover: what is worse in the same blocks is rejected, with the cause Model."""
    world = stepping(objectives=OBJECTIVES)
    world.see(breached("m-1", "storage"), breached("m-2", "storage"))
    world.settle()
    world.see(worse("m-2"))
    assert world.step().rule == "RejectCandidate"
    assert world.status.rejected_revisions[0].cause is Cause.MODEL


@pytest.mark.parametrize("make", [worse, breached])
def test_a_candidate_is_rejected_for_slow_reads_of_its_own(make: Callable[[str], Assessment]) -> None:
    """What it reports as slow storage is its own doing while stable is fine in the same blocks."""
    world = stepping(objectives=OBJECTIVES)
    world.see(explained(make("m-2")))
    assert world.step().rule == "RejectCandidate"
    assert world.status.rejected_revisions[0].cause is Cause.MODEL


@pytest.mark.parametrize(
    ("candidate", "stable"),
    [
        (explained(worse("m-2")), explained(assessment("m-1"))),
        (explained(replace(breached("m-2"), stable_good=0, stable_total=0)), assessment("m-1")),
    ],
)
def test_a_candidate_is_not_rejected_for_what_slow_storage_explains(
    candidate: Assessment, stable: Assessment
) -> None:
    """Bad while storage was slow, and stable too or not to be compared with: the rollout waits instead."""
    world = stepping(objectives=OBJECTIVES)
    world.see(candidate, stable)
    assert world.settle() == ["HoldOnBreach"]
    assert held(world) == ("InfrastructureSuspected", Cause.INFRASTRUCTURE)
    assert world.conditions()["ObjectivesMet"] == ("False", "InfrastructureSuspected")
    assert world.status.history[0].message.startswith("availability: ")


def test_drifted_inputs_hold_when_both_are_breached() -> None:
    """Both revisions bad on inputs that have drifted: nobody's fault but the inputs'."""
    world = stepping()
    world.drift = (DriftSignal("psi", 0.5, 0.2),)
    world.see(breached("m-1"), breached("m-2"))
    assert world.settle() == ["HoldOnBreach"]
    assert held(world) == ("DriftSuspected", Cause.DRIFT)


def test_of_two_that_cross_together_none_is_to_blame() -> None:
    """While stable's evidence rises with the candidate's it is too early to say which of them it is."""
    world = stepping()
    rising = assessment("m-1", good=700, target=Verdict.INCONCLUSIVE, target_log_evidence=10.0)
    world.see(breached("m-2"), rising)
    assert world.settle() == []
    world.see(breached("m-1"))
    assert world.settle() == ["HoldOnBreach"]
    assert held(world) == ("StableAlsoBreached", Cause.UNKNOWN)


@pytest.mark.parametrize("known", [None, Verdict.UNKNOWN])
def test_a_breach_beside_a_stable_without_data_is_the_candidates(known: Verdict | None) -> None:
    """Nothing is known against stable, and rejecting a candidate costs little."""
    world = stepping()
    if known is None:
        del world.evidence["m-1", "availability"]
    else:
        world.see(assessment("m-1", target=known))
    world.see(breached("m-2"))
    assert world.step().rule == "RejectCandidate"


def test_a_hold_does_not_waver() -> None:
    """Evidence just below the threshold does not let the rollout go on, to be held again at once."""
    world = stepping()
    world.see(breached("m-1"), breached("m-2"))
    world.settle()
    nearly = replace(breached("m-2"), target=Verdict.INCONCLUSIVE, target_log_evidence=14.0)
    world.see(nearly)
    assert world.settle() == []
    world.all_healthy("m-2")
    assert world.settle() == ["Resume"]


def test_the_deadline_does_not_run_while_it_is_held() -> None:
    """An outage of storage that is longer than the deadline does not end the rollout."""
    world = stepping(objectives=OBJECTIVES)
    world.see(breached("m-1", "storage"))
    world.settle()
    world.pass_time(hours=2)
    world.see(assessment("m-1", "storage"))
    assert world.settle() == ["Resume"]
    left = world.spec.rollout.deadline - timedelta(seconds=1)
    world.pass_time(seconds=left.total_seconds())
    world.all_healthy("m-1", "m-2")
    assert "HoldAtDeadline" not in world.settle()


def test_slow_storage_that_only_alerts_does_not_hold() -> None:
    """onBreach: Alert leaves a rollout alone while nothing else is breached."""
    alerting = [OBJECTIVES[0], OBJECTIVES[1] | {"onBreach": "Alert"}]
    world = stepping(objectives=alerting)
    world.see(breached("m-1", "storage"), breached("m-2", "storage"))
    assert world.settle() == []
    world.see(breached("m-1"), breached("m-2"))
    assert world.settle() == ["HoldOnBreach"]
    assert held(world) == ("InfrastructureSuspected", Cause.INFRASTRUCTURE)


def test_an_incident_is_neither_opened_nor_closed_without_data() -> None:
    """With metrics away what is known stays as it is."""
    world = promoted(rollback={"onUnknownCause": "Alert"})
    world.see(explained(breached("m-2")))
    world.metrics = MetricsState.UNAVAILABLE
    assert world.settle() == []
    world.metrics = MetricsState.AVAILABLE
    world.settle()
    incident = world.status.incident
    assert incident is not None
    world.metrics = MetricsState.UNAVAILABLE
    world.see(breached("m-2"))
    assert world.settle() == []
    assert world.status.incident == incident


@pytest.mark.parametrize(
    ("stable_bad", "stable_total", "rule"),
    [
        (400, 1000, "RejectCandidate"),
        (0, 1000, "RejectCandidate"),
        (0, 0, "RejectCandidate"),
        (490, 1000, "Stay"),
        (600, 1000, "Stay"),
        (2, 5, "Stay"),
    ],
)
def test_a_breach_is_the_candidates_alone_only_if_stable_does_better(
    stable_bad: int, stable_total: int, rule: str
) -> None:
    """Half of its events are bad: stable's, in the same blocks, must show that it does not suffer."""
    world = stepping()
    world.see(replace(breached("m-2"), stable_good=stable_total - stable_bad, stable_total=stable_total))
    assert world.step().rule == rule


@pytest.mark.parametrize(("share", "rule"), [(0.24, "RejectCandidate"), (0.25, "Stay"), (0.99, "Stay")])
def test_stable_on_its_way_to_a_breach_is_not_good(share: float, rule: str) -> None:
    """From a quarter of what a breach takes it is too early to say which of the two it is."""
    world = stepping()
    near = assessment("m-1", target_log_evidence=share * 16, target_log_threshold=16.0)
    world.see(replace(breached("m-2"), stable_good=1000, stable_total=1000), near)
    assert world.step().rule == rule
