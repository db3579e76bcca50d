"""How the candidate's gates stand together: which are in force, which may run now, what is awaited.

What one of them has answered is in gate_answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from modelward.api.gates import GateKind
from modelward.api.reasons import Reason
from modelward.api.status import GateResultName, GateStatus, ModelDeploymentStatus, Phase
from modelward.decide.clock import elapsed, stamp
from modelward.decide.gate_answers import ANSWER_WAIT, BAD, asked_again, counted, measured, new
from modelward.decide.situation import Situation

AT_ONCE: Final = 2
"""Jobs of one candidate's gates that run at the same time."""
_SETTLED: Final = frozenset({GateResultName.PASSED, GateResultName.WARNED})


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
    return tuple(gate for gate in status.gates if gate.result in BAD)


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
    return tuple(new(each) for each in situation.observation.gates_in_force or ())


def anew(situation: Situation) -> tuple[GateStatus, ...]:
    """Return the gates of a candidate that is tried again: what passed stays, all else is asked once more.

    Attempts count anew, so that its Jobs need a run of their own: status.rollout.gatesRun is to be cleared.
    """
    return tuple(
        gate.model_copy(update={"started_at": stamp(situation.now)})
        if gate.result is GateResultName.AWAITING
        else asked_again(gate, attempt=0)
        if gate.result in BAD
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
            counted(situation, in_force[gate.name], gate)
            if is_approval(gate) and gate.name in in_force
            else gate
            for gate in status.gates
        )
    now = []
    for each in all_in_force:
        gate = before.get(each.gate.name)
        if gate is None or gate.configuration != each.configuration:
            gate = new(each)
        look = measured if each.gate.is_measured else counted
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
