"""A candidate that must go, and breaches that hold."""

from dataclasses import replace
from datetime import timedelta

import pytest

from modelward.api.status import Cause, Phase
from modelward.decide import targets
from modelward.decide.clock import stamp
from modelward.decide.observation import FiringAlert, MetricsState, Problem, ProblemReason
from modelward.decide.placement import MonitorMode
from modelward.evidence.verdict import Verdict
from tests.unit.decide.world import START, assessment, breached, stepping, worse


def test_worse_than_stable_is_rejected_with_cause_and_numbers() -> None:
    """Worse than stable in the same blocks is the model's fault; the message has both counts."""
    world = stepping()
    world.see(worse("m-2", "accuracy"))
    decision = world.step()
    assert decision.rule == "RejectCandidate"
    rejected = world.status.rejected_revisions[0]
    assert (rejected.revision, rejected.reason, rejected.cause) == (
        "m-2",
        "AccuracyWorseThanStable",
        Cause.MODEL,
    )
    assert "100 of 1000 bad (10.00%) while stable had 10 of 1000 bad (1.00%)" in rejected.message
    assert decision.announcements[0].type == "Warning"
    assert world.status.phase is Phase.ROLLING_BACK


def test_a_reason_is_one_word_made_of_the_objective() -> None:
    """Its parts, each with a capital; a condition's reason may have no hyphen."""
    world = stepping(
        objectives=[{"name": "first-byte-read", "latency": {"within": "1s"}, "target": "99%"}],
    )
    world.see(worse("m-2", "first-byte-read"))
    assert world.step().rule == "RejectCandidate"
    assert world.status.rejected_revisions[0].reason == "FirstByteReadWorseThanStable"


def test_breached_alone_is_rejected() -> None:
    """A breach of the target that stable does not share is the model's fault."""
    world = stepping()
    world.see(breached("m-2"))
    world.step()
    assert world.status.rejected_revisions[0].reason == "AvailabilityBreached"
    assert "500 of 1000 bad (50.00%) against 1.00% allowed" in world.status.rejected_revisions[0].message


@pytest.mark.parametrize(
    ("candidate", "stable", "is_rejected"),
    [
        ((500, 1000), (0, 0), True),
        ((0, 1000), (10, 10), True),
        ((500, 1000), (10, 10), True),
        ((950, 1000), (99, 100), False),
        ((950, 1000), (990, 1000), True),
        ((950, 1000), (100, 100), True),
        ((950, 1000), (95, 100), False),
        ((950, 1000), (90, 100), False),
        ((0, 0), (100, 100), False),
    ],
)
def test_little_traffic_of_stable_makes_it_no_better(
    candidate: tuple[int, int], stable: tuple[int, int], *, is_rejected: bool
) -> None:
    """Breached before stable is no fault of the model until stable does better by more than chance."""
    world = stepping()
    found = replace(
        breached("m-2"),
        good=candidate[0],
        total=candidate[1],
        stable_good=stable[0],
        stable_total=stable[1],
    )
    world.see(found)
    world.step()
    assert bool(world.status.rejected_revisions) is is_rejected


def test_breached_on_both_holds_and_goes_on_when_it_clears() -> None:
    """A breach that stable shares moves no traffic; when it is gone the rollout goes on by itself."""
    world = stepping()
    world.see(breached("m-1"), breached("m-2"))
    generation = world.status.traffic_generation
    assert world.settle() == ["HoldOnBreach"]
    assert world.status.phase == "Held"
    assert world.status.traffic_generation == generation
    assert world.status.rejected_revisions == ()
    world.all_healthy("m-1", "m-2")
    assert world.settle() == ["Resume"]
    assert world.status.phase == "Stepping"


def test_rejection_withdraws_and_then_rests() -> None:
    """Monitors forward to stable, the Service selects stable, and the pods go when requests stand still."""
    world = stepping()
    world.see(worse("m-2"))
    world.step()
    wanted = targets(world.spec, world.status)
    modes = {p.revision: (p.mode, p.forward_to, p.replicas) for p in wanted.placements}
    assert modes["m-2"] == (MonitorMode.WITHDRAW, "m-1", 1)
    assert wanted.selected == ("m-1",)
    world.let_pods_follow()
    for reading, rule in ((10, "ReadCounter"), (12, "ReadCounter"), (12, "ReadCounter"), (12, "ReadCounter")):
        world.pass_time(seconds=5)
        world.pods("m-2", requests=reading)
        assert world.step().rule == rule
    assert world.step().rule == "FinishWithdrawal"
    assert [p.revision for p in targets(world.spec, world.status).placements] == ["m-1"]
    world.pass_time(days=2)
    assert world.settle() == []
    assert world.conditions()["Progressing"] == ("False", "RevisionRejected")


def test_readings_closer_than_a_block_do_not_count() -> None:
    """A counter that stands still within one second says nothing."""
    world = stepping()
    world.see(worse("m-2"))
    world.step()
    world.let_pods_follow()
    world.pods("m-2", requests=5)
    assert world.step().rule == "ReadCounter"
    world.pass_time(seconds=1)
    assert world.step().rule == "Stay"


