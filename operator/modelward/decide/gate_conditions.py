"""The conditions GatesPassed and Approved: how the candidate's gates stand, and whose word is awaited.

They stay after a promotion or rejection, and are gone with the next candidate that has no gates.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

from modelward.api.reasons import ConditionType, Reason
from modelward.api.status import GateResultName, GateStatus, ModelDeploymentStatus
from modelward.decide import gates
from modelward.decide.approvals import how_to_approve
from modelward.decide.situation import Situation

_TRUE, _FALSE = "True", "False"
_Said: TypeAlias = tuple[str, Reason, str]
"""status, reason, message"""
_HELD: Final = {each.value: each for each in (Reason.APPROVAL_TIMEOUT, Reason.APPROVAL_REVOKED)}


def gate_conditions(situation: Situation, status: ModelDeploymentStatus) -> dict[ConditionType, _Said]:
    """Return what there is to say of gates and of people; nothing where neither is asked."""
    measured = [gate for gate in status.gates if not gates.is_approval(gate)]
    said = {
        ConditionType.GATES_PASSED: _with_edits(situation, _passed(status, measured)) if measured else None,
        ConditionType.APPROVED: _approved(situation, status),
    }
    return {name: value for name, value in said.items() if value is not None}


def _passed(status: ModelDeploymentStatus, measured: list[GateStatus]) -> _Said:
    bad = gates.bad(status)
    if bad:
        failed = any(gate.result is GateResultName.FAILED for gate in bad)
        return _FALSE, Reason.GATE_FAILED if failed else Reason.GATE_ERROR, _list(bad)
    if gates.are_measured(status):
        return _TRUE, Reason.GATES_PASSED, _list(measured)
    if not status.candidate_revision:
        return _FALSE, Reason.GATES_UNFINISHED, _list(measured)
    return _FALSE, Reason.GATES_RUNNING, _list(measured)


def _with_edits(situation: Situation, said: _Said) -> _Said:
    """Put what spec's edits do not change first, for a condition's message is cut at its end."""
    status, reason, message = said
    return status, reason, "; ".join(filter(None, (gates.edits(situation), message)))


def _list(listed: Iterable[GateStatus]) -> str:
    return "; ".join(
        f"{gate.name} {gate.result}" + (f": {gate.message}" if gate.message else "") for gate in listed
    )


def _approved(situation: Situation, status: ModelDeploymentStatus) -> _Said | None:
    incident = status.incident
    if status.vetoed_revision and status.vetoed_revision == status.stable_revision:
        message = f"{status.stable_revision} is vetoed, and no other revision is known to be good"
        return _FALSE, Reason.VETOED, message
    if incident and incident.reason == Reason.AWAITING_ROLLBACK_APPROVAL:
        return _FALSE, Reason.AWAITING_ROLLBACK_APPROVAL, incident.message
    for rejected in status.rejected_revisions:
        is_wanted = rejected.revision == situation.observation.wanted_revision
        if is_wanted and rejected.reason == Reason.VETOED:
            return _FALSE, Reason.VETOED, f"{rejected.revision} was {rejected.message}"
    return _of_the_candidate(status)


def _of_the_candidate(status: ModelDeploymentStatus) -> _Said | None:
    asked = [gate for gate in status.gates if gates.is_approval(gate)]
    if not asked:
        return None
    awaited = gates.awaiting(status)
    if not awaited:
        return _TRUE, Reason.APPROVED, _list(asked)
    if not status.candidate_revision:
        return _FALSE, Reason.GATES_UNFINISHED, _list(awaited)
    held = _HELD.get(status.rollout.held if status.rollout else "", Reason.AWAITING_APPROVAL)
    return _FALSE, held, f"{_list(awaited)}; {how_to_approve(status.candidate_revision)}"
