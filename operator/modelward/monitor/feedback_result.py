"""What becomes of a label that comes back."""

from enum import StrEnum


class Result(StrEnum):
    """What became of one item."""

    ACCEPTED = "accepted"
    MALFORMED = "malformed"
    FORGED = "forged"
    """Not signed by this deployment's keys, or no receipt at all."""
    FOREIGN = "foreign"
    """Signed, but for another deployment or namespace."""
    STALE = "stale"
    REPEATED = "repeated"
    NO_OBJECTIVE = "no_objective"
    """The deployment has no accuracy objective that a label could count for."""
    FULL = "full"
