"""Drift detectors and the team's alerts in a history: what they say, and when that is news."""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from modelward.cli.entries import Entry
from modelward.decide.observation import DriftSignal, FiringAlert
from modelward.render.queries import DriftQuery


@dataclass(frozen=True, slots=True)
class Said:
    """What was said at the end of one block."""

    time: int
    values: Mapping[str, float]
    """By detector; one without a value is missing."""
    alerts: tuple[FiringAlert, ...]

    def states(self, detectors: Iterable[DriftQuery]) -> tuple[object, ...]:
        """Return what decisions depend on: alerts, and whether each detector is above; None: Unknown."""
        above = (
            self.values[each.name] > each.threshold if each.name in self.values else None
            for each in detectors
        )
        return (self.alerts, *above)


@dataclass(slots=True)
class TeamSignals:
    """What detectors and the team's alerts say, where it changes.

    Args:
        detectors: the profile's own, if there is one, and the team's, in the order of spec.
        drift: what those say now that have a value.
        unknown: names of the others.
        alerts: the alerts that fire now.
        next_end: end of the next block with news, unix seconds; infinite while none is known.
    """

    detectors: Sequence[DriftQuery] = ()
    drift: tuple[DriftSignal, ...] = field(init=False, default=())
    unknown: tuple[str, ...] = field(init=False)
    alerts: tuple[FiringAlert, ...] = field(init=False, default=())
    next_end: float = field(init=False, default=math.inf)
    _news: deque[Said] = field(init=False, default_factory=deque)
    _last: tuple[object, ...] = field(init=False)
    """States of the last block that was added."""

    def __post_init__(self) -> None:
        """Stand before the first block: nothing is known."""
        self.unknown = tuple(detector.name for detector in self.detectors)
        self._last = ((), *(None for _ in self.detectors))

    def add(
        self,
        times: Iterable[int],
        values: Mapping[str, Mapping[int, float]],
        alerts: Mapping[int, tuple[FiringAlert, ...]],
    ) -> None:
        """Add blocks that end at these times, ascending and later than all before."""
        for at in times:
            now = {name: by_time[at] for name, by_time in values.items() if at in by_time}
            said = Said(at, now, alerts.get(at, ()))
            if (states := said.states(self.detectors)) != self._last:
                self._last = states
                self._news.append(said)
        self.next_end = self._end()

    def take_in(self) -> list[Entry]:
        """Take in the next news, and return what began and what ended."""
        said = self._news.popleft()
        self.next_end = self._end()
        began = [alert for alert in said.alerts if alert not in self.alerts]
        ended = [alert for alert in self.alerts if alert not in said.alerts]
        entries = [Entry(said.time, "Alerted", "AlertFiring", _named(alert)) for alert in began]
        entries += [Entry(said.time, "AlertEnded", "AlertResolved", _named(alert)) for alert in ended]
        since = {signal.name: signal.since for signal in self.drift if signal.since}
        drift = []
        for detector in self.detectors:
            if (value := said.values.get(detector.name)) is None:
                continue
            signal = _signal(detector, value, since.get(detector.name), said.time)
            drift.append(signal)
            entries += _told(signal, said.time, was_drifted=detector.name in since)
        self.drift, self.alerts = tuple(drift), said.alerts
        self.unknown = tuple(each.name for each in self.detectors if each.name not in said.values)
        return entries

    def _end(self) -> float:
        return self._news[0].time if self._news else math.inf


def _signal(detector: DriftQuery, value: float, since: datetime | None, time: int) -> DriftSignal:
    began = (since or datetime.fromtimestamp(time, UTC)) if value > detector.threshold else None
    return DriftSignal(detector.name, value, detector.threshold, began)


def _told(signal: DriftSignal, time: int, *, was_drifted: bool) -> list[Entry]:
    numbers = f"{signal.name}: {signal.value:.4g}"
    if signal.drifted and not was_drifted:
        return [Entry(time, "Drifted", "InputsDrifted", f"{numbers}, above {signal.threshold:g}")]
    if was_drifted and not signal.drifted:
        return [Entry(time, "DriftEnded", "InputsAsBefore", f"{numbers}, at most {signal.threshold:g}")]
    return []


def _named(alert: FiringAlert) -> str:
    whose = f" of {alert.revision}" if alert.revision else ""
    return f"{alert.name}{whose}, since {alert.started_at:%Y-%m-%dT%H:%M:%SZ}"
