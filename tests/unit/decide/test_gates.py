"""Gates that a candidate passes before it gets any traffic."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modelward.api.gateverdict import ErrorReason, Result
from modelward.api.recordedgates import recorded
from modelward.api.status import MOST_GATE_MESSAGE, Cause, Phase
from modelward.decide import decide, targets
from modelward.decide.gate_answers import ANSWER_WAIT
from modelward.decide.observation import Commands, GateObservation
from tests.unit.decide.world import NOISE, World, breached, gated, gating, serving, spec_of

A: dict[str, Any] = {"name": "a", **NOISE}
B: dict[str, Any] = {"name": "b", **NOISE}
C: dict[str, Any] = {"name": "c", **NOISE}


def jobs(world: World) -> list[tuple[str, int]]:
    """Return which Jobs are asked for, with their attempts."""
    return [(job.name, job.attempt) for job in targets(world.spec, world.status).gate_jobs]


def selected(world: World) -> tuple[str, ...]:
    """Return what has traffic."""
    return targets(world.spec, world.status).selected


def events(world: World) -> list[str]:
    """Return the reasons of all Events so far."""
    return [told.reason for _, _, decision in world.decisions for told in decision.announcements]


def test_a_candidate_gets_no_traffic_before_it_has_passed_every_gate() -> None:
    """It waits in phase Gating, whatever the time, and goes on as soon as the last gate was passed."""
    world = gating(A, B)
    assert world.gate_results() == {"a": "Running", "b": "Running"}
    assert selected(world) == ("m-1",)
    world.pass_time(minutes=3)
    world.gate_says("a", Result.PASSED)
    assert world.settle() == ["ReadGates"]
    assert (world.status.phase, selected(world)) == (Phase.GATING, ("m-1",))
    assert world.conditions()["GatesPassed"] == ("False", "GatesRunning")
    assert world.conditions()["Progressing"] == ("True", "Gating")
    world.gate_says("b", Result.PASSED)
    assert world.settle() == ["ReadGates", "PassGates", "BeginSteps"]
    assert selected(world) == ("m-1", "m-2")
    assert world.conditions()["GatesPassed"] == ("True", "GatesPassed")
    assert "Approved" not in world.conditions()
    assert events(world)[-4:] == ["GatePassed", "GatePassed", "GatesPassed", "StepStarted"]


def test_the_first_revision_passes_its_gates_before_it_serves() -> None:
    """Also of a new deployment no client reaches a pod before."""
    world = World(spec=spec_of(**gated(A)))
    assert world.settle() == ["Begin"]
    assert (selected(world), world.status.traffic) == ((), ())
    world.let_pods_follow()
    assert world.settle() == ["BeginGates", "ReadGates"]
    assert (world.status.phase, selected(world)) == (Phase.GATING, ())
    assert [p.revision for p in targets(world.spec, world.status).placements] == ["m-1"]
    world.gate_says("a", Result.PASSED)
    assert world.settle() == ["ReadGates", "PassGates", "ServeFirst"]
    assert (world.status.stable_revision, selected(world)) == ("m-1", ("m-1",))


def test_two_gates_run_at_a_time_in_the_order_of_spec() -> None:
    """The third begins when one of the first has ended."""
    world = gating(A, B, C)
    assert jobs(world) == [("a", 0), ("b", 0)]
    world.gate_says("b", Result.PASSED)
    world.settle()
    assert jobs(world) == [("a", 0), ("c", 0)]
    assert world.gate_results() == {"a": "Running", "b": "Passed", "c": "Running"}


def test_no_gate_runs_before_the_pods_are_ready() -> None:
    """Nor while they are away again."""
    world = serving("m-1")
    world.spec, world.wanted = spec_of(**gated(A, B, C)), "m-2"
    world.settle()
    assert (world.gate_results(), jobs(world)) == ({"a": "Pending", "b": "Pending", "c": "Pending"}, [])
    world.let_pods_follow()
    world.settle()
    world.pods("m-2", ready=0)
    world.gate_says("a", Result.PASSED)
    world.settle()
    assert jobs(world) == [("b", 0)]


def test_a_failed_gate_rejects_when_all_have_ended() -> None:
    """So that a person sees everything that is wrong at once; it never had traffic, and is remembered."""
    world = gating(A, B)
    world.gate_says("a", Result.FAILED, message="flips 31%, at most 5% is asked for")
    assert world.settle() == ["ReadGates"]
    world.gate_says("b", Result.FAILED, message="flips 9%")
    assert world.settle() == ["ReadGates", "RejectGated"]
    assert (world.status.phase, selected(world), jobs(world)) == (Phase.SERVING, ("m-1",), [])
    (rejected,) = world.status.rejected_revisions
    assert (rejected.revision, rejected.reason, rejected.cause) == ("m-2", "GateFailed", Cause.MODEL)
    assert rejected.message == "a Failed: flips 31%, at most 5% is asked for; b Failed: flips 9%"
    assert world.gate_results() == {"a": "Failed", "b": "Failed"}
    assert world.conditions()["GatesPassed"] == ("False", "GateFailed")
    assert world.settle() == []


def test_a_failed_gate_rejects_the_first_revision() -> None:
    """Nothing serves then."""
    world = World(spec=spec_of(**gated(A)))
    world.settle()
    world.let_pods_follow()
    world.settle()
    world.gate_says("a", Result.FAILED)
    assert world.settle() == ["ReadGates", "RejectGated"]
    assert (world.status.phase, selected(world)) == (Phase.INITIALIZING, ())


@pytest.mark.parametrize("reason", [*ErrorReason, None])
def test_an_error_is_never_a_pass(reason: ErrorReason | None) -> None:
    """Whatever became of its Job, without an answer it rejects; what may not come again is asked twice."""
    world = gating(A)
    may_pass = reason in {ErrorReason.CRASHED, ErrorReason.EVICTED}
    world.gate_says("a", Result.ERROR, reason, "ended")
    if may_pass:
        assert world.settle() == ["ReadGates"]
        assert jobs(world) == [("a", 1)]
        assert events(world)[-1] == "GateRetried"
        world.gate_says("a", Result.ERROR, reason, "ended")
    assert world.settle() == ["ReadGates", "RejectGated"]
    (rejected,) = world.status.rejected_revisions
    assert (rejected.reason, rejected.cause) == ("GateError", Cause.UNKNOWN)
    assert rejected.message == f"a Error ({(reason or ErrorReason.NONSENSE).value}): ended"
    assert world.conditions()["GatesPassed"] == ("False", "GateError")


def test_a_gate_that_was_evicted_may_pass_at_its_second_try() -> None:
    """Its second Job is another, so that the first one's end is not taken for the second's."""
    world = gating(A)
    world.gate_says("a", Result.ERROR, ErrorReason.EVICTED, "the node was full")
    world.settle()
    assert world.status.gates[0].message == "Evicted: the node was full"
    world.gate_says("a", Result.PASSED)
    assert world.settle() == ["ReadGates", "PassGates", "BeginSteps"]
    assert world.status.gates[0].attempt == 1


def test_a_result_that_says_nothing_is_an_error() -> None:
    """A Job that says it was not run has not been passed."""
    world = gating(A)
    world.gate_says("a", Result.NOT_RUN)
    assert world.settle() == ["ReadGates", "RejectGated"]
    assert world.status.gates[0].reason == "Nonsense"


def test_a_job_that_never_answers_is_an_error_at_last() -> None:
    """Some minutes after its own deadline; until then what keeps it is shown."""
    world = gating({**A, "timeout": "4m"})
    world.gate_says("a", None, message="no node has room")
    world.pass_time(minutes=4)
    assert world.settle() == []
    assert (world.status.gates[0].result, world.status.gates[0].message) == ("Running", "no node has room")
    assert world.last is not None
    assert world.last.look_again_after == ANSWER_WAIT + timedelta(seconds=1)
    world.pass_time(seconds=ANSWER_WAIT.total_seconds() + 1)
    assert world.settle() == ["ReadGates", "RejectGated"]
    assert world.status.gates[0].reason == "Timeout"
    assert world.status.gates[0].message == "no answer 0:09:00 after it was asked for: no node has room"


def test_a_job_that_says_nothing_is_an_error_without_words() -> None:
    """There is nothing to quote."""
    world = gating(A)
    world.gate_says("a", None, message="")
    world.pass_time(minutes=15, seconds=1)
    world.settle()
    assert world.status.gates[0].message == "no answer 0:15:00 after it was asked for"


def test_a_job_of_which_nothing_is_seen_is_an_error_at_last() -> None:
    """No data is no pass, however long it lasts; a Job that was taken away is made once more."""
    world = gating(A)
    world.pass_time(minutes=15, seconds=1)
    assert world.settle() == ["ReadGates"]
    assert jobs(world) == [("a", 1)]
    world.pass_time(minutes=15, seconds=1)
    assert world.settle() == ["ReadGates", "RejectGated"]
    assert world.status.gates[0].reason == "Evicted"
    assert (
        world.status.gates[0].message
        == "no answer 0:15:00 after it was asked for: nothing is seen of its Job"
    )


@pytest.mark.parametrize(
    ("result", "reason", "said"),
    [(Result.FAILED, None, "Failed"), (Result.ERROR, ErrorReason.OUT_OF_MEMORY, "OutOfMemory")],
)
def test_a_warning_lets_the_candidate_through_and_says_so(
    result: Result, reason: ErrorReason | None, said: str
) -> None:
    """With onFailure: Warn a team is told by an Event, and of an Error too."""
    world = gating({**A, "onFailure": "Warn"})
    world.gate_says("a", result, reason, "flips 31%")
    assert world.settle() == ["ReadGates", "PassGates", "BeginSteps"]
    (gate,) = world.status.gates
    assert (gate.result, gate.reason, gate.message) == ("Warned", said, "flips 31%")
    assert "GateWarned" in events(world)
    assert world.status.history[0].message == f"a Warned ({said}): flips 31%"


def test_a_gate_that_holds_waits_for_a_person() -> None:
    """Nothing is rejected; a retry runs what was not passed once more, and keeps what was."""
    world = gating({**A, "onFailure": "Hold"}, B)
    world.gate_says("a", Result.FAILED)
    world.gate_says("b", Result.PASSED)
    assert world.settle() == ["ReadGates", "HoldGated"]
    assert (world.status.phase, selected(world)) == (Phase.HELD, ("m-1",))
    assert world.conditions()["Stalled"] == ("True", "Held")
    world.pass_time(days=1)
    assert world.settle() == []
    world.commands = Commands(retry="m-2@1")
    assert world.settle() == ["Retry", "BeginGates", "ReadGates"]
    assert world.gate_results() == {"a": "Running", "b": "Passed"}
    assert jobs(world) == [("a", 0)]
    world.gate_says("a", Result.PASSED)
    assert world.settle() == ["ReadGates", "PassGates", "BeginSteps"]


def test_after_a_persons_retry_a_crash_has_its_second_try() -> None:
    """Attempts count anew with each run, and no Job of the run before speaks for this one."""
    world = gating({**A, "onFailure": "Hold"})
    for rules in (["ReadGates"], ["ReadGates", "HoldGated"]):
        world.gate_says("a", Result.ERROR, ErrorReason.CRASHED)
        assert world.settle() == rules
    world.pass_time(minutes=1)
    world.commands = Commands(retry="m-2@1")
    assert world.settle() == ["Retry", "BeginGates", "ReadGates"]
    assert jobs(world) == [("a", 0)]
    world.gate_says("a", Result.ERROR, ErrorReason.CRASHED)
    assert world.settle() == ["ReadGates"]
    assert jobs(world) == [("a", 1)]


def test_a_gate_that_rejects_outweighs_one_that_holds() -> None:
    """Of two that were not passed the graver one counts."""
    world = gating({**A, "onFailure": "Hold"}, B)
    world.gate_says("a", Result.FAILED)
    world.gate_says("b", Result.FAILED)
    assert world.settle() == ["ReadGates", "RejectGated"]


def test_a_first_revision_that_is_held_begins_anew() -> None:
    """There is no stable revision to fall back on: a retry initializes, an abort leaves nothing."""
    world = World(spec=spec_of(**gated({**A, "onFailure": "Hold"})))
    world.settle()
    world.let_pods_follow()
    world.settle()
    world.gate_says("a", Result.FAILED)
    assert world.settle() == ["ReadGates", "HoldGated"]
    assert selected(world) == ()
    world.pass_time(minutes=1)
    world.commands = Commands(retry="m-1@1")
    assert world.settle() == ["Retry", "BeginGates", "ReadGates"]
    world.commands = Commands(abort="1")
    assert world.settle() == ["Abort"]
    assert (world.status.phase, world.status.rejected_revisions[0].reason) == (Phase.INITIALIZING, "Aborted")


def test_the_deadline_does_not_run_at_the_gates() -> None:
    """A rollout that has waited for its gates for a day has its whole deadline before it."""
    world = gating(A)
    began = world.status.rollout.started_at if world.status.rollout else ""
    world.gate_says("a", None, message="")
    world.pass_time(minutes=14)
    world.gate_says("a", Result.PASSED)
    world.settle()
    assert world.status.rollout is not None
    assert (began, world.status.rollout.started_at) == ("2026-01-01T12:00:00Z", "2026-01-01T12:14:00Z")
    assert world.status.rollout.gating_since is None


def test_a_pass_that_was_kept_is_not_asked_for_again() -> None:
    """A revision that was tried before runs only what it has not passed, with the same configuration."""
    world = serving("m-1")
    world.spec, world.wanted = spec_of(**gated(A, B)), "m-2"
    first, second = world.observation().gates_in_force or ()
    world.gates = (
        GateObservation("m-2", "a", first.configuration, result=Result.PASSED, report="configmap/m"),
        GateObservation("m-2", "b", "another", result=Result.PASSED),
        GateObservation("m-1", "b", second.configuration, result=Result.PASSED),
        GateObservation("m-2", "b", second.configuration, result=Result.FAILED),
    )
    world.settle()
    world.let_pods_follow()
    world.settle()
    assert world.gate_results() == {"a": "Passed", "b": "Running"}
    assert world.status.gates[0].report == "configmap/m"
    assert jobs(world) == [("b", 0)]


COMPARING: dict[str, Any] = {
    "name": "a",
    "robustness": {"noise": [{"size": "0.1", "maxFlips": "5%", "maxFlipsAboveStable": "2%"}]},
}


@pytest.mark.parametrize(
    ("gate", "stable", "result"),
    [
        (COMPARING, "m-0", "Running"),
        (COMPARING, "", "Running"),
        (COMPARING, "m-1", "Passed"),
        (A, "m-0", "Passed"),
        (
            {"name": "a", "job": {"template": {"spec": {"containers": [{"name": "a", "image": "a"}]}}}},
            "m-0",
            "Running",
        ),
    ],
)
def test_a_pass_beside_another_stable_revision_is_kept_where_nothing_was_compared(
    gate: dict[str, Any], stable: str, result: str
) -> None:
    """Limits beside stable are those beside the revision that serves today; a team's own test may compare."""
    world = serving("m-1")
    world.spec, world.wanted = spec_of(**gated(gate)), "m-2"
    (each,) = world.observation().gates_in_force or ()
    world.gates = (GateObservation("m-2", "a", each.configuration, stable=stable, result=Result.PASSED),)
    world.settle()
    world.let_pods_follow()
    world.settle()
    assert world.gate_results() == {"a": result}