def test_monitors_that_do_not_know_yet_do_not_end_a_withdrawal() -> None:
    """Counters of monitors behind the current generation are not looked at."""
    world = stepping()
    world.see(worse("m-2"))
    world.step()
    world.pods("m-2", requests=5, informed_generation=world.status.traffic_generation - 1)
    world.pass_time(seconds=30)
    assert world.step().rule == "Stay"


def test_unreadable_monitors_end_a_withdrawal_after_two_minutes() -> None:
    """A rollback is not held up for ever by monitors that cannot be reached."""
    world = stepping()
    world.see(worse("m-2"))
    world.step()
    world.pods("m-2", requests=None)
    world.pass_time(seconds=119)
    assert world.step().rule == "Stay"
    world.pass_time(seconds=1)
    assert world.step().rule == "FinishWithdrawal"


def test_no_data_never_rejects() -> None:
    """Evidence that stood before Prometheus went away is not acted on while it is away."""
    world = stepping()
    world.see(breached("m-2"), worse("m-2", "accuracy"))
    world.metrics = MetricsState.UNAVAILABLE
    assert world.settle() == []


def test_an_objective_that_holds_does_not_reject() -> None:
    """onBreach: Hold stops the rollout where it is."""
    objectives = [{"name": "availability", "availability": {}, "target": "99%", "onBreach": "Hold"}]
    world = stepping(objectives=objectives)
    world.see(breached("m-2"))
    assert world.settle() == ["HoldOnBreach"]
    assert world.status.rollout is not None
    assert world.status.rollout.held == "BreachHolds"


def test_an_objective_that_alerts_does_nothing_to_the_rollout() -> None:
    """onBreach: Alert leaves it to people."""
    objectives = [{"name": "availability", "availability": {}, "target": "99%", "onBreach": "Alert"}]
    world = stepping(objectives=objectives)
    world.see(breached("m-2"))
    assert world.settle() == []


def test_a_held_candidate_that_turns_bad_is_rejected() -> None:
    """Holding does not switch the protection off."""
    world = stepping()
    world.pass_time(hours=1)
    assert world.settle() == ["HoldAtDeadline"]
    world.see(worse("m-2"))
    assert world.step().rule == "RejectCandidate"


def test_an_alert_that_names_the_candidate_rejects_it() -> None:
    """The team's own alert, confirmed as firing, is a reason by itself."""
    world = stepping()
    world.alerts = (FiringAlert("ElectricityPage", "m-2", START),)
    world.metrics = MetricsState.UNAVAILABLE
    world.step()
    assert world.status.rejected_revisions[0].reason == "AlertFiring"
    assert "ElectricityPage" in world.status.rejected_revisions[0].message
    assert world.status.rejected_revisions[0].revision == "m-2"


def test_a_candidate_whose_pods_die_in_a_step_is_rejected_after_the_deadline() -> None:
    """Mid-step crash loops are the reason once the deadline has passed."""
    world = stepping()
    world.pods("m-2", ready=0, pods=1, problem=Problem(ProblemReason.CRASH_LOOPING, "exit code 1"))
    assert world.settle() == []
    world.now += world.spec.rollout.progress_deadline - timedelta(seconds=30)
    assert world.settle() == []
    world.pass_time(seconds=30)
    assert world.step().rule == "RejectUnready"
    assert world.status.rejected_revisions[0].reason == "CrashLooping"


def test_pods_that_do_not_say_why_are_said_not_to() -> None:
    """How many are ready, how long it was waited, and that nothing more is known."""
    world = stepping()
    world.pods("m-2", ready=0, pods=1)
    world.settle()
    world.now += world.spec.rollout.progress_deadline
    assert world.step().rule == "RejectUnready"
    (found,) = world.status.rejected_revisions
    assert (found.reason, found.cause) == ("NotReady", Cause.UNKNOWN)
    assert found.message == "0 of 1 pods ready after 0:10:00: no pod says why"


def test_a_digest_mismatch_is_the_models_fault() -> None:
    """A model overwritten at its URI is rejected with that reason and cause Model."""
    world = stepping()
    world.pods(
        "m-2", ready=0, pods=1, problem=Problem(ProblemReason.DIGEST_MISMATCH, "sha256:a is now sha256:b")
    )
    world.step()
    world.pass_time(minutes=11)
    world.step()
    rejected = world.status.rejected_revisions[0]
    assert (rejected.reason, rejected.cause) == ("DigestMismatch", Cause.MODEL)


def test_ready_pods_that_fetched_different_models_are_rejected_at_once() -> None:
    """Readiness does not hide that the model was overwritten while the pods fetched it."""
    world = stepping()
    pods = targets(world.spec, world.status).placements[0].replicas
    mismatch = Problem(ProblemReason.DIGEST_MISMATCH, "sha256:a and sha256:b")
    world.pods("m-2", ready=pods, problem=mismatch)
    assert world.step().rule == "RejectUnready"
    rejected = world.status.rejected_revisions[0]
    assert (rejected.reason, rejected.cause) == ("DigestMismatch", Cause.MODEL)
    assert rejected.message == "sha256:a and sha256:b"


