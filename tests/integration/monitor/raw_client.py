"""A client that sends exactly the bytes it is given and reads answers one by one."""

import asyncio
from dataclasses import dataclass
from typing import Self

from tests.integration.monitor.model_server import read_chunked

LIMIT_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came."""

    status: int
    head: bytes
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class RawClient:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def read_answer(self, method: str = "POST") -> Answer:
        """Read one answer to a `method` request; IncompleteReadError when it breaks off."""
        async with asyncio.timeout(LIMIT_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            start, *lines = head[:-4].decode("latin-1").split("\r\n")
            status = int(start.split(" ")[1])
            headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
            found = {name.lower(): value for name, value in headers}
            if method == "HEAD" or status < 200 or status in {204, 304}:
                body = b""
            elif "content-length" in found:
                body = await self.reader.readexactly(int(found["content-length"]))
            elif "transfer-encoding" in found:
                body, _ = await read_chunked(self.reader)
            else:
                body = await self.reader.read()
            return Answer(status, head, headers, body)

    async def ask(self, data: bytes, method: str = "POST") -> Answer:
        """Send bytes and read one answer."""
        self.send(data)
        return await self.read_answer(method)

    async def read_end(self) -> bytes:
        """What comes until the other side ends the connection; a reset raises ConnectionError."""
        async with asyncio.timeout(LIMIT_SECONDS):
            return await self.reader.read()


def infer(body: bytes = b'{"inputs": []}', *headers: str) -> bytes:
    """A v2 inference request."""
    lines = ["POST /v2/models/m/infer HTTP/1.1", "Host: model", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(path: str = "/v2/models/m", *headers: str, method: str = "GET") -> bytes:
    """A request without a body."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: model", *headers]).encode() + b"\r\n\r\n"
