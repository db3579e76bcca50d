"""The operator's own port: health, readiness, metrics."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from modelward.api.status import (
    Cause,
    GateResultName,
    GateStatus,
    IncidentStatus,
    ModelDeploymentStatus,
    Phase,
    RolloutStatus,
    TrafficShare,
)
from modelward.conventions import METRIC_APPROVAL_AWAITED
from modelward.decide.observation import DriftSignal
from modelward.evidence.counts import Count
from modelward.evidence.ledger import Ledger
from modelward.evidence.plan import ObjectivePlan, Plan
from modelward.signals.key import Key
from modelward.signals.server import Readiness, Server
from modelward.signals.telemetry import DeploymentSnapshot, Telemetry

PLAN = Plan(5, (ObjectivePlan("latency", "c1", 0.01, None, None),), ("web-1",), None, 1.0, 0.01)


@dataclass(slots=True)
class Running:
    """A server and what it reports from."""

    readiness: Readiness = field(default_factory=lambda: Readiness(caches_synced=True, leader=False))
    snapshots: list[DeploymentSnapshot] = field(default_factory=list)
    telemetry: Telemetry = field(default_factory=Telemetry)
    server: Server = field(init=False)

    def __post_init__(self) -> None:
        """Put the server together."""
        self.server = Server(
            self.telemetry, lambda: self.snapshots, lambda: self.readiness, None, "127.0.0.1", 0, 0
        )

    async def get(self, path: str) -> tuple[int, str, str]:
        """Status, content type and text of an answer."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.server.http_port}{path}") as response,
        ):
            return response.status, response.headers["Content-Type"], await response.text()

    async def metric(self, name: str, **labels: str) -> list[float]:
        """Values of the scraped samples that have these labels."""
        _, _, text = await self.get("/metrics")
        return [
            sample.value
            for sample in samples(text)
            if sample.name == name and labels.items() <= sample.labels.items()
        ]


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a scrape."""

    name: str
    labels: dict[str, str]
    value: float


def samples(text: str) -> Iterable[Sample]:
    """Parse a scrape."""
    for family in text_string_to_metric_families(text):
        for found in family.samples:
            yield Sample(found.name, found.labels, found.value)


@pytest_asyncio.fixture
async def running() -> AsyncIterator[Running]:
    """Run the server on a free port."""
    running = Running()
    await running.server.start()
    yield running
    await running.server.close()


async def test_alive(running: Running) -> None:
    """An event loop that runs answers."""
    assert (await running.get("/healthz"))[0] == 200


async def test_standby_is_ready_and_says_that_it_does_not_lead(running: Running) -> None:
    """Readiness asks for the caches; leadership is told."""
    assert await running.get("/readyz") == (
        200,
        "application/json; charset=utf-8",
        '{"cachesSynced": true, "leader": false}',
    )


async def test_not_ready_before_the_caches_are_filled(running: Running) -> None:
    """Without its caches the operator knows nothing."""
    running.readiness = Readiness(caches_synced=False, leader=False)

    assert (await running.get("/readyz"))[0] == 503


async def test_metrics_have_the_type_that_prometheus_asks_for(running: Running) -> None:
    """Prometheus 3 drops a target whose answer has no proper content type."""
    status, content_type, _ = await running.get("/metrics")

    assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")


async def test_counters_rise(running: Running) -> None:
    """What is told to telemetry is what a scrape shows."""
    telemetry = running.telemetry
    telemetry.reconciled(0.2, "ok")
    telemetry.reconciled(0.1, "error")
    telemetry.watch_queue(lambda: 7)
    telemetry.leads()
    telemetry.decided("Promote")
    telemetry.poll_done(0.3, 4, 2)
    telemetry.poll_failed("PrometheusUnavailableError")

    assert await running.metric("modelward_reconciles_total", result="ok") == [1]
    assert await running.metric("modelward_reconciles_total", result="error") == [1]
    assert await running.metric("modelward_reconcile_duration_seconds_count") == [2]
    assert await running.metric("modelward_queue_depth") == [7]
    assert await running.metric("modelward_leader") == [1]
    assert await running.metric("modelward_decisions_total", rule="Promote") == [1]
    assert await running.metric("modelward_poll_duration_seconds_sum") == [0.3]
    assert await running.metric("modelward_blocks_unknown_total") == [4]
    assert await running.metric("modelward_nonsense_values_total") == [2]
    assert await running.metric("modelward_poll_errors_total", kind="PrometheusUnavailableError") == [1]
    telemetry.stands_by()
    assert await running.metric("modelward_leader") == [0]


async def test_deployment_is_shown_and_gone_with_its_snapshot(running: Running) -> None:
    """Status, numbers and evidence of a deployment are in a scrape exactly while it is in the snapshot."""
    ledger = Ledger().advance(PLAN, [(1_000_000_000, {("web-1", "latency"): Count(90, 10)})])
    status = ModelDeploymentStatus(
        phase=Phase.STEPPING,
        stable_revision="web-1",
        candidate_revision="web-2",
        traffic=(TrafficShare(revision="web-1", weight=75), TrafficShare(revision="web-2", weight=25)),
    )
    running.snapshots = [
        DeploymentSnapshot(Key("team", "web"), "uid-1", status, ledger.assess(PLAN), ledger.to_samples())
    ]
    whose = {"namespace": "team", "deployment": "web"}
    objective = {**whose, "revision": "web-1", "objective": "latency"}

    assert await running.metric("modelward_deployment_info", **whose, stable="web-1", candidate="web-2") == [
        1
    ]
    assert await running.metric("modelward_deployment_phase", **whose) == [1]
    assert await running.metric("modelward_traffic_ratio", **whose, revision="web-2") == [0.25]
    assert await running.metric("modelward_objective_events", **objective, result="bad") == [10]
    (evidence,) = await running.metric("modelward_objective_evidence", **objective)
    assert 0 < evidence < 1
    assert await running.metric("modelward_objective_verdict", **objective, verdict="Inconclusive") == [1]
    assert await running.metric("modelward_evidence_state", **whose, uid="uid-1", component="block_time") == [
        1_000_000_000
    ]
    running.snapshots = []
    _, _, text = await running.get("/metrics")
    assert 'deployment="web"' not in text


@pytest.mark.parametrize(
    ("status", "cause", "reason"),
    [
        (
            ModelDeploymentStatus(
                incident=IncidentStatus(
                    revision="web-1",
                    cause=Cause.INFRASTRUCTURE,
                    reason="InfrastructureSuspected",
                    since="2026-01-01T00:00:00Z",
                )
            ),
            "Infrastructure",
            "InfrastructureSuspected",
        ),
        (
            ModelDeploymentStatus(
                cause=Cause.UNKNOWN,
                rollout=RolloutStatus(started_at="2026-01-01T00:00:00Z", held="StableAlsoBreached"),
            ),
            "Unknown",
            "StableAlsoBreached",
        ),
    ],
)
async def test_a_breach_that_is_borne_is_shown_with_its_cause(
    running: Running, status: ModelDeploymentStatus, cause: str, reason: str
) -> None:
    """By the serving revision or by a held rollout; and no longer than that."""
    whose = {"namespace": "team", "deployment": "web"}
    running.snapshots = [DeploymentSnapshot(Key("team", "web"), "uid-1", status, (), [])]
    labels = {**whose, "cause": cause, "reason": reason}
    assert await running.metric("modelward_deployment_incident", **labels) == [1]
    over = ModelDeploymentStatus(cause=Cause.MODEL)
    running.snapshots = [DeploymentSnapshot(Key("team", "web"), "uid-1", over, (), [])]
    assert await running.metric("modelward_deployment_incident", **whose) == []


async def test_drift_is_shown_while_a_detector_has_a_value(running: Running) -> None:
    """As it is, above the threshold or below it."""
    drift = [DriftSignal("price", 0.31, 0.2), DriftSignal("volume", 0.1, 0.2)]
    status = ModelDeploymentStatus()
    running.snapshots = [DeploymentSnapshot(Key("team", "web"), "uid-1", status, (), [], drift)]
    whose = {"namespace": "team", "deployment": "web"}
    assert await running.metric("modelward_drift", **whose, detector="price") == [0.31]
    assert await running.metric("modelward_drift", **whose, detector="volume") == [0.1]
    running.snapshots = [DeploymentSnapshot(Key("team", "web"), "uid-1", status, (), [])]
    assert await running.metric("modelward_drift", **whose) == []


async def test_alerts_port_stays_closed_without_a_token(running: Running) -> None:
    """Where no receiver is set up nothing listens for alerts."""
    assert running.server.alerts_port == 0


async def test_an_awaited_word_is_shown_with_its_beginning(running: Running) -> None:
    """A person who is awaited is shown since when, for which revision and why; and no longer than that."""
    whose = {"namespace": "team", "deployment": "web"}
    since = "2026-01-01T00:00:00Z"
    gate = GateStatus(
        name="person", kind="approval", configuration="0", result=GateResultName.AWAITING, started_at=since
    )
    waits = ModelDeploymentStatus(phase=Phase.GATING, candidate_revision="web-2", gates=(gate,))
    running.snapshots = [DeploymentSnapshot(Key("team", "web"), "uid-1", waits, (), [])]
    labels = {**whose, "revision": "web-2", "reason": "AwaitingApproval"}
    assert await running.metric(METRIC_APPROVAL_AWAITED, **labels) == [1767225600]
    over = waits.model_copy(update={"gates": ()})
    running.snapshots = [DeploymentSnapshot(Key("team", "web"), "uid-1", over, (), [])]
    assert await running.metric(METRIC_APPROVAL_AWAITED, **whose) == []
