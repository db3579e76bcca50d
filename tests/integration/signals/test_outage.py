"""Prometheus killed, started empty, and back: Unknown, and then evidence again without any help."""

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from dev.cluster.controlplane import free_ports
from modelward.decide.observation import MetricsState
from modelward.signals.blocks import Subject
from modelward.signals.clients import Clients
from modelward.signals.counts import CountsPoller, Polled
from modelward.signals.key import Key
from modelward.signals.telemetry import Telemetry
from tests.integration.signals.conditions import until_answered
from tests.integration.signals.exporter import CONFIG, Exporter
from tests.integration.signals.prometheus_server import BLOCK_SECONDS, PrometheusServer

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def own_prometheus(exporter: Exporter, tmp_path: Path) -> AsyncIterator[PrometheusServer]:
    """Run a Prometheus that the test may end."""
    server = PrometheusServer(tmp_path, free_ports(1)[0], exporter)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def test_killed_then_empty_then_back(
    own_prometheus: PrometheusServer, exporter: Exporter, namespace: str
) -> None:
    """Each state is told as it is, no block is invented, and counts go on when samples do."""
    key = Key(namespace, "web")
    pod = exporter.new_pod(namespace, "web", "web-1", started_at=time.time() - 3600)
    pod.count(good=1000, bad=10)
    async with Clients(own_prometheus.endpoint) as clients:
        poller = CountsPoller(clients, Telemetry(), BLOCK_SECONDS, evaluation_delay_seconds=0)

        async def poll(after: int, end: int) -> Polled:
            found: list[Polled] = []
            subject = Subject(key, {"latency": CONFIG}, after)
            await poller.poll([subject], end, lambda polled: found.append(polled[key]))
            return found[0]

        async def available() -> bool:
            now = int(time.time())
            return (await poll(now - 1, now)).metrics is MetricsState.AVAILABLE

        await until_answered(available, "Prometheus answers with samples")
        before = int(time.time())
        own_prometheus.stop()
        away = await poll(before - 1, before)
        pod.count(good=500, bad=500)
        shutil.rmtree(own_prometheus.folder / "data")
        own_prometheus.start()
        await until_answered(lambda: _answers(own_prometheus), "it answers again")
        empty = await poll(before - 1, before)
        await until_answered(available, "samples come again")
        await own_prometheus.settle()
        pod.count(good=7, bad=1)
        end = await own_prometheus.settle()
        back = await poll(before, end)

    assert (away.metrics, away.blocks) == (MetricsState.UNAVAILABLE, ())
    assert empty.blocks == ((before, {}),)
    assert empty.metrics is MetricsState.NOT_SCRAPED
    counted = [block["web-1", "latency"] for _, block in back.blocks if block.get(("web-1", "latency"))]
    assert sum(count.total for count in counted if count) == 8
    assert (7, 1) in [(count.good, count.bad) for count in counted if count]


async def _answers(server: PrometheusServer) -> bool:
    return await server.query("vector(1)") == 1
