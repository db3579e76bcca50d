"""What should run and where traffic goes, as a function of spec and status alone.

Every reconcile derives the children from here, so that a crash between the status write and the
writes of the children loses nothing: the next reconcile renders the same.
"""

from dataclasses import dataclass
from enum import StrEnum


class MonitorMode(StrEnum):
    """How a monitor treats its clients' connections."""

    SERVE = "Serve"
    REBALANCE = "Rebalance"
    """During a split: old connections are closed after an answer, so that they are spread again."""
    WITHDRAW = "Withdraw"
    """Requests are sent on to another revision and connections closed after the answer."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One revision's workload."""

    revision: str
    replicas: int
    mode: MonitorMode = MonitorMode.SERVE
    forward_to: str | None = None
    """Revision to which a withdrawn one sends its requests."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The workloads of a deployment and the revisions that its Service selects."""

    placements: tuple[Placement, ...]
    selected: tuple[str, ...]
    """One revision: the Service selects it. Two: it selects the deployment. None: nothing serves yet."""
    generation: int
    """status.trafficGeneration; monitors obey the highest they have seen."""
