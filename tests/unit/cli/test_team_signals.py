"""A team's detectors and alerts in a history: news where they change, and what is decided of it."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelward.api.status import Cause
from modelward.cli.policy import read_policy
from modelward.cli.replay import Replay
from modelward.cli.team_signals import TeamSignals
from modelward.decide.observation import FiringAlert
from modelward.evidence.counts import Count
from modelward.evidence.ledger import TimedBlocks
from modelward.render.queries import DriftQuery

START = 1_700_000_000
BEGAN = datetime.fromtimestamp(START, UTC)
PSI = DriftQuery("psi", "max(psi)", 0.2)
PAGE = FiringAlert("Page", "m-2", BEGAN)
POLICY = """\
objectives: [{name: availability, availability: {}, target: "99%"}]
rollout: {steps: [{weight: 50, duration: 1m, minRequests: 1}], standby: {retain: 1h}}
"""


def told(signals: TeamSignals) -> list[tuple[int, str, str]]:
    """Take in all news."""
    entries = []
    while signals.next_end < math.inf:
        entries += signals.take_in()
    return [(entry.time - START, entry.action, entry.message) for entry in entries]


def test_a_detector_is_news_where_it_crosses_its_threshold() -> None:
    """Not while it stays above or below."""
    signals = TeamSignals((PSI,))
    assert (signals.drift, signals.unknown) == ((), ("psi",))
    values = dict(zip(range(START, START + 25, 5), (0.1, 0.3, 0.4, 0.15, 0.1), strict=True))
    signals.add(values, {"psi": values}, {})
    assert told(signals) == [
        (5, "Drifted", "psi: 0.3, above 0.2"),
        (15, "DriftEnded", "psi: 0.15, at most 0.2"),
    ]
    assert [(signal.value, signal.drifted) for signal in signals.drift] == [(0.15, False)]


def test_a_detector_without_a_value_is_unknown() -> None:
    """That is told of neither as drift nor as its end; decisions see it."""
    signals = TeamSignals((PSI,))
    signals.add([START, START + 5, START + 10], {"psi": {START: 0.3, START + 10: 0.1}}, {})
    (drifted,) = signals.take_in()
    assert (drifted.action, signals.drift[0].since) == ("Drifted", BEGAN)
    assert signals.take_in() == []
    assert (signals.drift, signals.unknown) == ((), ("psi",))
    assert signals.take_in() == []
    assert (signals.drift[0].drifted, signals.unknown) == (False, ())


def test_an_alert_is_news_when_it_begins_and_when_it_ends() -> None:
    """Whichever revision it is of."""
    signals = TeamSignals()
    signals.add(range(START, START + 30, 5), {}, {START + 10: (PAGE,), START + 15: (PAGE,)})
    assert told(signals) == [
        (10, "Alerted", "Page of m-2, since 2023-11-14T22:13:20Z"),
        (20, "AlertEnded", "Page of m-2, since 2023-11-14T22:13:20Z"),
    ]
    assert signals.alerts == ()


def promoted(blocks: int, bad: int) -> list[TimedBlocks]:
    """Return a history in which m-2 follows m-1 and has so many bad events of 50 in its last blocks."""
    history: list[TimedBlocks] = []
    for i in range(blocks):
        revisions = ["m-1"] if i < 20 else ["m-1", "m-2"] if i < 60 else ["m-2"]
        count = Count(50 - bad, bad) if i >= blocks - 60 else Count(50, 0)
        history.append((START + 5 * i, {(revision, "availability"): count for revision in revisions}))
    return history


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """One objective, and a rollout of one short step."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_an_alert_of_the_past_rolls_back(policy: Path) -> None:
    """It is of the revision that serves, so the replay goes back as the operator would have."""
    signals, at = TeamSignals(), START + 5 * 300
    alert = FiringAlert("Page", None, BEGAN + timedelta(seconds=at - START))
    signals.add(range(START, at + 5, 5), {}, {at: (alert,)})
    replay = Replay(read_policy(policy), 5, signals=signals)
    replay.run(promoted(400, bad=0))
    (rejected,) = replay.status.rejected_revisions
    assert (rejected.revision, rejected.reason) == ("m-2", "AlertFiring")
    assert (at, "RolledBack") in [(entry.time, entry.action) for entry in replay.entries]


@pytest.mark.parametrize(("value", "cause"), [(0.5, Cause.DRIFT), (0.1, Cause.UNKNOWN)])
def test_a_detector_of_the_past_gives_the_cause(policy: Path, value: float, cause: Cause) -> None:
    """A breach with drifted inputs is of drift, as the operator would have found."""
    spec = read_policy(policy)
    alert_only = spec.rollback.model_copy(update={"on_unknown_cause": "Alert"})
    signals, times = TeamSignals((PSI,)), range(START, START + 5 * 400, 5)
    signals.add(times, {"psi": dict.fromkeys(times, value)}, {})
    replay = Replay(spec.model_copy(update={"rollback": alert_only}), 5, signals=signals)
    replay.run(promoted(400, bad=25))
    assert replay.status.cause is cause
