"""A small real HTTP/1.1 server whose answers a test writes byte by byte, and that remembers what came."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

PREDICTION = {
    "model_name": "m",
    "outputs": [{"name": "predict", "shape": [1, 1], "datatype": "INT64", "data": [1]}],
}


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer of known length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def prediction(status: str = "200 OK") -> bytes:
    """A v2 inference response with one prediction, 1."""
    return answer(json.dumps(PREDICTION).encode(), status, "Content-Type: application/json")


@dataclass(slots=True)
class Request:
    """One request as it came."""

    method: str
    target: str
    head: bytes
    headers: list[tuple[str, str]]
    body: bytes
    wire_body: bytes
    """The body as it was framed."""

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(slots=True)
class Connection:
    """One connection, as a handler sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    def reset(self) -> None:
        """End the connection with a reset."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Request, Connection], Awaitable[None]]


async def predict(_request: Request, connection: Connection) -> None:
    """Answer with a prediction."""
    connection.write(prediction())


async def echo(request: Request, connection: Connection) -> None:
    """Answer with the request's body."""
    connection.write(answer(request.body))


@dataclass(slots=True)
class ModelServer:
    """Listens on loopback; `handler` answers every request whose body has been read."""

    port: int
    handler: Handler = predict
    head_handler: Handler | None = None
    """Called when the head has come; the body is then left to it."""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    disconnects: int = 0
    """Connections that the other side has ended."""
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=1 << 20)

    async def stop(self) -> None:
        """Stop listening and reset every connection, as a crash does."""
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._serve(Connection(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.disconnects += 1
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, connection: Connection) -> None:
        while not connection.writer.is_closing():
            head = await connection.reader.readuntil(b"\r\n\r\n")
            request = _parse(head)
            self.requests.append(request)
            if self.head_handler is not None:
                await self.head_handler(request, connection)
                continue
            if (request.header("expect") or "").lower() == "100-continue":
                connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await _read_body(request, connection.reader)
            await self.handler(request, connection)
            await connection.writer.drain()
            if (request.header("connection") or "").lower() == "close":
                return


def _parse(head: bytes) -> Request:
    start, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, target, _ = start.split(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Request(method, target, head, headers, b"", b"")


async def _read_body(request: Request, reader: asyncio.StreamReader) -> None:
    length = request.header("content-length")
    if length is not None:
        request.wire_body = request.body = await reader.readexactly(int(length))
    elif request.header("transfer-encoding") is not None:
        request.body, request.wire_body = await read_chunked(reader)


async def read_chunked(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Content and bytes of a chunked body, trailers included."""
    content = wire = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        wire += line
        size = int(line.partition(b";")[0], 16)
        if not size:
            break
        chunk = await reader.readexactly(size + 2)
        wire += chunk
        content += chunk[:-2]
    while True:
        line = await reader.readuntil(b"\r\n")
        wire += line
        if line == b"\r\n":
            return content, wire