def test_a_job_beside_another_stable_revision_says_nothing() -> None:
    """Each is made for what serves then."""
    world = gating(COMPARING)
    assert [job.stable for job in targets(world.spec, world.status).gate_jobs] == ["m-1"]
    world.gate_says("a", Result.PASSED)
    world.gates = (replace(world.gates[0], stable="m-0"),)
    assert world.settle() == []


@pytest.mark.parametrize("pause", [timedelta(minutes=1), timedelta(milliseconds=200)])
def test_a_job_of_an_earlier_try_says_nothing(pause: timedelta) -> None:
    """A revision that is rejected and tried again, however soon, has its gates' own Jobs once more."""
    world = gating(A)
    world.gate_says("a", Result.FAILED)
    world.settle()
    world.now += pause
    world.commands = Commands(retry="m-2@1")
    assert world.settle() == ["Retry", "Begin", "BeginGates", "ReadGates"]
    assert world.gate_results() == {"a": "Running"}
    world.gate_says("a", Result.PASSED)
    assert world.settle() == ["ReadGates", "PassGates", "BeginSteps"]


def test_of_several_answers_the_gravest_counts() -> None:
    """In whatever order they come."""
    world = gating(A)
    world.gate_says("a", Result.PASSED)
    world.gates = (*world.gates, replace(world.gates[0], result=Result.FAILED))
    seen = world.observation()
    turned = replace(seen, gates=seen.gates[::-1])
    for each in (seen, turned):
        assert decide(world.spec, world.status, each, world.now).status.gates[0].result == "Failed"


