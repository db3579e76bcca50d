"""Timestamps as status carries them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from modelward.decide.clock import elapsed, read, stamp

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine be set to another time than UTC."""
    monkeypatch.setenv("TZ", "XXX-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_from_greenwich")
def test_a_timestamp_is_in_utc_wherever_it_is_made() -> None:
    """Whatever zone a moment or the machine has: RFC 3339 with a Z, and read again the same moment."""
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-5)))
    assert stamp(NOON) == stamp(elsewhere) == "2026-01-31T12:00:00Z"
    assert read(stamp(elsewhere)) == NOON


def test_a_clock_that_went_back_has_seen_no_time_pass() -> None:
    """Nor has one that never started."""
    assert elapsed(stamp(NOON), NOON + timedelta(seconds=7)) == timedelta(seconds=7)
    assert elapsed(stamp(NOON), NOON - timedelta(seconds=7)) == timedelta(0)
    assert elapsed(None, NOON) == timedelta(0)
