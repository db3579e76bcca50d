"""The second process: what it counts, and that requests don't notice when it is stalled or dead."""

import asyncio
import json
import os
import resource
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from dev.cluster import processes
from dev.cluster.controlplane import free_ports
from modelward.conventions import METRIC_BINS
from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.model_server import ModelServer
from tests.integration.monitor.monitor_process import MonitorProcess, Samples
from tests.integration.monitor.raw_client import RawClient, infer

LIMIT_SECONDS = 90
LARGE_ROWS = 60_000
DRIFT = {
    "profile": "p1",
    "columns": 1,
    "features": [
        {"kind": "numeric", "name": "age", "column": 0, "edges": [10.0], "reference": [5, 5, 0, 0]},
    ],
    "prediction": {
        "kind": "categorical",
        "name": "class",
        "categories": ["0", "1"],
        "reference": [5, 5, 0, 0],
    },
}
ALL = {"share": 1, "per_second": 10_000}


def request(rows: int, value: float) -> bytes:
    """A v2 request of so many rows."""
    data = [value] * rows
    tensors = [{"name": "age", "shape": [rows], "datatype": "FP64", "data": data}]
    return infer(json.dumps({"inputs": tensors}).encode())


def bin_of(samples: Samples, feature: str, label: str) -> float:
    """A bin's count."""
    return samples.get(METRIC_BINS, feature=feature, bin=label) or 0


async def scraped(monitor: MonitorProcess) -> Samples:
    """Scrape /metrics, again while the second process has no time for it."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while await monitor.status("/metrics") != 200:
        assert time.monotonic() < deadline
    return await monitor.scrape("/metrics")


async def until(monitor: MonitorProcess, feature: str, label: str, count: float) -> Samples:
    """Scrape until a bin has this count."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            samples = await scraped(monitor)
            if bin_of(samples, feature, label) >= count:
                assert bin_of(samples, feature, label) == count
                return samples
            await asyncio.sleep(0.1)


def child(pid: int) -> int:
    """Process id of a process's first child."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def guard_of(monitor: MonitorProcess) -> int:
    """Process id of the guard, which begins the second process."""
    assert monitor.process is not None
    return child(monitor.process.pid)


def worker_of(monitor: MonitorProcess) -> int:
    """Process id of the second process: the guard's child."""
    return child(guard_of(monitor))


async def ask(client: RawClient, data: bytes, times: int = 1) -> None:
    """Send a request so many times; each has to be answered well."""
    for _ in range(times):
        assert (await client.ask(data)).status == 200


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ModelServer]:
    """Run a model server that answers each request with class 1."""
    async with ModelServer(free_ports(1)[0]) as server:
        yield server


async def started(start_monitor: MonitorFactory, server: ModelServer, **capture: Any) -> MonitorProcess:
    """Start a monitor with a profile; its second process has begun, before which nothing is sampled."""
    monitor = start_monitor(server.port, drift=DRIFT, capture={**ALL, **capture})
    await scraped(monitor)
    return monitor


