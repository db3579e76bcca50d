"""What people have said of a revision: who approved it, who vetoed it, and how to say it.

An Approve counts as long as its object is there, once for each person. A Veto counts at once; status
remembers it as a rejection, so that nothing is revoked by deleting it.
"""

from collections.abc import Collection
from datetime import datetime

from modelward.api.approval import ApprovalDecision
from modelward.decide.observation import ApprovalObservation, Observation


def veto_of(observation: Observation, revision: str) -> ApprovalObservation | None:
    """Return the first Veto of a revision."""
    vetoes = (
        each
        for each in observation.approvals
        if each.revision == revision and each.decision is ApprovalDecision.VETO
    )
    return min(vetoes, key=_in_time, default=None)


def approvals_of(
    observation: Observation, revision: str, since: datetime | None = None
) -> tuple[ApprovalObservation, ...]:
    """Return the first Approve of each person, in order of time.

    Args:
        observation: what was seen.
        revision: the one that they name.
        since: an Approve made before that does not count.
    """
    first: dict[str, ApprovalObservation] = {}
    for each in sorted(observation.approvals, key=_in_time):
        is_in_time = since is None or each.created_at >= since
        if each.revision == revision and each.decision is ApprovalDecision.APPROVE and is_in_time:
            first.setdefault(each.approver, each)
    return tuple(first.values())


def said_by(approvals: Collection[ApprovalObservation]) -> str:
    """Write who approved, and why."""
    return "; ".join(f"approved by {each.approver}: {each.reason}" for each in approvals)


def vetoed_by(veto: ApprovalObservation) -> str:
    """Write who vetoed, and why."""
    return f"vetoed by {veto.approver}: {veto.reason}"


def how_to_approve(revision: str) -> str:
    """Write what to do to approve a revision."""
    return f"apply a ModelApproval with revision: {revision} and decision: Approve"


def _in_time(approval: ApprovalObservation) -> tuple[datetime, str]:
    return approval.created_at, approval.uid
