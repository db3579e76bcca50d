"""Events: what they say, and that one occasion has one name."""

from datetime import UTC, datetime
from typing import Any

from modelward.api.status import ModelDeploymentStatus, Phase
from modelward.control import events
from modelward.decide.decision import Announcement

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DEPLOYMENT: dict[str, Any] = {"metadata": {"name": "electricity", "namespace": "ns", "uid": "u-1"}}


def named(announcement: Announcement, status: ModelDeploymentStatus) -> str:
    """Return the name of an Event."""
    made = events.event(DEPLOYMENT, announcement, events.origin(status), NOW)
    name: str = made["metadata"]["name"]
    return name


def test_event_says_what_was_decided_about_whom() -> None:
    """The Event regards the ModelDeployment and carries reason, action and message."""
    said = Announcement("Warning", "AccuracyBreached", "RolledBack", "x" * 2000)
    made = events.event(DEPLOYMENT, said, "origin", NOW)
    assert made["regarding"]["uid"] == "u-1"
    assert (made["type"], made["reason"], made["action"]) == ("Warning", "AccuracyBreached", "RolledBack")
    assert made["eventTime"] == "2026-01-02T03:04:05.000000Z"
    assert len(made["note"]) == 1024


def test_same_decision_from_the_same_status_has_one_name() -> None:
    """Made again after a crash, with newer numbers in its message, it is the same Event."""
    status = ModelDeploymentStatus()
    first = named(Announcement("Normal", "R", "A", "100 requests"), status)
    assert first == named(Announcement("Normal", "R", "A", "105 requests"), status)


def test_another_occasion_has_another_name() -> None:
    """The same words from another status, or other words from the same one, are another Event."""
    status = ModelDeploymentStatus()
    first = named(Announcement("Normal", "R", "A", ""), status)
    later = status.model_copy(update={"phase": Phase.SERVING, "traffic_generation": 4})
    assert first != named(Announcement("Normal", "R", "A", ""), later)
    assert first != named(Announcement("Normal", "Other", "A", ""), status)
