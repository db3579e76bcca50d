"""A candidate at its gates: begun when its pods are ready, and over before it gets any traffic.

The questions and changes of the transition table's rows about gates and approvals. What each gate says is
taken in by `read_gates` alone; every other row goes by what status says of them.
"""

from collections.abc import Iterator
from typing import Literal

from modelward.api.gates import OnFailure
from modelward.api.reasons import Reason
from modelward.api.status import Cause, GateResultName, GateStatus, Phase
from modelward.decide import gates
from modelward.decide.approvals import approvals_of, how_to_approve, said_by
from modelward.decide.change import Change, changed, entry_of, recorded
from modelward.decide.clock import elapsed, exact_stamp, stamp
from modelward.decide.decision import Announcement
from modelward.decide.findings import Finding
from modelward.decide.situation import Situation
from modelward.decide.steps import without_gating_time

_ENDED = frozenset(
    {GateResultName.PASSED, GateResultName.FAILED, GateResultName.ERROR, GateResultName.WARNED}
)


def gates_have_news(situation: Situation) -> Finding | None:
    """Is there news of the candidate's gates or of who has approved, or may another gate run?"""
    now = gates.advanced(situation)
    if gates.without_words(now) == gates.without_words(situation.status.gates):
        return None
    changes = list(_changes(situation.status.gates, now))
    weighty = _weighty(changes)
    reason = _reason(*weighty[0]) if weighty else "GatesRead"
    message = "; ".join(_news(situation, *each) for each in weighty or changes if each[0] != each[1])
    return Finding(reason, message, situation.status.candidate_revision)


def read_gates(situation: Situation, finding: Finding) -> Change:
    """Take in what gates and people say, and ask for the Jobs of gates that may run."""
    now = gates.advanced(situation)
    changes = list(_changes(situation.status.gates, now))
    return Change(
        changed(situation.status, gates=now),
        tuple(_announcements(situation, changes)),
        entry_of(situation, "GateEnded", finding) if _weighty(changes) else None,
    )


def _weighty(changes: list[tuple[GateStatus, GateStatus]]) -> list[tuple[GateStatus, GateStatus]]:
    """Return the gates that have ended now, and approvals given or taken back: what is recorded."""
    return [
        (before, each)
        for before, each in changes
        if _approved_since(before, each) or (before.result is not each.result and each.result in _ENDED)
    ]


def _reason(before: GateStatus, gate: GateStatus) -> str:
    if since := _approved_since(before, gate):
        return "Approved" if since > 0 else "ApprovalRevoked"
    return _told(gate)[1]


def _news(situation: Situation, before: GateStatus, gate: GateStatus) -> str:
    """Say how a gate stands; of one that waits for people, what those said who have approved since."""
    if (since := _approved_since(before, gate)) <= 0:
        return _said(gate)
    given = approvals_of(situation.observation, situation.status.candidate_revision)
    return f"{gate.name} {gate.result}: {said_by(given[-since:])}"


def _approved_since(before: GateStatus, gate: GateStatus) -> int:
    """Return how many more people have approved; below 0 where some took it back."""
    return (gate.approvals or 0) - (before.approvals or 0)


def _changes(
    before: tuple[GateStatus, ...], now: tuple[GateStatus, ...]
) -> Iterator[tuple[GateStatus, GateStatus]]:
    """Yield each gate as it was and as it is; one that is new was as it is but for its result."""
    known = {gate.name: gate for gate in before}
    for gate in now:
        update = {"result": GateResultName.PENDING, "message": "", "attempt": 0, "approvals": None}
        asked = gate.model_copy(update=update)
        yield known.get(gate.name, asked), gate


def _said(gate: GateStatus) -> str:
    why = f": {gate.message}" if gate.message else ""
    return f"{gate.name} {gate.result}" + (f" ({gate.reason})" if gate.reason else "") + why


def _told(gate: GateStatus) -> tuple[Literal["Normal", "Warning"], str]:
    """Return type and reason of the Event that tells a gate's result."""
    match gate.result:
        case GateResultName.PASSED if gates.is_approval(gate):
            return "Normal", "Approved"
        case GateResultName.FAILED | GateResultName.ERROR | GateResultName.WARNED:
            return "Warning", f"Gate{gate.result.capitalize()}"
        case GateResultName.AWAITING:
            return "Normal", "ApprovalAwaited"
        case _:
            return "Normal", f"Gate{gate.result}"


def _announcements(
    situation: Situation, changes: list[tuple[GateStatus, GateStatus]]
) -> Iterator[Announcement]:
    candidate = situation.status.candidate_revision
    for before, gate in changes:
        if gate.attempt > before.attempt:
            yield Announcement("Warning", "GateRetried", "Gating", f"{candidate}: {_said(gate)}")
        elif before.result is not gate.result:
            kind, reason = _told(gate)
            how = f"; {how_to_approve(candidate)}" if gate.result is GateResultName.AWAITING else ""
            yield Announcement(kind, reason, "Gating", f"{candidate}: {_said(gate)}{how}")


