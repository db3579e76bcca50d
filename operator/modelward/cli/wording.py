"""How times, shares and objectives are written for people, alike in `status` and `explain`."""

from datetime import datetime, timedelta
from typing import Final

from modelward.api.objectives import Latency, Objective, error_clip
from modelward.api.quantities import format_decimal, format_duration, format_percentage
from modelward.api.status import ObjectiveStatus
from modelward.cli.resource import read_time

_UNITS_SECONDS: Final = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
_UNITS_SHOWN: Final = 2


def span(length: timedelta) -> str:
    """Write a length of time in its two largest units, such as `3h12m`."""
    rest = max(0, round(length.total_seconds()))
    parts: list[str] = []
    for unit, seconds in _UNITS_SECONDS:
        count, rest = divmod(rest, seconds)
        if count or parts:
            parts.append(f"{count}{unit}" if count else "")
    return "".join(parts[:_UNITS_SHOWN]) or "0s"


def ago(time: str, now: datetime) -> str:
    """Write how long before `now` an RFC 3339 time was."""
    return f"{span(now - read_time(time))} ago"


def good_share(status: ObjectiveStatus) -> str:
    """Write the share of good events, or a dash without any."""
    return f"{status.good / status.total:.2%}" if status.total else "-"


def counted(status: ObjectiveStatus) -> str:
    """Write what was counted, such as `990 of 1,000 good (99.00%)`."""
    if status.mean_absolute_error is not None:
        return f"mean absolute error {status.mean_absolute_error} over {status.total:,} labels"
    return f"{status.good:,} of {status.total:,} good ({good_share(status)})"


def criterion(objective: Objective) -> str:
    """Write what makes an event good and how many must be, such as `99% within 200ms`."""
    share = format_percentage(objective.target)
    if objective.latency is not None:
        return f"{share} {_latency(objective.latency)}"
    if objective.availability is not None:
        return f"{share} without server error"
    if (clip := error_clip(objective)) is not None:
        allowed = format_decimal((1 - objective.target) * clip)
        return f"mean absolute error at most {allowed}, each clipped at {format_decimal(clip)}"
    if objective.accuracy is not None and objective.accuracy.tolerance:
        return f"{share} right within {objective.accuracy.tolerance:f}"
    if objective.query is not None:
        return f"{share} good by its query"
    return f"{share} right"


def evidence_share(status: ObjectiveStatus) -> float:
    """Return the evidence against a revision as a share, 0 to 1, of what a breach takes."""
    return min(1.0, max(0.0, float(status.evidence)))


def plural(count: int, noun: str) -> str:
    """Write a count with its noun, such as `1 step` or `2 steps`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _latency(latency: Latency) -> str:
    if latency.first_token_within is not None:
        return f"begun within {format_duration(latency.first_token_within)}"
    if latency.time_per_output_token_within is not None:
        return f"{format_duration(latency.time_per_output_token_within)} per token"
    return f"within {format_duration(latency.within or timedelta(0))}"
