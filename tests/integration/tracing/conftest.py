"""The store that traces end in, the collectors before it, and a monitor with its server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.integration.monitor.conftest import server, server_port, start_monitor
from tests.integration.otlp_store import OTLPStore
from tests.integration.tracing.pod_collector import CollectorProcess, Gateway, gateway, pod_collector

__all__ = ["endpoint", "pod", "server", "server_port", "start_monitor", "store"]


@pytest_asyncio.fixture
async def store() -> AsyncIterator[OTLPStore]:
    """Run the store that traces end in."""
    async with OTLPStore() as store:
        yield store


@pytest_asyncio.fixture
async def endpoint(tmp_path: Path, store: OTLPStore) -> AsyncIterator[Gateway]:
    """Run what is at telemetry.otlp.endpoint."""
    running = gateway(tmp_path / "gateway", store.port)
    await running.collector.start()
    yield running
    running.collector.stop()


@pytest_asyncio.fixture
async def pod(tmp_path: Path, endpoint: Gateway) -> AsyncIterator[CollectorProcess]:
    """Run a pod's collector."""
    running = pod_collector(tmp_path / "pod", endpoint.endpoint)
    await running.start()
    yield running
    running.stop()
