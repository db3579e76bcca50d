"""Clients that are slow on purpose, or that have left without a word."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio
from hyperframe.frame import GoAwayFrame, SettingsFrame

from dev.cluster.controlplane import free_ports
from modelward.api.monitorconfig import MonitorConfig, TrafficConfig, TrafficMode
from modelward.monitor.client import ClientConnection
from modelward.monitor.exchange import MAX_ALL_KEPT_BYTES
from modelward.monitor.grpc.connection import GRACE_SECONDS, UNWATCHED_SECONDS, GrpcConnection
from modelward.monitor.proxy import Proxy
from modelward.monitor.state import MonitorState
from modelward.monitor.timeouts import BODY_SECONDS, HEAD_SECONDS, IDLE_SECONDS, UNREAD_SECONDS
from tests.integration.monitor.model_server import Connection, ModelServer, Request, answer
from tests.integration.monitor.monitor_process import configuration
from tests.integration.monitor.raw_client import RawClient, get, infer

LIMIT_SECONDS = 30


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - it is looked at from outside
            await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Own:
    """A proxy on this process's own event loop, whose clock a test can put forward."""

    proxy: Proxy
    server: ModelServer
    port: int

    @property
    def connections(self) -> list[ClientConnection]:
        """The clients' connections, all of HTTP/1.1."""
        return [each for each in self.proxy._connections if isinstance(each, ClientConnection)]

    async def until_read(self) -> None:
        """Wait until a client's first bytes have been read."""
        await until(lambda: any(connection._pending for connection in self.connections))

    async def sweep_after(self, seconds: float, connections: int = 1) -> None:
        """Look at the connections as they will be in so many seconds, once they are there."""
        await until(lambda: len(self.proxy._connections) >= connections)
        for connection in tuple(self.proxy._connections):
            connection.sweep(time.perf_counter() + seconds)


@pytest_asyncio.fixture
async def own() -> AsyncIterator[Own]:
    """Run a proxy and a server in this process."""
    port, synthetic, server_port = free_ports(3)
    state = MonitorState(started_s=0.0)
    ports = {"protocol": "v2", "port": server_port, "grpc_port": server_port}
    state.take_config(MonitorConfig.model_validate(configuration(server_port, server=ports)))
    proxy = Proxy(state, None)
    async with ModelServer(server_port) as server:
        await proxy.listen(port, synthetic)
        running = Own(proxy, server, port)
        yield running
        proxy.stop_listening()
        for connection in running.connections:
            connection.abort()


@pytest.mark.parametrize("begun", [b"P", b"POST / HTTP/1.1\r\nHost: mo"])
async def test_a_head_that_does_not_end(own: Own, begun: bytes) -> None:
    """A client that pauses within a head is told so and let go; the server never hears of it."""
    async with RawClient(own.port) as client:
        client.send(begun)
        await own.until_read()
        await own.sweep_after(HEAD_SECONDS - 1)
        await own.sweep_after(HEAD_SECONDS + 1)
        assert (await client.read_answer()).status == 408
        assert await client.read_end() == b""
    assert own.server.requests == []


async def test_a_head_that_trickles(own: Own) -> None:
    """A byte now and then does not keep a head open for longer."""
    async with RawClient(own.port) as client:
        client.send(b"POST / HTTP/1.1\r\n")
        await own.until_read()
        for connection in own.connections:
            connection._first_byte_s -= HEAD_SECONDS
        client.send(b"X")
        await own.sweep_after(1)
        assert (await client.read_answer()).status == 408


async def test_a_body_that_does_not_end(own: Own) -> None:
    """A client that pauses within a body is let go, and so is the server, which has seen it begin."""
    async with RawClient(own.port) as client:
        client.send(infer(b"x" * 100)[:-50])
        await until(lambda: bool(own.server.requests))
        await own.sweep_after(BODY_SECONDS + 1)
        assert (await client.read_answer()).status == 408
    await until(lambda: bool(own.server.disconnects))


async def test_an_answer_that_is_not_read(own: Own) -> None:
    """A client that takes nothing of a long answer is let go, and so is the server; one that does stays."""

    async def long(_request: Request, connection: Connection) -> None:
        connection.write(answer(b"x" * 32 * 1024 * 1024))

    own.server.handler = long
    reader, writer = await asyncio.open_connection("127.0.0.1", own.port, limit=1024)
    writer.write(infer())
    await until(lambda: any(each._writing_paused_s is not None for each in own.connections))
    await own.sweep_after(UNREAD_SECONDS - 10)
    assert own.proxy._connections
    await own.sweep_after(UNREAD_SECONDS + 1)
    await until(lambda: not own.proxy._connections)
    assert own.proxy.state.counts.unread == 1
    with pytest.raises(ConnectionResetError):
        await reader.read(-1)
    writer.close()
    await until(lambda: bool(own.server.disconnects))


async def test_a_connection_at_rest(own: Own) -> None:
    """A connection without a request is closed only after a time that clients don't wait."""
    async with RawClient(own.port) as client:
        assert (await client.ask(get())).status == 200
        await own.sweep_after(IDLE_SECONDS - 1)
        assert (await client.ask(get())).status == 200
        await own.sweep_after(IDLE_SECONDS + 1)
        assert await client.read_end() == b""


