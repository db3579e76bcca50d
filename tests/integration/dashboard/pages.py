"""Metrics pages that are neither a monitor's nor a collector's: the operator's own, and the exporters'."""

from types import TracebackType
from typing import Self

from aiohttp import web

from modelward.api.status import ModelDeploymentStatus, Phase, TrafficShare
from modelward.decide.observation import DriftSignal
from modelward.evidence.counts import Count
from modelward.evidence.ledger import Ledger
from modelward.evidence.plan import ObjectivePlan, Plan
from modelward.signals.key import Key
from modelward.signals.telemetry import DeploymentSnapshot, Telemetry
from tests.integration.monitor.monitor_process import DEPLOYMENT, NAMESPACE, REVISION

CANDIDATE = "electricity-candidate"
_PLAN = Plan(5, (ObjectivePlan("latency", "c1", 0.01, None, None),), (REVISION,), None, 1.0, 0.01)
_POD = f'namespace="{NAMESPACE}",pod="pod-a",container="model"'
EXPORTERS = f"""\
# TYPE container_cpu_cfs_periods_total counter
container_cpu_cfs_periods_total{{{_POD}}} SECONDS0
# TYPE container_cpu_cfs_throttled_periods_total counter
container_cpu_cfs_throttled_periods_total{{{_POD}}} SECONDS
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes{{{_POD}}} 80
# TYPE container_spec_memory_limit_bytes gauge
container_spec_memory_limit_bytes{{{_POD}}} 100
# TYPE kube_pod_container_status_restarts_total counter
kube_pod_container_status_restarts_total{{{_POD}}} 1
"""
"""Of cAdvisor and kube-state-metrics, in their names; counters rise with each scrape."""


class Pages:
    """Serves /operator and /exporters at `port`."""

    def __init__(self) -> None:
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._scrapes = 0
        self._telemetry = Telemetry()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/operator", self._operator)
        app.router.add_get("/exporters", self._exporters)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _operator(self, _request: web.Request) -> web.Response:
        ledger = Ledger().advance(_PLAN, [(1_000_000_000, {(REVISION, "latency"): Count(90, 10)})])
        status = ModelDeploymentStatus(
            phase=Phase.STEPPING if self._scrapes % 40 < 30 else Phase.ROLLING_BACK,
            stable_revision=REVISION,
            candidate_revision=CANDIDATE,
            traffic=(
                TrafficShare(revision=REVISION, weight=75),
                TrafficShare(revision=CANDIDATE, weight=25),
            ),
        )
        snapshot = DeploymentSnapshot(
            Key(NAMESPACE, DEPLOYMENT),
            "uid",
            status,
            ledger.assess(_PLAN),
            ledger.to_samples(),
            (DriftSignal("price", 0.1, 0.2),),
        )
        body = await self._telemetry.exposition([snapshot])
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _exporters(self, _request: web.Request) -> web.Response:
        self._scrapes += 1
        text = EXPORTERS.replace("SECONDS", str(self._scrapes))
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4"})
