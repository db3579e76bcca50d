"""The least that a proxy on uvloop costs: bytes are passed on untouched, and nothing is looked at.

Run as `python -m bench.monitor.forwarder PORT SERVER_PORT`. One connection to the server for each client's.
"""

import asyncio
import sys
from functools import partial
from typing import cast

import uvloop


class _End(asyncio.Protocol):
    """One end of a pair of connections: what comes is sent at the other end."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.other: _End | None = None
        self._waiting: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._waiting.append(data)
        else:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        _ = exc
        if self.other is not None:
            self.other.transport.abort()

    def join(self, other: "_End") -> None:
        """Pair it with the other end, and send what has come before."""
        self.other, other.other = other, self
        other.transport.writelines(self._waiting)


class _Client(_End):
    """The client's end, which opens the server's."""

    def __init__(self, server_port: int) -> None:
        super().__init__()
        self._server_port = server_port
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        _, server = await asyncio.get_running_loop().create_connection(_End, "127.0.0.1", self._server_port)
        self.join(server)


async def _serve(port: int, server_port: int) -> None:
    factory = partial(_Client, server_port)
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
