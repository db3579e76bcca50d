"""Timestamps as status carries them: RFC 3339, UTC. The time itself is always an argument."""

from datetime import UTC, datetime, timedelta


def stamp(moment: datetime) -> str:
    """Write a moment as `2026-01-31T12:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def exact_stamp(moment: datetime) -> str:
    """Write a moment as `2026-01-31T12:00:00.000000Z`: one that is to differ from others of its second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read(text: str) -> datetime:
    """Read a timestamp; raises ValueError if it is not RFC 3339."""
    return datetime.fromisoformat(text)


def elapsed(since: str | None, now: datetime) -> timedelta:
    """Return the time since a timestamp: zero if there is none or it lies ahead (a clock went back)."""
    return max(now - read(since), timedelta(0)) if since else timedelta(0)
