"""The server's side of a joined gRPC connection."""

import asyncio
import time
from typing import Protocol, cast

from modelward.monitor.unsent import Unsent
from modelward.monitor.upstream import MAX_BUFFERED_BYTES


class Joined(Protocol):
    """The client's side, as the server's sees it."""

    def server_sent(self, data: bytes) -> None:
        """Bytes came from the server."""

    def server_lost(self, server: "ServerConnection") -> None:
        """The connection to the server has ended."""

    def server_full(self) -> None:
        """The server does not take more for now."""

    def server_drained(self) -> None:
        """The server takes more again."""


class ServerConnection(asyncio.Protocol):
    """One connection to a server."""

    __slots__ = ("_client", "_is_dropped", "_transport", "_unsent")

    def __init__(self, client: Joined) -> None:
        self._client = client
        self._is_dropped = False
        self._transport: asyncio.Transport | None = None
        self._unsent = Unsent()

    @property
    def is_open(self) -> bool:
        """Whether bytes can still be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def is_stalled(self, now_s: float) -> bool:
        """Whether it has taken nothing of what waits for too long at `now_s` (performance counter)."""
        return self._transport is not None and self._unsent.is_stalled(self._transport, now_s)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def drop(self) -> None:
        """End the connection, at once and without a further word to the client's side."""
        self._is_dropped = True
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """The client does not take more for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The client takes more again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=MAX_BUFFERED_BYTES)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if not self._is_dropped:
            self._client.server_sent(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        _ = exc
        if not self._is_dropped:
            self._client.server_lost(self)

    def pause_writing(self) -> None:
        """Called by the event loop."""
        self._unsent.full(time.perf_counter())
        self._client.server_full()

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._unsent.drained()
        self._client.server_drained()