def test_a_report_that_is_there_with_the_answer_is_told_with_it() -> None:
    """Also of a gate that was not passed, whose candidate is rejected at once."""
    world = gating(A)
    world.gate_says("a", Result.FAILED)
    world.gates = (replace(world.gates[0], report="configmap/m-gates-m-2"),)
    assert world.settle() == ["ReadGates", "RejectGated"]
    assert world.status.gates[0].report == "configmap/m-gates-m-2"


def test_a_report_that_is_kept_later_is_told() -> None:
    """Keeping it may take longer than the verdict; a message is never longer than status has room for."""
    world = gating(A, B)
    world.gate_says("a", Result.PASSED, message="m" * 2 * MOST_GATE_MESSAGE)
    world.settle()
    assert len(world.status.gates[0].message) == MOST_GATE_MESSAGE
    world.gates = (replace(world.gates[0], report="configmap/m-gates-m-2"),)
    assert world.settle() == []
    assert world.status.gates[0].report == "configmap/m-gates-m-2"
    world.gates = (replace(world.gates[0], report=""),)
    assert world.settle() == []
    assert world.status.gates[0].report == "configmap/m-gates-m-2"


def test_what_spec_adds_counts_and_what_it_changes_does_not() -> None:
    """A candidate passes the gates that were recorded when it was made, and those with new names."""
    world = gating(A)
    before = world.status.gates[0].configuration
    world.spec = spec_of(**gated({**A, "onFailure": "Warn", "timeout": "1s"}, B))
    world.settle()
    assert world.gate_results() == {"a": "Running", "b": "Running"}
    assert world.status.gates[0].configuration == before
    world.spec = spec_of()
    world.settle()
    assert world.gate_results() == {"a": "Running"}
    world.gate_says("a", Result.FAILED)
    assert world.settle() == ["ReadGates", "RejectGated"]