async def test_bins_are_counted(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """Rows of small and of large requests are counted by bin, through socket and ring alike."""
    monitor = await started(start_monitor, server)
    async with RawClient(monitor.serving_port) as client:
        await ask(client, request(3, 5.0), 20)
        await ask(client, request(2, 50.0), 10)
        await until(monitor, "age", "01", 20)
        for _ in range(5):
            await ask(client, request(LARGE_ROWS, 5.0))
            # The parser's bound, 1024 rows of each.
        samples = await until(monitor, "age", "00", 60 + 5 * 1024)
    assert bin_of(samples, "class", "01") == 35
    assert samples.get("modelward_samples_total") == 35


async def test_synthetic_requests_and_failures_are_not_sampled(
    start_monitor: MonitorFactory, server: ModelServer
) -> None:
    """Only good answers on the serving port say what the model is given."""
    monitor = await started(start_monitor, server)
    async with RawClient(monitor.synthetic_port) as client:
        await ask(client, request(1, 5.0), 5)
    async with RawClient(monitor.serving_port) as client:
        await ask(client, request(1, 5.0))
    samples = await until(monitor, "age", "00", 1)
    assert samples.get("modelward_samples_total") == 1


async def test_a_length_that_no_body_has(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A client that claims one is answered, and its connection goes on."""
    monitor = await started(start_monitor, server)
    async with RawClient(monitor.serving_port) as client:
        await ask(client, infer(b"{}", "Inference-Header-Content-Length: 1" + "0" * 20), 2)
        await ask(client, request(1, 5.0))
    samples = await until(monitor, "age", "00", 1)
    assert samples.get("modelward_requests_in_flight") == 0
    assert samples.get("modelward_exchanges_uncounted_total") == 0


async def test_a_body_beyond_the_limit_is_dropped(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A request longer than max_body_bytes is answered, not parsed, and counted as too large."""
    monitor = await started(start_monitor, server, max_body_bytes=1000)
    async with RawClient(monitor.serving_port) as client:
        await ask(client, request(1000, 5.0))
        await ask(client, request(1, 5.0))
    samples = await until(monitor, "age", "00", 1)
    assert samples.get("modelward_samples_dropped_total", reason="too_large") == 1


async def test_requests_do_not_notice_a_stalled_process(
    start_monitor: MonitorFactory, server: ModelServer
) -> None:
    """While it is stopped all requests are answered and evidence is scraped; then it is begun anew."""
    monitor = await started(start_monitor, server)
    stalled = worker_of(monitor)
    os.kill(stalled, signal.SIGSTOP)
    async with RawClient(monitor.serving_port) as client:
        await ask(client, request(4000, 5.0), 400)
        assert (await monitor.scrape()).verdicts("availability") == (400, 0)
        async with asyncio.timeout(LIMIT_SECONDS):
            while await monitor.status("/metrics") != 200:
                await ask(client, request(1, 5.0))
        samples = await scraped(monitor)
        assert (samples.get("modelward_samples_dropped_total", reason="busy") or 0) > 0
        assert samples.get("modelward_second_process_starts_total") == 2
        before = bin_of(samples, "age", "00")
        await ask(client, request(1, 5.0), 3)
        await until(monitor, "age", "00", before + 3)
    assert "has said nothing" in monitor.log()


async def test_a_dead_process_is_begun_anew(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A killed process is replaced, knows the configuration, and both starts are counted."""
    monitor = await started(start_monitor, server)
    killed = worker_of(monitor)
    async with RawClient(monitor.serving_port) as client:
        await ask(client, request(1, 50.0), 2)
        await until(monitor, "age", "01", 2)
        os.kill(killed, signal.SIGKILL)
        await ask(client, request(1, 5.0), 50)
        samples = await scraped(monitor)
        assert samples.get("modelward_second_process_starts_total") == 2
        assert bin_of(samples, "age", "01") == 0
        await ask(client, request(1, 50.0), 4)
        await until(monitor, "age", "01", 4)
    assert worker_of(monitor) != killed


async def test_a_dead_guard_ends_the_monitor(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """When no second process can follow the monitor ends, for the kubelet to begin both anew."""
    monitor = await started(start_monitor, server)
    assert monitor.process is not None
    os.kill(guard_of(monitor), signal.SIGKILL)
    assert await asyncio.to_thread(monitor.process.wait, LIMIT_SECONDS) == 0
    assert "is gone for good" in monitor.log()


async def test_memory_is_bounded(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """The second process may take so much and no more, so that a body never ends the whole container."""
    monitor = await started(start_monitor, server)
    assert resource.prlimit(worker_of(monitor), resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


async def test_nothing_is_left_behind(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """When the monitor is killed its second process goes, too, even if it is stalled."""
    monitor = await started(start_monitor, server)
    worker = worker_of(monitor)
    # It asks to die with its parent before it bounds its memory: one stopped earlier could not.
    bounded = await asyncio.to_thread(
        processes.until,
        lambda: resource.prlimit(worker, resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY,
        LIMIT_SECONDS,
    )
    assert bounded
    os.kill(worker, signal.SIGSTOP)
    monitor.send_signal(signal.SIGKILL)
    gone = await asyncio.to_thread(processes.until, lambda: processes.born(worker) is None, LIMIT_SECONDS)
    assert gone
