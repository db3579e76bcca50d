"""Bytes pass the monitor unchanged but for what is documented, however they are framed."""

import asyncio
import gzip
import json
import socket

import aiohttp
import pytest

from modelward.conventions import HEADER_RECEIPT
from tests.integration.monitor.model_server import Connection, ModelServer, Request, answer, echo, prediction
from tests.integration.monitor.monitor_process import MonitorProcess
from tests.integration.monitor.raw_client import RawClient, get, infer
from tests.integration.signals.conditions import until

CHUNKED = b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n"


async def test_request_and_answer_are_untouched(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """Without sampling, a request reaches the server byte for byte, and its answer the client."""
    head = (
        b"PUT /a%20b?c=d;e HTTP/1.1\r\nhOST: x\r\nX-Odd:  spaces  \r\nX-Odd: 2\r\nContent-Length: 3\r\n\r\n"
    )
    sent = head + b"abc"
    given = b"HTTP/1.1 299 Fine Indeed\r\nx-LOWER:y\r\nContent-Length: 2\r\nX-A: 1\r\nX-A: 2\r\n\r\nok"

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(given)

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        got = await client.ask(sent)
    assert server.requests[0].head + server.requests[0].wire_body == sent
    assert got.head + got.body == given


async def test_connection_is_kept_and_paired(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """Requests of one client connection go over one connection to the server."""
    server.handler = echo
    async with RawClient(shared_monitor.serving_port) as client:
        bodies = [(await client.ask(infer(str(n).encode()))).body for n in range(5)]
    assert bodies == [b"0", b"1", b"2", b"3", b"4"]
    assert server.connections == 1


async def test_pipelined_requests_are_answered_in_order(
    shared_monitor: MonitorProcess, server: ModelServer
) -> None:
    """Requests sent in one go are answered one by one, each whole."""
    server.handler = echo
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(b"\r\n" + b"".join(infer(f"body {n}".encode()) for n in range(20)) + get(method="HEAD"))
        bodies = [(await client.read_answer()).body for _ in range(20)]
        assert bodies == [f"body {n}".encode() for n in range(20)]
        assert (await client.read_answer("HEAD")).status == 200
    assert len(server.requests) == 21


async def test_pipelining_beyond_what_is_held(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """A client that pipelines more than the monitor holds gets every answer all the same."""
    server.handler = echo
    body = b"x" * 4096
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(infer(body) * 400)
        for _ in range(400):
            assert (await client.read_answer()).body == body


@pytest.mark.parametrize("cut", [1, 2, 7, 50, 97])
async def test_requests_cut_anywhere(shared_monitor: MonitorProcess, server: ModelServer, cut: int) -> None:
    """Where the network cuts a stream of requests changes nothing."""
    server.handler = echo
    chunked = b"POST /echo HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED
    stream = (chunked + infer(b"abc")) * 3
    async with RawClient(shared_monitor.serving_port) as client:
        client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(stream), cut):
            client.send(stream[start : start + cut])
            await asyncio.sleep(0)
        bodies = [(await client.read_answer()).body for _ in range(6)]
    assert bodies == [b"hello world", b"abc"] * 3
    assert server.requests[0].wire_body == CHUNKED


async def test_answers_cut_anywhere(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """Where the server's answer is cut changes nothing, whatever its framing."""
    given = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n" + CHUNKED

    async def reply(_request: Request, connection: Connection) -> None:
        for byte in given:
            connection.write(bytes([byte]))
            await connection.writer.drain()

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        for _ in range(3):
            assert (await client.ask(get())).body == b"hello world"
    assert server.connections == 1


async def test_gzip_passes(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """Compressed bodies pass as they are, both ways."""
    packed = gzip.compress(b"content")

    async def reply(request: Request, connection: Connection) -> None:
        connection.write(answer(request.body, "200 OK", "Content-Encoding: gzip"))

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        got = await client.ask(infer(packed, "Content-Encoding: gzip"))
    assert server.requests[0].body == packed
    assert got.body == packed


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_answers_without_a_body(
    shared_monitor: MonitorProcess, server: ModelServer, status: str
) -> None:
    """204 and 304 end with their head, and the connection goes on."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(f"HTTP/1.1 {status}\r\nETag: x\r\n\r\n".encode())

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        for _ in range(3):
            assert (await client.ask(get(), "GET")).status == int(status[:3])


async def test_head_has_no_body(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """The answer to HEAD ends with its head though it names a length."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        for _ in range(3):
            assert (await client.ask(get(method="HEAD"), "HEAD")).header("content-length") == "5000"


async def test_body_until_close(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """An answer without a length ends with the server's connection, and the client's after it."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(b"HTTP/1.0 200 OK\r\n\r\nall of it")
        connection.writer.close()

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        assert (await client.ask(get(), "GET")).body == b"all of it"


async def test_expect_continue(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """A client that waits for 100 Continue gets the server's, then its answer."""
    server.handler = echo
    async with RawClient(shared_monitor.serving_port) as client:
        head, _, body = infer(b"abc", "Expect: 100-continue").partition(b"abc")
        assert not body
        assert (await client.ask(head)).status == 100
        assert (await client.ask(b"abc")).body == b"abc"


async def test_expect_refused(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """A server that refuses instead of continuing has its refusal delivered, and the body is not sent on."""

    async def refuse(_request: Request, connection: Connection) -> None:
        connection.write(answer(b"", "413 Content Too Large", "Connection: close"))
        connection.writer.close()

    server.head_handler = refuse
    async with RawClient(shared_monitor.serving_port) as client:
        got = await client.ask(infer(b"x" * 100, "Expect: 100-continue")[:-100])
        assert got.status == 413
        assert await client.read_end() == b""


async def test_early_answer(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """An answer that comes before the request's end reaches a client that is still sending."""

    async def refuse(_request: Request, connection: Connection) -> None:
        connection.write(answer(b"too much", "413 Content Too Large", "Connection: close"))
        connection.writer.close()

    server.head_handler = refuse
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: m\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 100_000)
        assert (await client.read_answer()).body == b"too much"


async def test_big_bodies_stream(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """A body of many megabytes passes both ways while the receiver is slow, and memory stays bounded."""
    size = 48 * 1024 * 1024
    piece = bytes(range(256)) * 4096
    received = 0

    async def slow(_request: Request, connection: Connection) -> None:
        nonlocal received
        await asyncio.sleep(0.3)
        while received < size:
            received += len(await connection.reader.read(1 << 16))
        connection.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // len(piece)):
            connection.write(piece)
            await connection.writer.drain()

    server.head_handler = slow
    before = _resident_kib(shared_monitor)
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(f"POST /x HTTP/1.1\r\nHost: m\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // len(piece)):
            client.send(piece)
            await client.writer.drain()
        await asyncio.sleep(0.3)
        assert (await client.read_answer()).body == piece * (size // len(piece))
    assert received == size
    assert _resident_kib(shared_monitor) - before < 16 * 1024


def _resident_kib(monitor: MonitorProcess) -> int:
    assert monitor.process is not None
    with open(f"/proc/{monitor.process.pid}/status", encoding="ascii") as status:  # noqa: PTH123 - no real file
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


async def test_upgrade_is_not_passed_on(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """A client that offers HTTP/2 is answered over HTTP/1.1, and the server never sees the offer."""
    async with RawClient(shared_monitor.serving_port) as client:
        offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
        assert (await client.ask(infer(b"{}", *offer))).status == 200
        assert (await client.ask(infer())).status == 200
    request = server.requests[0]
    assert [request.header(name) for name in ("upgrade", "http2-settings", "connection")] == [None] * 3


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\n\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000, 431),
        (b"GET / HTTP/3.0\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", 501),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
async def test_what_is_no_request_is_refused(
    shared_monitor: MonitorProcess, server: ModelServer, sent: bytes, status: int
) -> None:
    """What the server could take for something else than the monitor does never reaches it."""
    async with RawClient(shared_monitor.serving_port) as client:
        got = await client.ask(sent)
        assert got.status == status
        assert got.header("connection") == "close"
        assert json.loads(got.body)["error"]
        assert await client.read_end() == b""
    assert server.requests == []


async def test_broken_chunk_after_the_head(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """A body whose framing breaks midway is refused, and the server sees its connection end."""
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await until(lambda: len(server.requests) == 1, "the server has the head")
        client.send(b"zz\r\n")
        assert (await client.read_answer()).status == 400
    await until(lambda: server.disconnects == 1, "the server's connection ended")


async def test_client_that_closes(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """A request with Connection: close is answered and its connection closed."""
    async with RawClient(shared_monitor.serving_port) as client:
        assert (await client.ask(infer(b"{}", "Connection: close"))).status == 200
        assert await client.read_end() == b""
    assert len(server.requests) == 1


async def test_real_client(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """A real HTTP client with a pool works through it, with and without chunks."""
    server.handler = echo
    async with aiohttp.ClientSession() as session:

        async def one(number: int) -> bytes:
            data = str(number).encode() * 100
            chunked = True if number % 2 else None
            async with session.post(shared_monitor.url("/echo"), data=data, chunked=chunked) as got:
                return await got.read()

        bodies = await asyncio.gather(*(one(number) for number in range(200)))
    assert bodies == [str(number).encode() * 100 for number in range(200)]


async def test_server_sent_events_pass_as_they_come(
    shared_monitor: MonitorProcess, server: ModelServer
) -> None:
    """A stream is not held back: the client has the first event before the second is sent."""
    go_on = asyncio.Event()

    async def stream(_request: Request, connection: Connection) -> None:
        connection.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        connection.write(b"9\r\ndata: 1\n\n\r\n")
        await go_on.wait()
        connection.write(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    server.handler = stream
    async with RawClient(shared_monitor.serving_port) as client:
        client.send(infer())
        async with asyncio.timeout(30):
            first = await client.reader.readuntil(b"data: 1\n\n\r\n")
        assert HEADER_RECEIPT.encode() in first
        go_on.set()
        async with asyncio.timeout(30):
            await client.reader.readuntil(b"0\r\n\r\n")


async def test_interim_answers_pass(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """Interim answers reach the client before the final one."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + prediction())

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        assert (await client.ask(infer())).status == 103
        assert (await client.read_answer()).status == 200
