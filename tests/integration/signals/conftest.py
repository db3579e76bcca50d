"""A Prometheus that all tests of this folder share, each with a namespace of its own."""

import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from dev.cluster.controlplane import free_ports
from modelward.signals.counts import CountsPoller
from tests.integration.signals.exporter import Exporter
from tests.integration.signals.polling import poller_of
from tests.integration.signals.prometheus_server import PrometheusServer

RULES = """
groups:
- name: team
  interval: 1s
  rules:
  - {alert: TeamTrouble, expr: team_trouble > 0, labels: {severity: page}}
  - {alert: TeamTroubleForLong, expr: team_trouble > 0, for: 1h, labels: {severity: page}}
"""


@pytest.fixture(scope="session")
def exporter() -> Iterator[Exporter]:
    """Serve the numbers that the tests set."""
    with Exporter() as exporter:
        yield exporter


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def prometheus(
    exporter: Exporter, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PrometheusServer]:
    """Run a Prometheus that scrapes the exporter."""
    folder, (port,) = tmp_path_factory.mktemp("prometheus"), free_ports(1)
    server = PrometheusServer(folder, port, exporter, RULES)
    server.start()
    try:
        await server.sampled(time.time())
        yield server
    finally:
        server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def poller(prometheus: PrometheusServer) -> AsyncIterator[CountsPoller]:
    """Poll that Prometheus."""
    async with poller_of(prometheus.endpoint) as poller:
        yield poller


@pytest.fixture
def namespace(exporter: Exporter) -> Iterator[str]:
    """Name a namespace of the test's own; what was exported during the test is gone after it."""
    yield f"ns-{uuid.uuid4().hex[:8]}"
    exporter.clear()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """Write a bearer token."""
    file = tmp_path / "token"
    file.write_text("secret-token\n")
    return file
