"""Statuses that the story waits for, and how one is put in words."""

from collections.abc import Callable
from typing import TypeAlias

from modelward.api.status import Cause, ModelDeploymentStatus, Phase

Condition: TypeAlias = Callable[[ModelDeploymentStatus], bool]


def is_stepping(candidate: str) -> Condition:
    """Return the condition that a candidate has its share of the traffic."""
    return lambda status: status.phase is Phase.STEPPING and status.candidate_revision == candidate


def is_held_for_infrastructure(status: ModelDeploymentStatus) -> bool:
    """Return whether a rollout waits since infrastructure is suspected, and both revisions keep traffic."""
    is_held = status.phase is Phase.HELD and status.cause is Cause.INFRASTRUCTURE
    return is_held and len(status.traffic) > 1


def all_breached(objective: str, *revisions: str) -> Condition:
    """Return the condition that each of these revisions misses an objective."""
    return lambda status: (
        {*revisions}
        <= {
            each.revision
            for each in status.objectives
            if each.name == objective and each.verdict == "Breached"
        }
    )


def serves_alone(revision: str, *rejected: str) -> Condition:
    """Return the condition that a revision has all traffic, and just these were rejected."""
    return lambda status: (
        status.phase is Phase.SERVING
        and status.stable_revision == revision
        and status.withdrawal is None
        and {share.revision for share in status.traffic} == {revision}
        and {each.revision for each in status.rejected_revisions} == {*rejected}
    )


def bears_infrastructure(revision: str) -> Condition:
    """Return the condition that infrastructure is found to be at fault, and a revision serves on."""
    return lambda status: (
        status.incident is not None
        and status.incident.cause is Cause.INFRASTRUCTURE
        and serves_alone(revision)(status)
    )


def has_traffic(revision: str) -> Condition:
    """Return the condition that a revision has a share of the traffic."""
    return lambda status: any(share.revision == revision and share.weight for share in status.traffic)


def is_rejected_for_availability(revision: str) -> Condition:
    """Return the condition that a revision was rejected for its own errors."""
    return lambda status: any(
        each.revision == revision and each.cause == Cause.MODEL and each.reason.startswith("Availability")
        for each in status.rejected_revisions
    )


def is_over(revision: str) -> Condition:
    """Return the condition that there is no incident any more, and a revision serves."""
    return lambda status: status.incident is None and status.stable_revision == revision


def in_words(status: ModelDeploymentStatus) -> str:
    """Write phase, shares of the traffic, cause, and what was decided last."""
    shares = ", ".join(f"{each.revision} {each.weight}%" for each in status.traffic)
    cause = f", cause {status.cause}" if status.cause else ""
    last = f"; {status.history[0].reason}: {status.history[0].message}" if status.history else ""
    return f"{status.phase}, {shares or 'no traffic'}{cause}{last}"