def test_an_edit_of_a_recorded_gate_is_told() -> None:
    """While it is measured, when it was not passed, and when it is tried again: no silence."""
    told = "measured as recorded for m-2; what spec says now is for the next revision"
    world = gating(A, B)
    world.step()
    assert told not in world.message("GatesPassed")
    world.spec = spec_of(**gated({**A, "onFailure": "Warn"}, B))
    world.step()
    assert world.message("GatesPassed") == f"a is {told}; a Running; b Running"
    world.spec = spec_of(**gated(A, B, validation={"uri": "s3://data/other.csv", "labels": "class"}))
    world.gate_says("a", Result.FAILED, message="flips 31%")
    world.gate_says("b", Result.PASSED)
    world.settle()
    assert world.message("GatesPassed") == f"a, b are {told}; a Failed: flips 31%"
    world.commands = Commands(retry="m-2@1")
    decision = world.step()
    assert [each.message for each in decision.announcements] == [f"m-2 may be tried again; a, b are {told}"]


def test_an_added_gate_that_changes_is_measured_anew() -> None:
    """Until it is recorded it is what spec says."""
    world = gating(A)
    world.spec = spec_of(**gated(A, B))
    world.settle()
    old = world.status.gates[1].configuration
    world.gate_says("b", Result.PASSED)
    world.settle()
    changed = {"name": "b", "robustness": {"noise": [{"size": "0.2", "maxFlips": "5%"}]}}
    world.spec = spec_of(**gated(A, changed))
    world.settle()
    assert world.status.gates[1].result == "Running"
    assert world.status.gates[1].configuration != old


