"""Fixtures of the operator's tests: processes to start operators from, and a world for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest

from dev.cluster.controlplane import ControlPlane
from modelward.control.client import Client
from modelward.control.faults import Faults
from tests.apiserver.changes import Changes
from tests.apiserver.operators import Nursery, World, administrator
from tests.apiserver.serving_pods import ServingPods, Stage, observed_pods, played
from tests.conftest import make_namespace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that wait for evidence: with several processes the others run beside them."""
    here = Path(__file__).parent
    items.sort(
        key=lambda item: item.path.parent != here or "pods" not in cast("pytest.Function", item).fixturenames
    )


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Import the operator once for all tests that start one."""
    started = Nursery()
    yield started
    started.close()


@pytest.fixture
async def world(
    api_server: ControlPlane, nursery: Nursery, namespace: str, tmp_path: Path
) -> AsyncIterator[World]:
    """Give a test a namespace, a connection and operators of its own."""
    client = Client(administrator(api_server), Faults(), "test")
    given = World(client, api_server, nursery, namespace, tmp_path, Changes(client.settings, namespace))
    await given.until(given.is_served)
    yield given
    await given.changes.close()
    await client.close()


@pytest.fixture
async def another_world(
    api_server: ControlPlane, nursery: Nursery, namespace: str, tmp_path: Path
) -> AsyncIterator[World]:
    """Give a test a second namespace, to compare the first with."""
    other = make_namespace(api_server, f"{namespace}-other")
    folder = tmp_path / "other"
    folder.mkdir()
    client = Client(administrator(api_server), Faults(), "test")
    given = World(client, api_server, nursery, other, folder, Changes(client.settings, other))
    yield given
    await given.changes.close()
    await client.close()


@pytest.fixture
async def pods(world: World, tmp_path: Path) -> AsyncIterator[ServingPods]:
    """Set up a Prometheus and monitors for pods that the test makes itself."""
    async with observed_pods(world, tmp_path) as given:
        yield given


@pytest.fixture
async def stage(pods: ServingPods) -> AsyncIterator[Stage]:
    """Have pods made for every Deployment, which become ready and answer requests."""
    async with played(pods) as given:
        yield given
