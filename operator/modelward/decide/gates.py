"""How each gate of the candidate stands: what was asked for, what came back, and what no answer means.

A gate's result is what its Job or a person has said, and nothing else: a Job that has said nothing is
waited for, and at last an Error. Approvals are counted anew each time until the revision is promoted, so
that a yes that is taken back counts no more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from modelward.api.gates import GateKind, OnFailure
from modelward.api.gateverdict import ErrorReason, Result
from modelward.api.reasons import Reason
from modelward.api.recordedgates import GateInForce
from modelward.api.status import (
    MOST_GATE_MESSAGE,
    GateResultName,
    GateStatus,
    ModelDeploymentStatus,
    Phase,
)
from modelward.decide.approvals import approvals_of, said_by
from modelward.decide.clock import elapsed, stamp
from modelward.decide.observation import GateObservation
from modelward.decide.situation import Situation

AT_ONCE: Final = 2
"""Jobs of one candidate's gates that run at the same time."""
ATTEMPTS: Final = 2
"""Jobs of a gate whose first was ended by something that may not come again."""
ANSWER_WAIT: Final = timedelta(minutes=5)
"""How long after its time limit a gate's Job is waited for; the Job itself has the limit as a deadline."""
_MAY_NOT_COME_AGAIN: Final = frozenset({ErrorReason.CRASHED, ErrorReason.EVICTED})
_SETTLED: Final = frozenset({GateResultName.PASSED, GateResultName.WARNED})
_BAD: Final = frozenset({GateResultName.FAILED, GateResultName.ERROR})
_GRAVEST_FIRST: Final = (Result.ERROR, Result.NOT_RUN, Result.FAILED, None, Result.PASSED)


def is_approval(gate: GateStatus) -> bool:
    """Return whether a person answers, and no program."""
    return gate.kind == GateKind.APPROVAL


def is_settled(gate: GateStatus) -> bool:
    """Return whether a gate keeps the candidate from traffic no more."""
    return gate.result in _SETTLED


def are_passed(status: ModelDeploymentStatus) -> bool:
    """Return whether no gate keeps the candidate from traffic."""
    return all(map(is_settled, status.gates))


def let_through(situation: Situation) -> bool:
    """Return whether it is known what the candidate must pass, and all of that lets it through."""
    return situation.observation.gates_in_force is not None and are_passed(situation.status)


def are_measured(status: ModelDeploymentStatus) -> bool:
    """Return whether every gate that a program answers has an answer."""
    going = {GateResultName.PENDING, GateResultName.RUNNING}
    return not any(gate.result in going for gate in status.gates if not is_approval(gate))


def bad(status: ModelDeploymentStatus) -> tuple[GateStatus, ...]:
    """Return the gates that failed or gave no answer."""
    return tuple(gate for gate in status.gates if gate.result in _BAD)


def awaiting(status: ModelDeploymentStatus) -> tuple[GateStatus, ...]:
    """Return the gates that wait for a person."""
    return tuple(gate for gate in status.gates if gate.result is GateResultName.AWAITING)


@dataclass(frozen=True, slots=True)
class Awaited:
    """A person's word that is awaited now."""

    reason: Reason
    revision: str
    """The revision to approve."""
    since: str


def awaited(status: ModelDeploymentStatus) -> Awaited | None:
    """Return whose approval is awaited, and since when: a candidate's, or that of going back."""
    waiting = awaiting(status) if status.candidate_revision else ()
    if waiting:
        since = min(gate.started_at or "" for gate in waiting)
        return Awaited(Reason.AWAITING_APPROVAL, status.candidate_revision, since)
    incident = status.incident
    if incident and incident.reason == Reason.AWAITING_ROLLBACK_APPROVAL:
        return Awaited(Reason.AWAITING_ROLLBACK_APPROVAL, incident.go_back_to, incident.since)
    return None


def asked(situation: Situation) -> tuple[GateStatus, ...]:
    """Return the gates in force for a candidate that begins, none of which has said anything."""
    return tuple(_new(each) for each in situation.observation.gates_in_force or ())


def anew(situation: Situation) -> tuple[GateStatus, ...]:
    """Return the gates of a candidate that is tried again: what passed stays, all else is asked once more.

    Attempts count anew, so that its Jobs need a run of their own: status.rollout.gatesRun is to be cleared.
    """
    return tuple(
        gate.model_copy(update={"started_at": stamp(situation.now)})
        if gate.result is GateResultName.AWAITING
        else _asked_again(gate, attempt=0)
        if gate.result in _BAD
        else gate
        for gate in situation.status.gates
    )