def test_when_spec_drops_the_last_gate_that_it_added_the_candidate_goes_on() -> None:
    """Nothing is in force any more then."""
    world = gating(A)
    world.records["m-2"] = recorded(spec_of())
    world.spec = spec_of()
    assert world.settle() == ["ReadGates", "PassGates", "BeginSteps"]
    assert world.status.history[0].message == "no gate is in force any more"


def test_a_gate_added_while_the_candidate_has_traffic_is_for_the_next() -> None:
    """What has traffic has its gates behind it."""
    world = gating(A)
    world.gate_says("a", Result.PASSED)
    world.settle()
    world.spec = spec_of(**gated(A, B))
    world.pass_time(seconds=5)
    assert "ReadGates" not in world.settle()
    assert world.gate_results() == {"a": "Passed"}


def test_a_gate_added_before_the_traffic_brings_the_candidate_back() -> None:
    """Between its gates and its first step there may be time, for the metrics are away."""
    world = gating(A)
    world.metrics = world.metrics.UNAVAILABLE
    world.gate_says("a", Result.PASSED)
    assert world.settle() == ["ReadGates", "PassGates"]
    world.spec = spec_of(**gated(A, B))
    assert world.settle() == ["ReadGates", "BeginGates", "ReadGates"]
    assert world.gate_results() == {"a": "Passed", "b": "Running"}


