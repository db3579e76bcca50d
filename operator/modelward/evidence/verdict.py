"""What a test says."""

from enum import StrEnum


class Verdict(StrEnum):
    """The four answers of a test; no data is `UNKNOWN`, never `HEALTHY`."""

    HEALTHY = "Healthy"
    BREACHED = "Breached"
    INCONCLUSIVE = "Inconclusive"
    UNKNOWN = "Unknown"
