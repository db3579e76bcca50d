"""What waits to be sent to a server, and whether the server still takes any of it."""

import asyncio

from modelward.monitor.timeouts import UNTAKEN_SECONDS


class Unsent:
    """Of one connection, once more waits than may."""

    __slots__ = ("_bytes", "_full_since_s")

    def __init__(self) -> None:
        self._full_since_s: float | None = None
        """Since when as much waits to be sent as now, which is more than may; None: no more than may does."""
        self._bytes = 0

    def full(self, now_s: float) -> None:
        """More waits than may, since `now_s` (performance counter)."""
        self._full_since_s = now_s

    def drained(self) -> None:
        """No more waits than may."""
        self._full_since_s = None

    def is_stalled(self, transport: asyncio.Transport, now_s: float) -> bool:
        """Whether the server has taken nothing of what waits for too long at `now_s` (performance counter).

        To be asked now and then: what it has taken shows in what waits.
        """
        if self._full_since_s is None:
            return False
        waiting = transport.get_write_buffer_size()
        if waiting != self._bytes:
            self._bytes, self._full_since_s = waiting, now_s
        return now_s - self._full_since_s > UNTAKEN_SECONDS