def test_while_paused_nothing_new_begins() -> None:
    """A gate that runs ends; neither the next one nor the traffic begins."""
    world = gating(A, B, C)
    world.spec = world.spec.model_copy(update={"paused": True})
    world.gate_says("a", Result.PASSED)
    world.settle()
    assert world.gate_results() == {"a": "Passed", "b": "Running", "c": "Pending"}
    world.spec = world.spec.model_copy(update={"paused": False})
    world.settle()
    assert world.gate_results()["c"] == "Running"


def test_a_paused_deployment_begins_no_gates() -> None:
    """Its candidate waits with its pods ready."""
    world = serving("m-1")
    world.spec, world.wanted = spec_of(**gated(A)), "m-2"
    world.settle()
    world.let_pods_follow()
    world.spec = world.spec.model_copy(update={"paused": True})
    assert world.settle() == []
    assert world.status.phase is Phase.STARTING


def test_without_replicas_nothing_is_measured() -> None:
    """There is nothing to ask."""
    world = serving("m-1")
    world.spec, world.wanted = spec_of(**gated(A), replicas=0), "m-2"
    world.settle()
    world.let_pods_follow()
    assert world.settle() == []
    assert world.status.phase is Phase.STARTING


def test_a_candidate_that_loses_its_pods_at_the_gates_is_rejected() -> None:
    """After the time in which its pods may return."""
    world = gating(A)
    world.pods("m-2", ready=0)
    world.step()
    world.pass_time(minutes=10)
    assert world.settle() == ["RejectUnstartable"]
    assert jobs(world) == []


def test_a_candidate_is_replaced_at_its_gates() -> None:
    """Its gates are asked of the one that follows."""
    world = gating(A)
    world.wanted = "m-3"
    assert world.settle() == ["ReplaceBeforeTraffic", "Begin"]
    assert (world.status.candidate_revision, world.gate_results()) == ("m-3", {"a": "Pending"})


def test_the_serving_revision_is_rolled_back_while_a_candidate_is_at_its_gates() -> None:
    """Gates keep nothing from going back; what they had begun is said to be unfinished."""
    world = gating(A)
    world.see(breached("m-1"))
    world.pods("m-0", ready=2)
    history = world.status.history[0].model_copy(update={"revision": "m-0"})
    world.status = world.status.model_copy(update={"history": (*world.status.history, history)})
    assert world.step().rule == "Probe"
    assert world.conditions()["GatesPassed"] == ("False", "GatesUnfinished")
    assert jobs(world) == []


