"""The two listening ports that take requests, and all the client connections on them."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, cast

from modelward.monitor.client import ClientConnection
from modelward.monitor.exchange import Port
from modelward.monitor.spans import Tracer
from modelward.monitor.state import MonitorState

BACKLOG: Final = 1024
SWEEP_SECONDS: Final = 1.0


class Connection(Protocol):
    """A client's connection, of whichever protocol."""

    def sweep(self, now_s: float) -> None:
        """End it when the client has paused for too long at `now_s` (performance counter)."""

    def end_if_idle(self) -> None:
        """Close it when no request is under way, and otherwise with the last of them."""


class Proxy:
    """Accepts clients' connections."""

    def __init__(self, state: MonitorState, tracer: Tracer | None) -> None:
        self.state = state
        self.tracer = tracer
        self._connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._all_closed = asyncio.Event()

    async def listen(self, serving_port: int, synthetic_port: int) -> None:
        """Open the ports. Raises OSError when one is taken."""
        loop = asyncio.get_running_loop()
        for port, number in ((Port.SERVING, serving_port), (Port.SYNTHETIC, synthetic_port)):
            factory = cast("Callable[[], asyncio.Protocol]", partial(ClientConnection, self, port))
            server = await loop.create_server(factory, host=None, port=number, backlog=BACKLOG)
            self._servers.append(server)

    async def sweep(self) -> None:
        """For ever: end connections that have paused for too long."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now_s = time.perf_counter()
            for connection in tuple(self._connections):
                connection.sweep(now_s)

    def stop_listening(self) -> None:
        """Accept no more connections."""
        for server in self._servers:
            server.close()

    async def finish(self) -> None:
        """Close idle connections and wait until every request that is under way has been answered."""
        for connection in tuple(self._connections):
            connection.end_if_idle()
        if self._connections:
            self._all_closed.clear()
            await self._all_closed.wait()

    def opened(self, connection: Connection) -> None:
        """A client connected."""
        self._connections.add(connection)
        self.state.counts.open_connections += 1

    def replaced(self, before: Connection, after: Connection) -> None:
        """A client turned out to speak another protocol."""
        self._connections.discard(before)
        self._connections.add(after)

    def closed(self, connection: Connection) -> None:
        """A client's connection is gone."""
        self._connections.discard(connection)
        self.state.counts.open_connections -= 1
        if not self._connections:
            self._all_closed.set()
