"""The evidence of every deployment: its ledger, what Prometheus last said, and how often it is asked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from modelward.decide.observation import (
    DriftSignal,
    FiringAlert,
    MetricsState,
    PodPressure,
    QueryProblem,
)
from modelward.evidence.assessment import Assessment
from modelward.evidence.ledger import Ledger
from modelward.evidence.plan import Plan
from modelward.render.queries import NO_QUERIES, TeamQueries
from modelward.signals.alerts import MatchLabels
from modelward.signals.blocks import Subject, TimedBlock
from modelward.signals.counts import Polled
from modelward.signals.key import Key

SUSPICION: Final = 0.1
"""Share of the evidence for a breach from which a settled deployment is asked for at every block."""


class Pace(Enum):
    """How often a deployment is asked for."""

    EVERY_BLOCK = "every block"
    """Something is going on; every block also wakes its reconcile."""
    CLOSE = "close"
    """Promoted lately: asked for at every block; a reconcile is woken by a change of verdict."""
    SETTLED = "settled"
    """Every 30 s; a reconcile is woken by a change of verdict."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What is to be known about one deployment from now on."""

    plan: Plan
    pace: Pace
    selectors: tuple[MatchLabels, ...] = ()
    """rollback.alerts[].matchLabels."""
    queries: TeamQueries = NO_QUERIES


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known about one deployment."""

    uid: str
    """metadata.uid: a deployment that was deleted and made again begins without evidence."""
    plan: Plan
    pace: Pace
    selectors: tuple[MatchLabels, ...] = ()
    queries: TeamQueries = NO_QUERIES
    ledger: Ledger | None = None
    """None until Prometheus has said what was exported before a restart: nothing may begin anew over that."""
    assessments: tuple[Assessment, ...] = ()
    metrics: MetricsState = MetricsState.UNAVAILABLE
    message: str = "Prometheus has not been asked yet"
    alerts: tuple[FiringAlert, ...] = ()
    drift: tuple[DriftSignal, ...] = ()
    pressures: tuple[PodPressure, ...] = ()
    problems: tuple[QueryProblem, ...] = ()

    @property
    def drift_unknown(self) -> tuple[str, ...]:
        """Return the detectors that have no value."""
        known = {signal.name for signal in self.drift}
        return tuple(detector.name for detector in self.queries.drift if detector.name not in known)

    @property
    def verdicts(self) -> tuple[object, ...]:
        """Return what a decision can turn on, apart from numbers that change with every block."""
        lines = tuple(
            (a.objective, a.revision, a.target, a.versus, a.not_worse, a.storage_explains)
            for a in self.assessments
        )
        drift = tuple((signal.name, signal.drifted) for signal in self.drift)
        pressures = frozenset((each.revision, each.kind) for each in self.pressures)
        return (lines, self.metrics, self.message, self.alerts, drift, pressures, self.problems)

    @property
    def is_suspicious(self) -> bool:
        """Whether evidence against a target is building up."""
        return any(a.target_log_evidence > SUSPICION * a.target_log_threshold for a in self.assessments)


class EvidenceBook:
    """The entries of all deployments that this process decides about."""

    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}

    def __contains__(self, key: Key) -> bool:
        """Return whether a deployment is followed."""
        return key in self._entries

    def __getitem__(self, key: Key) -> Entry:
        """Return what is known about a deployment that is followed."""
        return self._entries[key]

    def items(self) -> Iterator[tuple[Key, Entry]]:
        """Yield every deployment's entry."""
        yield from self._entries.items()

    def follow(self, key: Key, uid: str, wanted: Followed) -> None:
        """Keep evidence for a plan from now on; what is known stays as far as the plan still asks for it.

        Nothing stays of another object that had the same name before.
        """
        before = self._entries.get(key)
        if before is None or before.uid != uid:
            before = Entry(uid, wanted.plan, wanted.pace, assessments=Ledger().assess(wanted.plan))
        assessments = before.assessments
        if before.plan != wanted.plan:
            assessments = (before.ledger or Ledger()).assess(wanted.plan)
        detectors = {(detector.name, detector.threshold) for detector in wanted.queries.drift}
        self._entries[key] = replace(
            before,
            plan=wanted.plan,
            pace=wanted.pace,
            selectors=wanted.selectors,
            queries=wanted.queries,
            assessments=assessments,
            alerts=before.alerts if before.selectors == wanted.selectors else (),
            drift=tuple(each for each in before.drift if (each.name, each.threshold) in detectors),
            problems=before.problems if wanted.queries else (),
        )

    def forget(self, key: Key) -> None:
        """Forget a deployment that is gone."""
        self._entries.pop(key, None)

    def uids(self, keys: Iterable[Key]) -> dict[Key, str]:
        """Return the uids of those deployments that are followed."""
        return {key: self._entries[key].uid for key in keys if key in self._entries}

    def unrestored(self) -> dict[Key, str]:
        """Return the deployments whose earlier evidence is not known yet, with their uids."""
        return {key: entry.uid for key, entry in self._entries.items() if entry.ledger is None}

    def restore(self, ledgers: Mapping[Key, Ledger]) -> None:
        """Take over ledgers as they were before a restart."""
        for key, ledger in ledgers.items():
            entry = self._entries.get(key)
            if entry is not None and entry.ledger is None:
                self._entries[key] = replace(entry, ledger=ledger, assessments=ledger.assess(entry.plan))

    def not_restored(self, keys: Iterable[Key]) -> set[Key]:
        """Note that Prometheus could not say what was exported earlier; return for whom that is news."""
        news = set()
        for key in keys:
            entry = self._entries.get(key)
            if entry is not None and entry.ledger is None:
                message = "Prometheus cannot be asked; the operator's log says why"
                if entry.message != message:
                    news.add(key)
                self._entries[key] = replace(entry, message=message)
        return news

    def everyone(self) -> list[Subject]:
        """Return every deployment as a poll asks for it."""
        return [subject for key in self._entries if (subject := self.subject(key))]

    def attended(self) -> list[Subject]:
        """Return those that are asked for at every block."""
        entries = self._entries.items()
        keys = [key for key, entry in entries if entry.pace is not Pace.SETTLED or entry.is_suspicious]
        return [subject for key in keys if (subject := self.subject(key))]

    def subject(self, key: Key) -> Subject | None:
        """Return one deployment as a poll asks for it; None before its earlier evidence is known."""
        entry = self._entries.get(key)
        if entry is None or entry.ledger is None:
            return None
        return Subject(key, _configs(entry.plan), entry.ledger.time, entry.queries)

    def take(self, results: Mapping[Key, Polled]) -> set[Key]:
        """Take in what a poll brought; return the deployments whose reconcile it should wake."""
        woken = set()
        for key, polled in results.items():
            before = self._entries.get(key)
            if before is None or before.ledger is None:
                continue
            ledger = before.ledger.advance(before.plan, _still_meant(before.plan, polled))
            after = replace(
                before,
                ledger=ledger,
                assessments=ledger.assess(before.plan),
                metrics=polled.metrics,
                message=polled.message,
                drift=_drift(before, polled),
                pressures=polled.pressures,
                problems=_of_the_team(before.queries, polled.problems),
            )
            self._entries[key] = after
            if after.pace is Pace.EVERY_BLOCK or after.verdicts != before.verdicts:
                woken.add(key)
        return woken

    def take_alerts(self, firing: Mapping[Key, Sequence[FiringAlert]]) -> set[Key]:
        """Take in which alerts fire; return the deployments for which that is news."""
        news = set()
        for key, alerts in firing.items():
            before = self._entries.get(key)
            if before is not None and before.alerts != tuple(alerts):
                self._entries[key] = replace(before, alerts=tuple(alerts))
                news.add(key)
        return news