def test_a_standby_is_kept_while_gates_run() -> None:
    """It goes when its time is over, as it would without a candidate."""
    world = gating(A)
    standby = {"standby_revision": "m-0", "standby_until": "2026-01-01T12:05:00Z"}
    world.status = world.status.model_copy(update=standby)
    assert world.settle() == []
    world.pass_time(minutes=5)
    assert world.settle() == ["ExpireStandby"]


def test_each_end_of_a_gate_is_recorded() -> None:
    """With what it said; a gate that merely begins is no decision to keep."""
    world = gating(A)
    assert world.status.last_decision is not None
    assert world.status.last_decision.action == "Promoted"
    world.gate_says("a", Result.FAILED, message="flips 31%")
    world.step()
    record = world.status.last_decision
    assert (record.action, record.reason, record.revision) == ("GateEnded", "GateFailed", "m-2")
    assert record.message == "a Failed: flips 31%"


def test_of_several_gates_each_is_told_and_what_ended_is_recorded() -> None:
    """What merely begins then is no part of the record."""
    world = gating(A, B, C)
    begun = next(d for _, _, d in world.decisions if d.rule == "BeginGates")
    assert begun.announcements[0].message == "m-2: before any traffic it must pass: a, b, c"
    world.gate_says("a", Result.PASSED, message="calm")
    world.step()
    assert world.gate_results() == {"a": "Passed", "b": "Running", "c": "Running"}
    assert world.status.last_decision is not None
    assert world.status.last_decision.message == "a Passed: calm"
    world.gate_says("b", Result.PASSED, message="calm")
    world.gate_says("c", Result.PASSED, message="calm too")
    world.step()
    assert world.status.last_decision.message == "b Passed: calm; c Passed: calm too"
    assert world.step().rule == "PassGates"
    assert world.status.history[0].message == "a Passed: calm; b Passed: calm; c Passed: calm too"


def test_a_candidate_whose_record_cannot_be_read_gets_no_traffic() -> None:
    """Nobody knows what it must pass; what it has passed stays, and it goes on when it can be read again."""
    world = gating(A)
    world.gate_says("a", Result.PASSED)
    world.step()
    world.records_are_readable = False
    assert world.settle() == []
    assert (world.gate_results(), selected(world)) == ({"a": "Passed"}, ("m-1",))
    world.records_are_readable = True
    world.step()
    assert world.rules[-1] == "PassGates"
    world.records_are_readable = False
    assert world.settle() == []
    assert selected(world) == ("m-1",)


def test_what_a_failure_leads_to_waits_for_the_record() -> None:
    """Nobody knows whether it rejects or holds."""
    world = gating({**A, "onFailure": "Hold"})
    world.gate_says("a", Result.FAILED)
    world.step()
    world.records_are_readable = False
    assert world.settle() == []
    world.records_are_readable = True
    assert world.settle() == ["HoldGated"]


def test_nobodys_time_is_up_while_it_is_not_known_how_long_it_is() -> None:
    """Nor is a first revision served."""
    world = gating({"name": "people", "approval": {}, "timeout": "1m"})
    world.records_are_readable = False
    world.pass_time(hours=1)
    assert world.settle() == []


def test_a_candidate_is_not_begun_before_its_gates_are_known() -> None:
    """Nor does the Service select a first revision as if it had none, before or after it was begun."""
    world = World(spec=spec_of(**gated(A)), records_are_readable=False)
    assert world.settle() == []
    assert (targets(world.spec, world.status).placements, selected(world)) == ((), ())
    world.records_are_readable = True
    assert world.settle() == ["Begin"]
    world.records_are_readable = False
    world.let_pods_follow()
    world.settle()
    assert selected(world) == ()
    second = serving("m-1")
    second.wanted, second.records_are_readable = "m-2", False
    assert second.settle() == []
