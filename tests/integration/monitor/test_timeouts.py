"""Clients that are slow on purpose, or that have left without a word."""

import asyncio
import contextlib
import itertools
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import cast

import pytest
import pytest_asyncio
from hpack import Encoder
from hyperframe.frame import DataFrame, GoAwayFrame, HeadersFrame, SettingsFrame

from dev.cluster.controlplane import free_ports
from modelward.api.monitorconfig import MonitorConfig, TrafficConfig, TrafficMode
from modelward.monitor.client import ClientConnection
from modelward.monitor.exchange import MAX_ALL_KEPT_BYTES
from modelward.monitor.grpc.connection import GRACE_SECONDS, UNWATCHED_SECONDS, GrpcConnection
from modelward.monitor.proxy import Proxy
from modelward.monitor.state import MonitorState
from modelward.monitor.timeouts import (
    BODY_SECONDS,
    HEAD_SECONDS,
    IDLE_SECONDS,
    UNREAD_SECONDS,
    UNTAKEN_SECONDS,
)
from modelward.monitor.traffic import Target
from modelward.monitor.upstream import MAX_IDLE_SECONDS, Upstream
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
    assert failed(own) == {"timeout": 1}


def failed(own: Own) -> dict[str, int]:
    """Requests that came to no whole answer, by what is counted of them."""
    return {reason: number for reason, number in own.proxy.state.counts.failures.items() if number}


@pytest.mark.parametrize("ends", [b"", b"\r\n\r\n"], ids=["going on", "whole"])
async def test_a_head_that_is_too_long(own: Own, ends: bytes) -> None:
    """It is counted as what it is, whether or not its end has come."""
    async with RawClient(own.port) as client:
        client.send(b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000 + ends)
        assert (await client.read_answer()).status == 431
    assert failed(own) == {"head_too_large": 1}


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
    assert failed(own) == {"timeout": 1}