def _configs(plan: Plan) -> dict[str, str]:
    return {objective.name: objective.config for objective in plan.objectives}


def _drift(before: Entry, polled: Polled) -> tuple[DriftSignal, ...]:
    """Return what the detectors say that have a value; one that stays drifted keeps its beginning."""
    earlier = {signal.name: signal.since for signal in before.drift}
    signals = []
    for detector in before.queries.drift:
        if detector.name in polled.drift and polled.blocks:
            value, since = polled.drift[detector.name], None
            if value > detector.threshold:
                at = datetime.fromtimestamp(polled.blocks[-1][0], UTC)
                since = earlier.get(detector.name) or at
            signals.append(DriftSignal(detector.name, value, detector.threshold, since))
    return tuple(signals)


def _of_the_team(queries: TeamQueries, problems: Mapping[str, str]) -> tuple[QueryProblem, ...]:
    """Return what is wrong with a team's queries; those of monitors' counts are ours, and begin without."""
    ours = {f"detector {detector.name}" for detector in queries.drift if detector.asks_of_monitors}
    return tuple(QueryProblem(*each) for each in sorted(problems.items()) if each[0] not in ours)


def _still_meant(plan: Plan, polled: Polled) -> tuple[TimedBlock, ...]:
    """Leave out counts of an event definition that was changed while they were asked for."""
    same = {name for name, config in _configs(plan).items() if polled.configs.get(name) == config}
    return tuple(
        (time, {pair: count for pair, count in block.items() if pair[1] in same})
        for time, block in polled.blocks
    )
