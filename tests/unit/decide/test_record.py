"""What is kept of a decision: enough to see how it was come to."""

from dataclasses import replace

from modelward.api.status import Cause
from modelward.decide.clock import read
from modelward.decide.observation import DriftSignal
from modelward.evidence.verdict import Verdict
from tests.unit.decide.world import (
    assessment,
    breached,
    explained,
    probing,
    promoted,
    serving,
    stepping,
    worse,
)


def test_a_rollback_is_recorded_with_the_numbers_of_both_arms() -> None:
    """The record names the rule, the cause, and the evidence with what it was compared with."""
    world = probing()
    world.drift = (DriftSignal("psi", 0.25, 0.2), DriftSignal("aaa", 0.1, 0.2))
    world.see(replace(worse("m-2"), target=Verdict.BREACHED, target_log_evidence=16.0, compared_with="m-1"))
    world.step()
    record = world.status.last_decision
    assert record is not None
    assert (record.rule, record.action, record.revision, record.cause) == (
        "RollBack",
        "RolledBack",
        "m-2",
        Cause.MODEL,
    )
    assert (read(record.time), record.message) == (world.now, world.status.history[0].message)
    first = record.evidence[0]
    assert (first.objective, first.revision, first.bad) == ("availability", "m-2", "100 of 1000")
    assert (first.against_target, first.against_other) == ("6.9 of 6.5", "2.2 of 2.0")
    assert (first.compared_with, first.others_bad) == ("m-1", "10 of 1000")
    assert {(line.objective, line.revision) for line in record.evidence} == {
        ("availability", "m-1"),
        ("availability", "m-2"),
        ("accuracy", "m-1"),
        ("accuracy", "m-2"),
    }
    assert {line.against_target for line in record.evidence[1:]} == {"0.0 of 6.5"}
    assert record.drift == ("aaa 0.1 of 0.2", "psi 0.25 of 0.2")


def test_the_split_by_storage_is_recorded_where_there_is_one() -> None:
    """Slow storage as the cause is shown by its own numbers; without a comparison none is made up."""
    world = promoted(rollback={"onUnknownCause": "Alert"})
    world.see(explained(breached("m-2")))
    world.step()
    record = world.status.last_decision
    assert record is not None
    assert (record.rule, record.cause) == ("BearBreach", Cause.INFRASTRUCTURE)
    first = record.evidence[0]
    assert (first.while_storage_slow, first.while_storage_fast) == ("400 of 500", "5 of 500")
    assert (first.against_other, first.others_bad) == ("", "")
    world = promoted(rollback={"onUnknownCause": "Alert"})
    world.see(replace(breached("m-2"), fast_good=10.0, fast_total=20.0))
    world.step()
    record = world.status.last_decision
    assert record is not None
    assert (record.evidence[0].while_storage_slow, record.evidence[0].while_storage_fast) == ("", "10 of 20")
    assert {(each.while_storage_slow, each.while_storage_fast) for each in record.evidence[1:]} == {("", "")}


def test_what_is_nearest_to_a_verdict_comes_first() -> None:
    """By its evidence as a share of what that verdict takes, against the target or against the other."""
    world = probing()
    world.see(
        assessment("m-1", "availability", target_log_evidence=5.0, target_log_threshold=10.0),
        assessment("m-1", "accuracy", target_log_evidence=6.0, target_log_threshold=20.0),
        replace(worse("m-2"), versus_log_evidence=30.0, versus_log_threshold=20.0),
        assessment("m-2", "accuracy", target_log_evidence=1.0, versus_log_evidence=2.0),
    )
    assert world.step().rule == "RollBack"
    record = world.status.last_decision
    assert record is not None
    assert [(line.revision, line.objective) for line in record.evidence] == [
        ("m-2", "availability"),
        ("m-1", "availability"),
        ("m-2", "accuracy"),
        ("m-1", "accuracy"),
    ]


def test_a_steps_end_is_recorded_with_its_numbers() -> None:
    """What a promotion rests on is kept, though history has room for the promotion only."""
    world = stepping()
    shown = {"versus": Verdict.HEALTHY, "not_worse": True, "not_worse_log_threshold": 3.0}
    world.see(
        assessment("m-2", "availability", not_worse_log_evidence=4.6, **shown),
        assessment("m-2", "accuracy", not_worse_log_evidence=3.0, **shown),
    )
    history = world.status.history
    assert world.step().rule == "PassStep"
    record = world.status.last_decision
    assert record is not None
    assert (record.rule, record.action, record.reason, record.revision) == (
        "PassStep",
        "StepEnded",
        "NotWorse",
        "m-2",
    )
    assert {(line.objective, line.revision, line.not_worse) for line in record.evidence} == {
        ("availability", "m-2", "2.0 of 1.3"),
        ("accuracy", "m-2", "1.3 of 1.3"),
        ("availability", "m-1", ""),
        ("accuracy", "m-1", ""),
    }
    assert world.status.history == history


def test_a_promotion_says_how_its_steps_ended() -> None:
    """A step that showed nothing is told from one that showed the candidate to be as good."""
    steps = [{"weight": 20, "duration": "5m"}, {"weight": 33, "duration": "5m"}]
    world = stepping(rollout={"steps": steps, "deadline": "1h"})
    world.pass_time(minutes=6)
    assert world.step().rule == "EndStep"
    record = world.status.last_decision
    assert record is not None
    assert (record.rule, record.action, record.reason) == ("EndStep", "StepEnded", "Inconclusive")
    world.let_pods_follow()
    world.all_healthy("m-2", not_worse=True)
    assert world.step().rule == "PassStep"
    world.let_pods_follow()
    assert world.step().rule == "Promote"
    promoted_entry = world.status.history[0]
    assert (promoted_entry.action, promoted_entry.message) == (
        "Promoted",
        "steps shown no worse: 1, inconclusive: 1",
    )


def test_a_reconcile_that_decides_nothing_records_nothing() -> None:
    """The record stays that of the last decision."""
    world = serving()
    record = world.status.last_decision
    assert record is not None
    assert record.action == "Promoted"
    world.pass_time(hours=1)
    world.step()
    assert world.status.last_decision is record
