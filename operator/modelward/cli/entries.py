"""What would have happened over a history."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that would have happened.

    Args:
        time: end of the block or window, unix seconds.
        action: Promoted, RolledBack, Rejected, Held, ... of a decision; Breached, Recovered of an objective;
            Drifted, DriftEnded of a feature.
        reason: why, in one word.
        message: the same with its numbers.
    """

    time: int
    action: str
    reason: str
    message: str
