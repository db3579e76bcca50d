"""One pod on loopback: a bare model server, the real monitor and collector, and an endpoint behind them."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bench.monitor import proxies
from modelward.conventions import BLOCK_SECONDS, PATH_OBJECTIVES
from modelward.render.collector import DECISION_WAIT_SECONDS
from tests.integration.tracing.pod_collector import CollectorProcess, gateway, pod_collector, span

METRICS_SECONDS: Final = 30
"""Between scrapes of /metrics, as the PodMonitor has it; those of the objectives come every block."""
METRICS_WITHIN_SECONDS: Final = 300.0
SPANS_EVERY_SECONDS: Final = 0.5
_CALLER: Final = "00f067aa0ba902b7"
_COLLECTOR_LOSSES: Final = (
    "otelcol_receiver_refused_spans_total",
    "otelcol_exporter_enqueue_failed_spans_total",
    "otelcol_exporter_send_failed_spans_total",
    "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total",
)


@dataclass(frozen=True, slots=True)
class Pod:
    """What runs."""

    monitor: proxies.Monitor
    collector: CollectorProcess

    async def scrape(self, scrapes: Counter[int]) -> None:
        """For ever: read the monitor's pages as Prometheus does, and count them by status."""
        base = f"http://127.0.0.1:{self.monitor.metrics_port}"
        async with aiohttp.ClientSession() as session:
            for number in range(10**9):
                path = "/metrics" if number % (METRICS_SECONDS // BLOCK_SECONDS) == 0 else PATH_OBJECTIVES
                async with session.get(base + path) as answer:
                    await answer.read()
                    scrapes[answer.status] += 1
                await asyncio.sleep(BLOCK_SECONDS)

    async def serve_spans(self, requests_per_second: int) -> None:
        """For ever: send the three spans that a model server makes of each request."""
        while requests_per_second:
            await asyncio.sleep(SPANS_EVERY_SECONDS)
            asked = range(int(requests_per_second * SPANS_EVERY_SECONDS))
            await self.collector.take(*(each for _ in asked for each in _server_spans()))

    async def losses(self) -> dict[str, float]:
        """What either has dropped so far, by the name of the counter."""
        found = {
            f"{sample.name} {sample.labels['reason']}": sample.value
            for family in text_string_to_metric_families(await self._metrics())
            for sample in family.samples
            if sample.name == "modelward_samples_dropped_total"
        }
        for name in _COLLECTOR_LOSSES:
            found[name] = await self.collector.metric(self.collector.own_metrics_port, name)
        return found

    async def _metrics(self) -> str:
        """The page, once the second process, of low priority, gets to it."""
        url = f"http://127.0.0.1:{self.monitor.metrics_port}/metrics"
        async with aiohttp.ClientSession() as session, asyncio.timeout(METRICS_WITHIN_SECONDS):
            while True:
                async with session.get(url) as answer:
                    if answer.status == HTTPStatus.OK:
                        return await answer.text()


def _server_spans() -> list[dict[str, Any]]:
    trace_id = secrets.token_hex(16)
    spans = [span(name, trace_id, _CALLER) for name in ("predict", "preprocess")]
    return [*spans, span("read", trace_id, _CALLER, storage_latency_ms=12.5)]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Pod]:
    """Run a pod, and end it."""
    behind = gateway(folder / "gateway", 0).collector
    # What arrives has arrived: the endpoint keeps nothing.
    behind.config["exporters"] = {"debug": {"verbosity": "basic"}}
    behind.config["service"]["pipelines"]["traces"]["exporters"] = ["debug"]
    endpoint = f"http://{behind.config['receivers']['otlp']['protocols']['grpc']['endpoint']}"
    collector = pod_collector(folder / "pod", endpoint)
    collector.config["processors"]["tail_sampling"]["decision_wait"] = f"{DECISION_WAIT_SECONDS}s"
    try:
        await behind.start()
        await collector.start()
        with _monitor(folder, collector.http_port) as monitor:
            yield Pod(monitor, collector)
    finally:
        collector.stop()
        behind.stop()


@contextmanager
def _monitor(folder: Path, otlp_port: int) -> Iterator[proxies.Monitor]:
    with (
        proxies.bare(folder) as server,
        proxies.monitor(server.port, otlp_port, folder / "monitor") as running,
    ):
        yield running