def advanced(situation: Situation) -> tuple[GateStatus, ...]:
    """Return the candidate's gates with what is known now, and with those that may run now asked for.

    Once it has traffic only approvals are looked at: gates that spec adds then are for the next candidate.
    """
    status, all_in_force = situation.status, situation.observation.gates_in_force
    if not status.candidate_revision or status.rollout is None or all_in_force is None:
        return status.gates
    before = {gate.name: gate for gate in status.gates}
    if status.rollout.step >= 0:
        in_force = {each.gate.name: each for each in all_in_force}
        return tuple(
            _counted(situation, in_force[gate.name], gate)
            if is_approval(gate) and gate.name in in_force
            else gate
            for gate in status.gates
        )
    now = []
    for each in all_in_force:
        gate = before.get(each.gate.name)
        if gate is None or gate.configuration != each.configuration:
            gate = _new(each)
        look = _measured if each.gate.is_measured else _counted
        now.append(look(situation, each, gate))
    return _started(situation, now)


def edits(situation: Situation) -> str:
    """Say which gates spec says otherwise of than what is in force; empty if none."""
    edited = [each.gate.name for each in situation.observation.gates_in_force or () if each.is_edited]
    if not edited:
        return ""
    revision = situation.status.candidate_revision or situation.observation.wanted_revision
    verb = "is" if len(edited) == 1 else "are"
    return (
        f"{', '.join(edited)} {verb} measured as recorded for {revision}; "
        "what spec says now is for the next revision"
    )


def without_words(gates: Sequence[GateStatus]) -> tuple[GateStatus, ...]:
    """Return gates without what is only told of them: it may be cut where a status has no room."""
    return tuple(gate.model_copy(update={"message": "", "report": ""}) for gate in gates)


def with_words(situation: Situation) -> ModelDeploymentStatus:
    """Return the status with what is told of its gates now, where nothing else of them is news."""
    now, status = advanced(situation), situation.status
    if now == status.gates or without_words(now) != without_words(status.gates):
        return status
    return status.model_copy(update={"gates": now})


def _new(each: GateInForce) -> GateStatus:
    return GateStatus(
        name=each.gate.name,
        kind=each.gate.kind.value,
        configuration=each.configuration,
        result=GateResultName.PENDING,
    )


def _asked_again(gate: GateStatus, attempt: int) -> GateStatus:
    return GateStatus(
        name=gate.name,
        kind=gate.kind,
        configuration=gate.configuration,
        result=GateResultName.PENDING,
        attempt=attempt,
    )


def _started(situation: Situation, gates: Sequence[GateStatus]) -> tuple[GateStatus, ...]:
    """Ask for Jobs of gates that wait, in order, as long as fewer than `AT_ONCE` run."""
    room = AT_ONCE - sum(gate.result is GateResultName.RUNNING for gate in gates)
    may_start = situation.status.phase is Phase.GATING and can_be_measured(situation)
    result = []
    for gate in gates:
        if may_start and room > 0 and gate.result is GateResultName.PENDING:
            room -= 1
            running = {"result": GateResultName.RUNNING, "started_at": stamp(situation.now)}
            result.append(gate.model_copy(update=running))
        else:
            result.append(gate)
    return tuple(result)


def can_be_measured(situation: Situation) -> bool:
    """Return whether the candidate answers, and something new may be begun."""
    status = situation.status
    is_up = situation.candidate_is_up and situation.pods(status.candidate_revision).ready > 0
    return is_up and not (situation.spec.paused and status.stable_revision)


def _measured(situation: Situation, each: GateInForce, gate: GateStatus) -> GateStatus:
    """Return a gate that a program answers with what its Job, or a pass that was kept, says."""
    seen = _seen(situation, each, gate)
    if gate.result not in {GateResultName.PENDING, GateResultName.RUNNING}:
        is_kept_late = seen is not None and not gate.report
        return gate.model_copy(update={"report": seen.report}) if seen and is_kept_late else gate
    if seen is None or seen.result is None:
        message = seen.message[:MOST_GATE_MESSAGE] if seen else gate.message
        limit = each.gate.time_limit + ANSWER_WAIT
        if gate.result is GateResultName.RUNNING and elapsed(gate.started_at, situation.now) > limit:
            told = message if seen else "nothing is seen of its Job"
            why = f"no answer {limit} after it was asked for" + (f": {told}" if told else "")
            return _ended(
                situation,
                each,
                gate,
                GateObservation(
                    situation.status.candidate_revision,
                    gate.name,
                    gate.configuration,
                    result=Result.ERROR,
                    # A Job has its own deadline; one of which nothing is seen was taken away.
                    reason=ErrorReason.TIMEOUT if seen else ErrorReason.EVICTED,
                    message=why,
                ),
            )
        return gate.model_copy(update={"message": message})
    return _ended(situation, each, gate, seen)


