"""Fixtures of the operator's tests: processes to start operators from, and a world for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dev.cluster.controlplane import ControlPlane
from modelward.control.client import Client
from modelward.control.faults import Faults
from tests.apiserver.operators import Nursery, World, administrator


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
    yield World(client, api_server, nursery, namespace, tmp_path)
    await client.close()
