"""The operator's own metrics, in a registry of their own.

Counters are raised where things happen; what is known about each deployment is collected from a snapshot
at the moment of a scrape, so that nothing is left over of a deployment that is gone.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric

from modelward.api.status import ModelDeploymentStatus
from modelward.conventions import (
    METRIC_APPROVAL_AWAITED,
    METRIC_DRIFT,
    METRIC_EVIDENCE_STATE,
    METRIC_INCIDENT,
    METRIC_LABEL_UID,
)
from modelward.decide import awaited
from modelward.decide.observation import DriftSignal
from modelward.evidence.assessment import Assessment
from modelward.signals.key import Key

RECONCILE_BUCKETS_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
POLL_BUCKETS_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_OF_DEPLOYMENT: Final = ("namespace", "deployment")
_OF_OBJECTIVE: Final = (*_OF_DEPLOYMENT, "revision", "objective")


@dataclass(frozen=True, slots=True)
class DeploymentSnapshot:
    """What one deployment's metrics are made from."""

    key: Key
    uid: str
    """metadata.uid of the object whose evidence it is."""
    status: ModelDeploymentStatus
    assessments: Sequence[Assessment]
    evidence: Sequence[tuple[Mapping[str, str], float]]
    """`Ledger.to_samples()`: labels and value of each sample of detector state."""
    drift: Sequence[DriftSignal] = ()
    """The drift detectors that have a value."""


Snapshots = Callable[[], Iterable[DeploymentSnapshot]]
"""Every deployment this process decides about; none while it is not the leader or has not restored them."""


class Telemetry:
    """Counters to raise, and the text of a scrape."""

    def __init__(self) -> None:
        """With every counter at zero."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._reconciles = Counter(
            "modelward_reconciles", "Reconciles by result (ok, error).", ["result"], registry=self.registry
        )
        self._reconcile_seconds = Histogram(
            "modelward_reconcile_duration_seconds",
            "Time from a key's turn to its end.",
            buckets=RECONCILE_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._queue_depth = Gauge(
            "modelward_queue_depth", "Keys waiting for their turn.", registry=self.registry
        )
        self._leader = Gauge(
            "modelward_leader", "1 while this process holds the lease.", registry=self.registry
        )
        self._decisions = Counter(
            "modelward_decisions", "Decisions by the rule that fired.", ["rule"], registry=self.registry
        )
        self._poll_seconds = Histogram(
            "modelward_poll_duration_seconds",
            "Time to ask for the counts of one shard of deployments.",
            buckets=POLL_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._poll_errors = Counter(
            "modelward_poll_errors",
            "Shards without an answer, by kind of error.",
            ["kind"],
            registry=self.registry,
        )
        self._unknown = Counter(
            "modelward_blocks_unknown",
            "Blocks of an objective that could not be told although there was a series.",
            registry=self.registry,
        )
        self._nonsense = Counter(
            "modelward_nonsense_values", "Values no counter of ours can have.", registry=self.registry
        )
        self._webhook_requests = Counter(
            "modelward_webhook_requests",
            "Alertmanager's requests by status.",
            ["code"],
            registry=self.registry,
        )
        self._webhook_alerts = Counter(
            "modelward_webhook_alerts", "Alerts received by outcome.", ["outcome"], registry=self.registry
        )

    def reconciled(self, duration_seconds: float, result: str) -> None:
        """Count one reconcile; `result` is "ok" or "error"."""
        self._reconciles.labels(result).inc()
        self._reconcile_seconds.observe(duration_seconds)

    def watch_queue(self, depth: Callable[[], float]) -> None:
        """Read the queue's depth from here at each scrape."""
        self._queue_depth.set_function(depth)

    def leads(self) -> None:
        """This process holds the lease now."""
        self._leader.set(1)

    def stands_by(self) -> None:
        """This process does not hold the lease."""
        self._leader.set(0)

    def decided(self, rule: str) -> None:
        """Count one decision by its rule."""
        self._decisions.labels(rule).inc()

    def poll_done(self, duration_seconds: float, unknown: int, nonsense: int) -> None:
        """Count one answered shard, the blocks in it that are Unknown, and values that are nonsense."""
        self._poll_seconds.observe(duration_seconds)
        self._unknown.inc(unknown)
        self._nonsense.inc(nonsense)

    def poll_failed(self, kind: str) -> None:
        """Count one shard without an answer."""
        self._poll_errors.labels(kind).inc()

    def webhook_request(self, status: int) -> None:
        """Count one answer to Alertmanager."""
        self._webhook_requests.labels(str(status)).inc()

    def webhook_alert(self, outcome: str) -> None:
        """Count one alert."""
        self._webhook_alerts.labels(outcome).inc()

    async def exposition(self, snapshots: Iterable[DeploymentSnapshot]) -> bytes:
        """Write everything as text of format 0.0.4.

        The snapshot is taken at once, the text is written in a thread: thousands of deployments' take a
        noticeable part of a second, in which the event loop must go on.
        """
        return await asyncio.to_thread(generate_latest, _Joined(self.registry, tuple(snapshots)))