def _seen(situation: Situation, each: GateInForce, gate: GateStatus) -> GateObservation | None:
    """Return what speaks for a gate: its own Job, or a pass that was kept; the gravest of several.

    A pass beside another stable revision than today's says nothing of limits that compare with stable.
    """
    status = situation.status
    run = status.rollout.gates_run if status.rollout else None

    def speaks(seen: GateObservation) -> bool:
        is_beside_stable = seen.stable == status.stable_revision
        if not seen.run:
            return seen.result is Result.PASSED and (is_beside_stable or not each.gate.compares_with_stable)
        is_its_own = is_beside_stable and (seen.run, seen.attempt) == (run, gate.attempt)
        return gate.result is not GateResultName.PENDING and is_its_own

    return min(
        (
            seen
            for seen in situation.observation.gates
            if (seen.revision, seen.name, seen.configuration)
            == (status.candidate_revision, gate.name, gate.configuration)
            and speaks(seen)
        ),
        key=lambda seen: (_GRAVEST_FIRST.index(seen.result), seen.run, seen.message, seen.report),
        default=None,
    )


def _ended(situation: Situation, each: GateInForce, gate: GateStatus, seen: GateObservation) -> GateStatus:
    """Return a gate with its answer; one that something ended that may not come again is asked once more."""
    if seen.reason in _MAY_NOT_COME_AGAIN and seen.result is Result.ERROR and gate.attempt + 1 < ATTEMPTS:
        again = _asked_again(gate, gate.attempt + 1)
        return again.model_copy(update={"message": _cut(f"{seen.reason}: {seen.message}")})
    if seen.result is Result.PASSED:
        result, reason = GateResultName.PASSED, ""
    elif seen.result is Result.FAILED:
        result, reason = GateResultName.FAILED, ""
    else:
        result, reason = GateResultName.ERROR, (seen.reason or ErrorReason.NONSENSE).value
    if result in _BAD and each.gate.failure_policy is OnFailure.WARN:
        result, reason = GateResultName.WARNED, reason or GateResultName.FAILED.value
    return gate.model_copy(
        update={
            "result": result,
            "reason": reason,
            "message": _cut(seen.message),
            "finished_at": stamp(seen.finished_at or situation.now),
            "report": seen.report,
        }
    )


def _counted(situation: Situation, each: GateInForce, gate: GateStatus) -> GateStatus:
    """Return an approval with those who have approved now."""
    approval = each.gate.approval
    assert approval is not None  # noqa: S101 - the gate is of this kind
    given = approvals_of(situation.observation, situation.status.candidate_revision)
    is_passed, was_passed = len(given) >= approval.required, gate.result is GateResultName.PASSED
    said = said_by(given) if is_passed else f"{len(given)} of {approval.required} have approved"
    update: dict[str, Any] = {"message": _cut(said), "approvals": len(given)}
    if is_passed and not was_passed:
        update |= {"result": GateResultName.PASSED, "finished_at": stamp(situation.now)}
    if not is_passed and gate.result is not GateResultName.AWAITING:
        update |= {
            "result": GateResultName.AWAITING,
            "started_at": stamp(situation.now),
            "finished_at": None,
        }
    return gate.model_copy(update=update)


def _cut(message: str) -> str:
    return message[:MOST_GATE_MESSAGE]


def times_out_in(situation: Situation) -> Iterator[timedelta]:
    """Yield the time until each gate that runs, or waits for a person, has taken too long."""
    in_force = situation.observation.gates_in_force or ()
    limits = {each.gate.name: each.gate.time_limit for each in in_force}
    for gate in situation.status.gates if situation.status.phase is Phase.GATING else ():
        limit = limits.get(gate.name, timedelta(0))
        if gate.result is GateResultName.RUNNING:
            yield limit + ANSWER_WAIT - elapsed(gate.started_at, situation.now)
        if gate.result is GateResultName.AWAITING:
            yield limit - elapsed(gate.started_at, situation.now)
