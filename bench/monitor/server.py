"""The bare server that every proxy stands before: fixed answers on uvloop, and a stream of timed chunks.

Run as `python -m bench.monitor.server PORT`. It answers any POST with the v2 response to the small
request, and one to STREAM_PATH with CHUNKS events, each holding the moment of its sending
(CLOCK_MONOTONIC, ns), so that a client on the same machine can tell how long one was on its way. It also
takes what KServe's logger and the monitor's exporter send.
"""

import asyncio
import sys
import time
from typing import Final, cast

import uvloop

from bench.monitor.payloads import SMALL_BYTES, STREAM_PATH, answer_body, rows_of

CHUNKS: Final = 100
CHUNK_PAUSE_SECONDS: Final = 0.002
_BODY: Final = answer_body(rows_of(SMALL_BYTES))
_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: bench\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_HEAD_END: Final = b"\r\n\r\n"


class Server(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._left = 0
        self._head = b""
        self._streams = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if not self._left:
            data = self._head + data
            end = data.find(_HEAD_END)
            if end < 0:
                self._head = data
                return
            head, self._head = data[:end].lower(), b""
            self._left = _content_length(head) + end + len(_HEAD_END)
            self._streams = STREAM_PATH.encode() in head
        self._left -= len(data)
        if self._left <= 0:
            self._left = 0
            self._answer()

    def _answer(self) -> None:
        if self._streams:
            self._task = asyncio.get_running_loop().create_task(self._stream())
        else:
            self._transport.write(_ANSWER)

    async def _stream(self) -> None:
        self._transport.write(_STREAM_HEAD)
        for _ in range(CHUNKS):
            await asyncio.sleep(CHUNK_PAUSE_SECONDS)
            event = b"data: %d\n\n" % time.monotonic_ns()
            self._transport.write(b"%x\r\n%s\r\n" % (len(event), event))
        self._transport.write(b"0\r\n\r\n")


def _content_length(head: bytes) -> int:
    _, found, rest = head.partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
