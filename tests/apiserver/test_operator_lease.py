"""The lease, on a real API server: one holder at a time, handed over or taken over, never shared."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dev.cluster.controlplane import ControlPlane
from modelward.control.client import Client
from modelward.control.faults import Faults
from modelward.control.kinds import LEASE
from modelward.control.lease import Lease, LeaseLostError, Periods
from tests.apiserver.operators import administrator

pytestmark = pytest.mark.apiserver

LIMIT_SECONDS = 60
SHORT = Periods(duration=3.0, renew_deadline=2.5, retry=0.1)
ENDLESS = Periods(duration=3600.0, renew_deadline=0.7, retry=0.1)


@pytest.fixture
async def client(api_server: ControlPlane) -> AsyncIterator[Client]:
    """Connect as administrator."""
    connection = Client(administrator(api_server), Faults())
    yield connection
    await connection.close()


async def stored(client: Client, namespace: str) -> dict[str, Any]:
    """Return the lease's spec as the API server has it."""
    found = await client.request("GET", LEASE.path(namespace, "operator"))
    spec: dict[str, Any] = found["spec"]
    return spec


async def test_released_lease_is_taken_at_once(client: Client, namespace: str) -> None:
    """A standby waits while the lease is held, and need not wait for it to run out when it is released."""
    first = Lease(client, namespace, "operator", "first", periods=ENDLESS)
    second = Lease(client, namespace, "operator", "second", periods=ENDLESS)
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.5)
    assert not second.is_held
    await first.release()
    await asyncio.wait_for(waiting, LIMIT_SECONDS)
    spec = await stored(client, namespace)
    assert spec["holderIdentity"] == "second"
    assert spec["leaseTransitions"] >= 1


async def test_lease_of_a_dead_holder_is_taken_over(client: Client, namespace: str) -> None:
    """A holder that no longer renews loses the lease after its duration, and no sooner."""
    dead = Lease(client, namespace, "operator", "dead", periods=SHORT)
    await dead.acquire()
    heir = Lease(client, namespace, "operator", "heir", periods=SHORT)
    began = asyncio.get_running_loop().time()
    await asyncio.wait_for(heir.acquire(), LIMIT_SECONDS)
    assert asyncio.get_running_loop().time() - began >= SHORT.duration
    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(dead.hold(), LIMIT_SECONDS)


async def test_renewed_lease_is_not_taken(client: Client, namespace: str) -> None:
    """While the holder renews, a standby waits however long."""
    holder = Lease(client, namespace, "operator", "holder", periods=SHORT)
    await holder.acquire()
    holding = asyncio.create_task(holder.hold())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Lease(client, namespace, "operator", "other", periods=SHORT).acquire(), 5)
    assert not holding.done()
    holding.cancel()


async def test_holder_gives_up_when_it_cannot_renew(api_server: ControlPlane, namespace: str) -> None:
    """With the API server out of reach the holder gives up before another may take the lease."""
    connections: list[asyncio.StreamWriter] = []
    gate = await asyncio.start_server(_forwarder(api_server, connections), "127.0.0.1", 0)
    port = gate.sockets[0].getsockname()[1]
    api = administrator(api_server)
    api.host = f"https://127.0.0.1:{port}"
    behind_the_gate = Client(api, Faults())
    lease = Lease(behind_the_gate, namespace, "operator", "lonely", periods=SHORT)
    await lease.acquire()
    gate.close()
    for connection in connections:
        connection.transport.abort()
    with pytest.raises(LeaseLostError, match="not renewed"):
        await asyncio.wait_for(lease.hold(), LIMIT_SECONDS)
    assert not lease.is_held
    await behind_the_gate.close()


def _forwarder(api_server: ControlPlane, connections: list[asyncio.StreamWriter]) -> Any:
    """Return a connection handler that passes bytes on to the API server and notes its connections."""
    port = int(api_server.url.rpartition(":")[2])

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)

    return handle
