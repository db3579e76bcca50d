"""Statuses that the story waits for, and how one is put in words."""

from collections.abc import Callable
from typing import TypeAlias

from modelward.api.status import GateResultName, ModelDeploymentStatus, Phase

Condition: TypeAlias = Callable[[ModelDeploymentStatus], bool]


def serves_alone(revision: str) -> Condition:
    """Return the condition that a revision has all traffic and nothing else goes on."""
    return lambda status: (
        status.phase is Phase.SERVING
        and status.stable_revision == revision
        and not status.candidate_revision
        and status.withdrawal is None
        and {share.revision for share in status.traffic} == {revision}
    )


def is_rejected(revision: str, reason: str) -> Condition:
    """Return the condition that a revision was rejected for this."""
    return lambda status: any(
        each.revision == revision and each.reason == reason for each in status.rejected_revisions
    )


def awaits(revision: str, gate: str, approvals: int) -> Condition:
    """Return the condition that all else is passed, and a gate has so many people's word and needs more."""
    return lambda status: (
        status.candidate_revision == revision
        and all(
            (each.result is GateResultName.AWAITING and each.message.startswith(f"{approvals} of "))
            if each.name == gate
            else each.result is GateResultName.PASSED
            for each in status.gates
        )
        and not any(share.revision == revision for share in status.traffic)
    )


def has_traffic(revision: str) -> Condition:
    """Return the condition that a revision has a share of the traffic."""
    return lambda status: any(share.revision == revision and share.weight for share in status.traffic)


def failed_gates(status: ModelDeploymentStatus) -> set[str]:
    """Return the gates that the last candidate did not pass."""
    return {each.name for each in status.gates if each.result is GateResultName.FAILED}


def in_words(status: ModelDeploymentStatus) -> str:
    """Write phase, shares of the traffic, the gates, and what was decided last."""
    shares = ", ".join(f"{each.revision} {each.weight}%" for each in status.traffic)
    gates = ", ".join(f"{each.name} {each.result}" for each in status.gates)
    last = f"; {status.history[0].reason}: {status.history[0].message}" if status.history else ""
    return f"{status.phase}, {shares or 'no traffic'}{f'; gates: {gates}' if gates else ''}{last}"
