"""A monitor that the tests of this folder share, one of a test's own, and the server behind either."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dev.cluster.controlplane import free_ports
from tests.integration.monitor.grpc_server import GrpcServer
from tests.integration.monitor.model_server import ModelServer
from tests.integration.monitor.monitor_process import MonitorProcess, configuration
from tests.integration.monitor.starts import Commanded
from tests.integration.otlp_store import OTLPStore

MonitorFactory = Callable[..., MonitorProcess]


def speaking(start: MonitorFactory, server: ModelServer, port: int, **changes: Any) -> MonitorProcess:
    """A monitor of the test's own whose server speaks gRPC at a port, with changes of its configuration."""
    return start(server.port, server={"protocol": "v2", "port": server.port, "grpc_port": port}, **changes)


@pytest.fixture(scope="session")
def server_port() -> int:
    """Choose the port that the shared monitor's server listens on."""
    return free_ports(1)[0]


@pytest.fixture(scope="session")
def shared_monitor(tmp_path_factory: pytest.TempPathFactory, server_port: int) -> Iterator[MonitorProcess]:
    """Run one monitor for all tests that change nothing in it."""
    process = MonitorProcess(tmp_path_factory.mktemp("monitor"), configuration(server_port))
    process.start(Commanded)
    yield process
    assert process.stop() == 0, process.log()
    assert '"level":"error"' not in process.log()


@pytest_asyncio.fixture
async def server(server_port: int) -> AsyncIterator[ModelServer]:
    """Run the server behind the shared monitor."""
    async with ModelServer(server_port) as server:
        yield server


@pytest_asyncio.fixture
async def grpc_model() -> AsyncIterator[GrpcServer]:
    """Run a gRPC server of the test's own."""
    async with GrpcServer(free_ports(1)[0]) as running:
        yield running


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[OTLPStore]:
    """Run a collector."""
    async with OTLPStore() as collector:
        yield collector


@pytest.fixture
def start_monitor(tmp_path: Path) -> Iterator[MonitorFactory]:
    """Start monitors of the test's own, each with its changes of the configuration."""
    started: list[MonitorProcess] = []

    def start(server_port: int, otlp_endpoint: str = "", **changes: Any) -> MonitorProcess:
        folder = tmp_path / f"monitor-{len(started)}"
        process = MonitorProcess(folder, configuration(server_port, **changes), otlp_endpoint)
        started.append(process)
        process.start()
        return process

    yield start
    for process in started:
        process.stop()