def gates_can_begin(situation: Situation) -> Finding | None:
    """Are the candidate's pods ready, and gates in force for it that it has not passed?"""
    status = situation.status
    if not status.candidate_revision or gates.are_passed(status) or not gates.can_be_measured(situation):
        return None
    names = ", ".join(gate.name for gate in status.gates if gate.result not in _ENDED)
    return Finding("GatesBegun", f"before any traffic it must pass: {names}", status.candidate_revision)


def begin_gates(situation: Situation, finding: Finding) -> Change:
    """Have the candidate pass its gates; the deadline does not run meanwhile."""
    rollout = situation.status.rollout
    assert rollout is not None  # noqa: S101 - a candidate has a rollout
    status = changed(
        situation.status,
        phase=Phase.GATING,
        rollout=rollout.model_copy(
            update={
                "gating_since": stamp(situation.now),
                "gates_run": rollout.gates_run or exact_stamp(situation.now),
            }
        ),
    )
    told = Announcement("Normal", finding.reason, "Gating", f"{finding.revision}: {finding.message}")
    return Change(status, (told,))


def gates_are_passed(situation: Situation) -> Finding | None:
    """Has the candidate passed every gate, or been warned of it, and has everyone approved who must?"""
    status = situation.status
    if not gates.let_through(situation):
        return None
    message = "; ".join(map(_said, status.gates)) or "no gate is in force any more"
    return Finding("GatesPassed", message, status.candidate_revision)


def pass_gates(situation: Situation, finding: Finding) -> Change:
    """Let the candidate go on to its traffic; the deadline is put off by the time that its gates took."""
    status, rollout = situation.status, situation.status.rollout
    assert rollout is not None  # noqa: S101 - a candidate has a rollout
    phase = Phase.STARTING if status.stable_revision else Phase.INITIALIZING
    passed = changed(status, phase=phase, rollout=without_gating_time(rollout, situation.now))
    return recorded(situation, passed, "GatesPassed", finding)


def gates_reject(situation: Situation) -> Finding | None:
    """Has every measured gate an answer, and one a bad one for which the candidate is to be rejected?"""
    return _failure(situation, OnFailure.REJECT)


def gates_hold(situation: Situation) -> Finding | None:
    """Has every measured gate an answer, and one a bad one for which a person is to decide?"""
    return _failure(situation, OnFailure.HOLD)


def _failure(situation: Situation, policy: OnFailure) -> Finding | None:
    """Return what the gates that were not passed say, if one of them has this policy."""
    status, bad = situation.status, gates.bad(situation.status)
    in_force = situation.observation.gates_in_force or ()
    policies = {each.gate.name: each.gate.failure_policy for each in in_force}
    asks = any(policies.get(gate.name) is policy for gate in bad)
    if not asks or not gates.are_measured(status):
        return None
    failed = [gate for gate in bad if gate.result is GateResultName.FAILED]
    reason, cause = (Reason.GATE_FAILED, Cause.MODEL) if failed else (Reason.GATE_ERROR, Cause.UNKNOWN)
    return Finding(reason.value, "; ".join(map(_said, bad)), status.candidate_revision, cause)


# People


def approval_is_late(situation: Situation) -> Finding | None:
    """Has a person been awaited for as long as is allowed, with nothing else left to wait for?"""
    status = situation.status
    if not gates.are_measured(status):
        return None
    in_force = situation.observation.gates_in_force or ()
    limits = {each.gate.name: each.gate.time_limit for each in in_force}
    for gate in gates.awaiting(status):
        limit = limits.get(gate.name)
        if limit is not None and elapsed(gate.started_at, situation.now) >= limit:
            message = f"{gate.name}: {gate.message} in {limit}; {how_to_approve(status.candidate_revision)}"
            return Finding(Reason.APPROVAL_TIMEOUT.value, message, status.candidate_revision)
    return None


def approval_is_revoked(situation: Situation) -> Finding | None:
    """Has a person taken back an approval that the candidate's traffic needs?"""
    status = situation.status
    revoked = gates.awaiting(status)
    if not revoked:
        return None
    message = f"{'; '.join(map(_said, revoked))}; {how_to_approve(status.candidate_revision)}"
    return Finding(Reason.APPROVAL_REVOKED.value, message, status.candidate_revision)


def approval_came(situation: Situation) -> Finding | None:
    """Has everyone approved whose approval the rollout is held for?"""
    status = situation.status
    held = status.rollout.held if status.rollout else ""
    waits = held in {Reason.APPROVAL_TIMEOUT.value, Reason.APPROVAL_REVOKED.value}
    if not waits or gates.awaiting(status):
        return None
    given = [gate for gate in status.gates if gates.is_approval(gate)]
    return Finding("Approved", "; ".join(map(_said, given)), status.candidate_revision)