async def test_what_is_not_sent_again_is_not_kept(own: Own) -> None:
    """On a new connection no request is repeated: none of its body stays in memory."""
    async with RawClient(own.port) as client:
        client.send(infer(b"x" * 100)[:-50])
        await until(lambda: bool(own.server.requests))
        exchange = own.connections[0]._exchange
        assert exchange is not None
        assert exchange.kept is None


async def test_what_many_may_send_again_is_bounded(own: Own) -> None:
    """However many requests wait for a slow server, so much is kept of them in all; it still answers each."""
    number, body = 24, b"x" * (1024 * 1024)
    enough = asyncio.Event()

    async def reply(request: Request, connection: Connection) -> None:
        if request.body:
            await enough.wait()
        connection.write(answer(b""))

    own.server.handler = reply
    state = own.proxy.state
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(RawClient(own.port)) for _ in range(number)]
        for client in clients:
            assert (await client.ask(infer(b""))).status == 200
        for client in clients[1:]:
            client.send(infer(body))
        clients[0].send(infer(body)[:-1])
        await until(lambda: len(own.server.requests) == 2 * number)
        exchanges = [connection._exchange for connection in own.connections]
        kept = sum(len(b"".join(each.kept or ())) for each in exchanges if each is not None)
        assert 0 < kept == state.kept_bytes <= MAX_ALL_KEPT_BYTES
        clients.pop(0).writer.transport.abort()
        await until(lambda: len(own.connections) == number - 1)
        enough.set()
        for client in clients:
            assert (await client.read_answer()).status == 200
        assert state.kept_bytes == 0


SETTINGS = SettingsFrame().serialize()
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS


async def test_a_grpc_connection_at_rest(own: Own) -> None:
    """It is asked to leave only after a time that clients don't wait, and is closed when it does not."""

    async def greet(_request: Request, connection: Connection) -> None:
        connection.write(SETTINGS)
        await connection.reader.readexactly(1 << 30)  # until the monitor ends it

    own.server.head_handler = greet
    async with RawClient(own.port) as client:
        client.send(PREFACE)
        assert await client.reader.readexactly(len(SETTINGS)) == SETTINGS
        await own.sweep_after(IDLE_SECONDS - 10)
        await own.sweep_after(IDLE_SECONDS + 1)
        await own.sweep_after(IDLE_SECONDS + 1 + GRACE_SECONDS / 2)
        assert len(own.proxy._connections) == 1
        await own.sweep_after(IDLE_SECONDS + 2 + GRACE_SECONDS)
        asked = GoAwayFrame(last_stream_id=2**31 - 1).serialize() + GoAwayFrame().serialize()
        assert await client.read_end() == asked
    await until(lambda: bool(own.server.disconnects))


async def test_a_grpc_connection_that_is_not_read(own: Own) -> None:
    """A client that takes nothing of long answers is let go, and so is the server."""

    async def long(_request: Request, connection: Connection) -> None:
        connection.write(SETTINGS + bytes(32 * 1024 * 1024))
        await connection.reader.readexactly(1 << 30)  # until the monitor ends it

    own.server.head_handler = long
    reader, writer = await asyncio.open_connection("127.0.0.1", own.port, limit=1024)
    writer.write(PREFACE)
    await until(lambda: any(getattr(each, "_writing_paused_s", 0) for each in own.proxy._connections))
    await own.sweep_after(UNREAD_SECONDS - 10)
    assert own.proxy._connections
    await own.sweep_after(UNREAD_SECONDS + 1)
    await until(lambda: not own.proxy._connections)
    assert own.proxy.state.counts.unread == 1
    assert len(await reader.read()) < 32 * 1024 * 1024
    writer.close()
    await until(lambda: bool(own.server.disconnects))


@pytest.mark.parametrize("last_byte_seconds", [0, 1e6], ids=["quiet", "never quiet"])
async def test_a_grpc_connection_that_is_not_followed(own: Own, last_byte_seconds: float) -> None:
    """It counts as one request under way, and leaves a withdrawn revision when quiet, or after a while."""

    async def greet(_request: Request, connection: Connection) -> None:
        connection.write(b"no frame of HTTP/2")
        await connection.reader.readexactly(1 << 30)  # until the monitor ends it

    state = own.proxy.state
    own.server.head_handler = greet
    async with RawClient(own.port) as client:
        client.send(PREFACE)
        await client.reader.readexactly(18)
        assert (state.counts.grpc_unwatched, state.counts.requests_in_flight) == (1, 1)
        (connection,) = own.proxy._connections
        assert isinstance(connection, GrpcConnection)
        connection._last_byte_s += last_byte_seconds
        state.traffic.apply(
            TrafficConfig(mode=TrafficMode.WITHDRAW, generation=2, forward_to="http://127.0.0.1:1")
        )
        await own.sweep_after(0)
        await own.sweep_after(GRACE_SECONDS / 2)
        assert not connection._is_over
        await own.sweep_after(GRACE_SECONDS + 1)
        assert connection._is_over == (last_byte_seconds == 0)
        connection.sweep(time.perf_counter() + UNWATCHED_SECONDS + 1)
        assert await client.read_end() == b""
    assert state.counts.requests_in_flight == 0
