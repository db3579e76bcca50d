"""What is remembered of alerts, and which alerts a selector means."""

from datetime import UTC, datetime, timedelta

from modelward.signals.alerts import matches
from modelward.signals.notification import Alert
from modelward.signals.webhook import REMEMBERED_ALERTS, Repeats

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def alert(fingerprint: str, began: datetime = BEGAN) -> Alert:
    """A firing alert."""
    return Alert(status="firing", labels={}, startsAt=began, fingerprint=fingerprint)


def test_memory_of_alerts_is_bounded() -> None:
    """A flood of different alerts forgets the oldest instead of growing."""
    repeats = Repeats(lambda: 0.0)
    for number in range(REMEMBERED_ALERTS + 10):
        assert not repeats.repeated(alert(str(number)))

    assert len(repeats) == REMEMBERED_ALERTS
    assert repeats.repeated(alert(str(REMEMBERED_ALERTS)))
    assert not repeats.repeated(alert("0"))


def test_alert_that_began_anew_is_another() -> None:
    """The same labels firing a second time wake again at once."""
    repeats = Repeats(lambda: 0.0)

    assert not repeats.repeated(alert("f"))
    assert not repeats.repeated(alert("f", BEGAN + timedelta(minutes=1)))
    assert repeats.repeated(alert("f"))


def test_selector_means_every_label_it_names() -> None:
    """An alert matches if it has all labels of one selector; no selector matches nothing."""
    labels = {"severity": "page", "model": "m"}

    assert matches(labels, [{"severity": "page"}])
    assert matches(labels, [{"team": "x"}, {"severity": "page", "model": "m"}])
    assert not matches(labels, [{"severity": "page", "team": "x"}])
    assert not matches(labels, [])
