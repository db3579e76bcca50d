"""The traffic mode in force: of those in the file and sent to the admin port, the latest generation.

The operator sends a change to the admin port, where it holds at once, and writes the same into the
mounted file, which arrives up to a minute later and outlives the process.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from modelward.api.monitorconfig import TrafficConfig, TrafficMode


class Applied(StrEnum):
    """What became of a traffic object."""

    CHANGED = "changed"
    SAME = "same"
    OLDER = "older"
    """Its generation is lower than the one in force."""
    CONFLICT = "conflict"
    """Its generation is in force with another content."""


class Target(NamedTuple):
    """An address that requests are sent to."""

    host: str
    port: int


@dataclass(slots=True)
class TrafficState:
    """The traffic object in force."""

    current: TrafficConfig = field(default_factory=TrafficConfig)
    applied_any: bool = False

    def apply(self, offered: TrafficConfig) -> Applied:
        """Put `offered` in force if it is newer."""
        if self.applied_any:
            if offered.generation < self.current.generation:
                return Applied.OLDER
            if offered.generation == self.current.generation:
                return Applied.SAME if offered == self.current else Applied.CONFLICT
        self.current = offered
        self.applied_any = True
        return Applied.CHANGED

    def forward_target(self) -> Target | None:
        """Where requests go instead of the pod's own server; None when they stay."""
        current = self.current
        if current.mode is not TrafficMode.WITHDRAW or current.forward_to is None:
            return None
        url = urlsplit(current.forward_to)
        return Target(url.hostname or "", url.port or 80)