async def test_a_body_that_breaks_off(own: Own) -> None:
    """One whose framing can't be followed is counted as malformed, and not as a client that has left."""
    async with RawClient(own.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await until(lambda: bool(own.server.requests))
        client.send(b"zz\r\n")
        assert (await client.read_answer()).status == 400
    await until(lambda: bool(own.server.disconnects))
    assert failed(own) == {"malformed": 1}


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


LONG = infer(bytes(32 * 1024 * 1024))


@contextlib.asynccontextmanager
async def stalled(own: Own, answered: bytes) -> AsyncIterator[tuple[RawClient, ClientConnection]]:
    """Run an upload of which the server reads no more, having sent so much of its answer."""
    over = asyncio.Event()

    async def stall(_request: Request, connection: Connection) -> None:
        connection.write(answered)
        await over.wait()
        await connection.reader.readexactly(1 << 30)  # until the monitor ends it

    own.server.head_handler = stall
    async with RawClient(own.port) as client:
        client.send(LONG)
        await until(lambda: any(each._reading_paused for each in own.connections))
        (connection,) = own.connections
        try:
            yield client, connection
        finally:
            over.set()
    await until(lambda: bool(own.server.disconnects))


async def sweep_until_given_up(connection: ClientConnection) -> None:
    """Look at a connection again and again, always a little more than the longest wait later."""
    now_s = time.perf_counter()
    connection.sweep(now_s + UNTAKEN_SECONDS - 10)
    assert connection._exchange is not None
    for number in itertools.count(1):
        connection.sweep(now_s + number * (UNTAKEN_SECONDS + 1))
        if connection._exchange is None:
            return
        await asyncio.sleep(0)  # the kernel may have taken some meanwhile


async def test_an_upload_that_the_server_stops_reading(own: Own) -> None:
    """A server that takes no more of a request is let go, and the client is told."""
    async with stalled(own, b"") as (client, connection):
        await sweep_until_given_up(connection)
        assert (await client.read_answer()).status == 504
    assert failed(own) == {"unreachable": 1}


async def test_an_upload_that_stalls_within_the_answer(own: Own) -> None:
    """The client's connection is reset, so that it takes nothing for a whole answer."""
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    async with stalled(own, begun) as (client, connection):
        await client.reader.readuntil(b"abc\r\n")
        await sweep_until_given_up(connection)
        with pytest.raises(ConnectionResetError):
            await client.read_end()
    assert failed(own) == {"cut": 1}


async def test_an_upload_that_stalls_after_the_answer(own: Own) -> None:
    """A client that has its answer and still sends has its connection ended; nothing has failed."""
    async with stalled(own, answer(b"early")) as (client, connection):
        assert (await client.read_answer()).body == b"early"
        await sweep_until_given_up(connection)
        assert await client.read_end() == b""
    assert failed(own) == {}


async def test_a_client_that_resets_a_stalled_upload(own: Own) -> None:
    """It is noticed though nothing is read from it, and the server's connection ends."""
    async with stalled(own, b"") as (client, _):
        own_socket = client.writer.get_extra_info("socket")
        own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()

        def is_noticed() -> bool:
            for connection in own.connections:
                connection.sweep(time.perf_counter())
            return failed(own) == {"client_gone": 1}

        await until(is_noticed)


async def test_a_server_that_takes_a_little(own: Own) -> None:
    """As long as it takes something now and then it is not given up."""
    ours, theirs = socket.socketpair()
    async with RawClient(own.port) as client:
        assert (await client.ask(get())).status == 200
        upstream = Upstream(own.connections[0]._relay, Target("", 0))
        await asyncio.get_running_loop().create_connection(
            lambda: cast("asyncio.Protocol", upstream), sock=ours
        )
        transport = upstream._transport
        assert transport is not None
        upstream.write(bytes(4 * 1024 * 1024))
        before, now_s = transport.get_write_buffer_size(), time.perf_counter()
        assert not upstream.is_stalled(now_s)
        theirs.recv(before)
        await until(lambda: transport.get_write_buffer_size() < before)
        assert not upstream.is_stalled(now_s + UNTAKEN_SECONDS + 1)
        assert not upstream.is_stalled(now_s + 2 * UNTAKEN_SECONDS)
        assert upstream.is_stalled(now_s + 2 * UNTAKEN_SECONDS + 2)
        upstream.close()
        theirs.close()


async def test_a_full_connection_is_not_kept(own: Own) -> None:
    """What a server has left unread of a request that it answered keeps its client from no other."""
    async with RawClient(own.port) as client:
        assert (await client.ask(infer())).status == 200
        relay = own.connections[0]._relay
        assert relay._upstream is not None
        relay._upstream._idle_since_s -= MAX_IDLE_SECONDS
        relay.upstream_full()
        await own.sweep_after(0)
        assert (await client.ask(infer())).status == 200
    assert own.server.connections == 2


async def test_a_pause_of_the_server_is_none_of_the_client(own: Own) -> None:
    """A client that was not read from for long is not blamed for what it could not send."""
    async with RawClient(own.port) as client:
        client.send(infer(b"x" * 100)[:-50])
        await until(lambda: bool(own.server.requests))
        (connection,) = own.connections
        connection._relay.upstream_full()
        connection._last_read_s -= 2 * BODY_SECONDS
        connection._relay.upstream_drained()
        connection.sweep(time.perf_counter())
        client.send(b"x" * 50)
        assert (await client.read_answer()).status == 200


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


async def test_a_grpc_connection_that_the_server_stops_reading(own: Own) -> None:
    """A server that takes no more is let go, and so is its client; the call that was under way has failed."""
    over = asyncio.Event()

    async def stall(_request: Request, connection: Connection) -> None:
        connection.write(SETTINGS)
        await over.wait()
        await connection.reader.readexactly(1 << 30)  # until the monitor ends it

    own.server.head_handler = stall
    encoded = Encoder().encode([(":method", "POST"), (":path", "/inference.GRPCInferenceService/ModelInfer")])
    call = HeadersFrame(1, encoded, flags=["END_HEADERS"]).serialize()
    data = DataFrame(1, bytes(16 * 1024)).serialize()
    async with RawClient(own.port) as client:
        client.send(PREFACE + call + data * 2048)
        await until(lambda: any(getattr(each, "_server_is_full", False) for each in own.proxy._connections))
        (connection,) = own.proxy._connections
        now_s = time.perf_counter()
        connection.sweep(now_s + UNTAKEN_SECONDS - 10)
        assert own.proxy.state.counts.requests_in_flight == 1
        for number in itertools.count(1):
            connection.sweep(now_s + number * (UNTAKEN_SECONDS + 1))
            if not own.proxy.state.counts.requests_in_flight:
                break
            await asyncio.sleep(0)  # the kernel may have taken some meanwhile
        await until(lambda: not own.proxy._connections)
        over.set()
    assert failed(own) == {"unreachable": 1}
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