class _Joined(CollectorRegistry):
    """The counters and one snapshot, as one thing to collect."""

    def __init__(self, registry: CollectorRegistry, snapshots: Sequence[DeploymentSnapshot]) -> None:
        super().__init__(auto_describe=False)
        self._registry = registry
        self._snapshots = snapshots

    def collect(self) -> Iterator[Metric]:
        return chain(self._registry.collect(), deployment_metrics(self._snapshots))


def deployment_metrics(snapshots: Sequence[DeploymentSnapshot]) -> Iterator[Metric]:
    """What is known about each deployment, as metric families."""
    yield from _of_status(snapshots)
    yield from _of_objectives(snapshots)
    yield _drift(snapshots)
    yield _evidence_state(snapshots)


def _of_status(snapshots: Sequence[DeploymentSnapshot]) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "modelward_deployment_info", "1, with the revisions.", labels=[*_OF_DEPLOYMENT, "stable", "candidate"]
    )
    phase = GaugeMetricFamily(
        "modelward_deployment_phase", "1, with the current phase.", labels=[*_OF_DEPLOYMENT, "phase"]
    )
    traffic = GaugeMetricFamily(
        "modelward_traffic_ratio",
        "Share of traffic by revision, 0 to 1.",
        labels=[*_OF_DEPLOYMENT, "revision"],
    )
    incident = GaugeMetricFamily(
        METRIC_INCIDENT,
        "1 while a breach is not answered by a rollback, with its cause and why.",
        labels=[*_OF_DEPLOYMENT, "cause", "reason"],
    )
    approval = GaugeMetricFamily(
        METRIC_APPROVAL_AWAITED,
        "Unix time since when a person's word on a revision is awaited; absent while none is.",
        labels=[*_OF_DEPLOYMENT, "revision", "reason"],
    )
    for snapshot in snapshots:
        key, status = snapshot.key, snapshot.status
        if (waits := awaited(status)) and waits.since:
            since = datetime.fromisoformat(waits.since).timestamp()
            approval.add_metric([*key, waits.revision, waits.reason], since)
        info.add_metric([*key, status.stable_revision, status.candidate_revision], 1)
        phase.add_metric([*key, status.phase], 1)
        for share in status.traffic:
            traffic.add_metric([*key, share.revision], share.weight / 100)
        if borne := _borne(status):
            incident.add_metric([*key, *borne], 1)
    yield from (info, phase, traffic, incident, approval)


def _borne(status: ModelDeploymentStatus) -> tuple[str, str] | None:
    """Return cause and reason of a breach that is borne: by the serving revision, or by a held rollout."""
    if status.incident:
        return status.incident.cause, status.incident.reason
    if status.rollout and status.rollout.held and status.cause:
        return status.cause, status.rollout.held
    return None


def _of_objectives(snapshots: Sequence[DeploymentSnapshot]) -> Iterator[Metric]:
    events = GaugeMetricFamily(
        "modelward_objective_events",
        "Events counted since the current watch of a revision began, by result.",
        labels=[*_OF_OBJECTIVE, "result"],
    )
    evidence = GaugeMetricFamily(
        "modelward_objective_evidence",
        "Log of the evidence against the target over the log at which it counts: 1 is a breach.",
        labels=_OF_OBJECTIVE,
    )
    verdict = GaugeMetricFamily(
        "modelward_objective_verdict",
        "1, with the verdict against the target.",
        labels=[*_OF_OBJECTIVE, "verdict"],
    )
    for snapshot in snapshots:
        for found in snapshot.assessments:
            labels = [*snapshot.key, found.revision, found.objective]
            events.add_metric([*labels, "good"], found.good)
            events.add_metric([*labels, "bad"], found.total - found.good)
            evidence.add_metric(labels, max(0.0, found.target_log_evidence / found.target_log_threshold))
            verdict.add_metric([*labels, found.target], 1)
    yield from (events, evidence, verdict)


def _drift(snapshots: Sequence[DeploymentSnapshot]) -> Metric:
    family = GaugeMetricFamily(
        METRIC_DRIFT, "A drift detector's value.", labels=[*_OF_DEPLOYMENT, "detector"]
    )
    for snapshot in snapshots:
        for signal in snapshot.drift:
            family.add_metric([*snapshot.key, signal.name], signal.value)
    return family


def _evidence_state(snapshots: Sequence[DeploymentSnapshot]) -> Metric:
    family = Metric(METRIC_EVIDENCE_STATE, "Detector state, read back at a restart.", "gauge")
    for snapshot in snapshots:
        identity = {**dict(zip(_OF_DEPLOYMENT, snapshot.key, strict=True)), METRIC_LABEL_UID: snapshot.uid}
        for labels, value in snapshot.evidence:
            family.add_sample(METRIC_EVIDENCE_STATE, {**labels, **identity}, value)
    return family