def test_a_pod_that_is_moved_late_in_a_long_step_rejects_nothing() -> None:
    """The progress deadline runs from when a pod was last ready, not from when the step began."""
    world = stepping()
    for objective in ("availability", "accuracy"):
        world.see(assessment("m-2", objective, total=0, good=0))
    world.pass_time(minutes=30)
    world.pods("m-2", ready=0, pods=1, problem=Problem(ProblemReason.NOT_READY, "moved to another node"))
    assert world.settle() == []
    world.pass_time(minutes=9)
    assert world.settle() == []
    world.let_pods_follow()
    assert world.settle() == []
    assert world.status.rollout is not None
    assert world.status.rollout.unready_since is None
    assert world.status.candidate_revision == "m-2"


def test_scaling_up_late_in_a_long_step_rejects_nothing() -> None:
    """Pods that an autoscaler has just asked for have the whole progress deadline to become ready."""
    world = stepping()
    for objective in ("availability", "accuracy"):
        world.see(assessment("m-2", objective, total=0, good=0))
    world.pass_time(minutes=30)
    world.spec = world.spec.model_copy(update={"replicas": 8})
    decision = world.step()
    assert decision.rule == "Stay"
    assert world.status.rollout is not None
    assert world.status.rollout.unready_since == stamp(world.now)
    assert decision.look_again_after is not None
    assert decision.look_again_after <= world.spec.rollout.progress_deadline + timedelta(seconds=1)


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.UNKNOWN])
def test_what_is_not_a_breach_rejects_nothing(verdict: Verdict) -> None:
    """Inconclusive and Unknown are no evidence against a candidate."""
    world = stepping()
    world.see(assessment("m-2", target=verdict, versus=verdict))
    assert world.settle() == []


def test_stable_without_ready_pods_keeps_the_split_until_it_can_serve() -> None:
    """Traffic is not taken from the only revision that answers."""
    world = stepping()
    world.pods("m-1", ready=0, pods=2)
    world.see(worse("m-2"))
    world.step()
    assert set(targets(world.spec, world.status).selected) == {"m-1", "m-2"}
    world.revisions["m-1"] = replace(world.revisions["m-1"], ready=2)
    assert world.step().rule == "SwitchTraffic"
    assert targets(world.spec, world.status).selected == ("m-1",)


def test_one_ready_pod_of_stable_takes_the_traffic_at_once() -> None:
    """It answers rightly, which beats all pods of what is rejected."""
    world = stepping()
    world.pods("m-1", ready=1)
    world.see(worse("m-2"))
    assert world.step().rule == "RejectCandidate"
    assert world.status.withdrawal is not None
    assert world.status.withdrawal.switched


def test_no_withdrawal_is_read_before_traffic_was_switched() -> None:
    """A withdrawal that still waits for its target does not end by a counter that stands still."""
    world = stepping()
    world.pods("m-1", ready=0, pods=2)
    world.see(worse("m-2"))
    world.step()
    world.pods("m-2", requests=7, informed_generation=world.status.traffic_generation)
    world.pass_time(minutes=5)
    assert world.step().rule == "Stay"


def test_a_withdrawn_revision_without_pods_is_done() -> None:
    """Nothing is left to wait for when its pods are gone."""
    world = stepping()
    world.see(worse("m-2"))
    world.step()
    world.pods("m-2", ready=0, pods=0)
    decision = world.step()
    assert decision.rule == "FinishWithdrawal"
    assert "has no pods left" in decision.announcements[0].message


def test_a_dead_stable_leaves_the_traffic_with_what_answers() -> None:
    """A rejected candidate serves on when stable has had no pod for the progress deadline."""
    world = stepping()
    world.pods("m-1", ready=0, pods=2, problem=Problem(ProblemReason.CRASH_LOOPING, "exit code 1"))
    world.see(worse("m-2"))
    world.step()
    world.now += world.spec.rollout.progress_deadline
    assert world.step().rule == "GiveUpTarget"
    assert (world.status.stable_revision, world.status.phase) == ("m-2", "Serving")
    assert [r.revision for r in world.status.rejected_revisions] == ["m-1"]
    assert targets(world.spec, world.status).selected == ("m-2",)


def test_with_both_dead_spec_may_ask_for_another() -> None:
    """When neither arm has a pod the withdrawal is given up, and a new revision can be tried."""
    world = stepping()
    world.see(worse("m-2"))
    world.pods("m-1", ready=0, pods=2)
    world.pods("m-2", ready=0, pods=1)
    world.step()
    world.now += world.spec.rollout.progress_deadline
    decision = world.step()
    assert decision.rule == "GiveUpTarget"
    assert (decision.announcements[0].type, decision.announcements[0].action) == ("Warning", "Held")
    assert (world.status.stable_revision, world.status.phase) == ("m-1", "Serving")
    world.wanted = "m-3"
    assert world.settle() == ["Begin"]
