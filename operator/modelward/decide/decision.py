"""A decision as a value: the new status, what to announce, when to look again, and the rule that fired."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from modelward.api.status import ModelDeploymentStatus


@dataclass(frozen=True, slots=True)
class Announcement:
    """An events.k8s.io/v1 Event to emit once the status is written."""

    type: Literal["Normal", "Warning"]
    reason: str
    action: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from one observation."""

    status: ModelDeploymentStatus
    rule: str
    """Name of the row of the transition table that fired, or "Stay"."""
    announcements: tuple[Announcement, ...] = ()
    look_again_after: timedelta | None = None
    """When a time-out or a deadline will matter; None: when something changes or the next poll."""
