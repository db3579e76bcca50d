"""A work queue of keys: each at most once in it, never worked on twice at once, slower after each failure.

The semantics are those of client-go's rate-limiting work queue, as an asyncio value.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable
from datetime import timedelta
from typing import Final, Generic, TypeVar

FIRST_RETRY: Final = timedelta(milliseconds=100)
LONGEST_RETRY: Final = timedelta(minutes=2)

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys to be worked on. Not for use from several threads."""

    def __init__(
        self, first_retry: timedelta = FIRST_RETRY, longest_retry: timedelta = LONGEST_RETRY
    ) -> None:
        self._first_retry = first_retry
        self._longest_retry = longest_retry
        self._ready: deque[K] = deque()
        self._waiting: set[K] = set()
        """Keys that must be worked on (again): in `_ready`, or worked on just now and added meanwhile."""
        self._working: set[K] = set()
        self._failures: dict[K, int] = {}
        self._due_at: dict[K, float] = {}
        self._timers: list[tuple[float, int, K]] = []
        self._sequence = 0
        self._changed = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        """Return how many keys are ready to be worked on."""
        return len(self._ready)

    def add(self, key: K) -> None:
        """Put a key in; once is enough however often it is added before its turn."""
        if self._closed or key in self._waiting:
            return
        self._waiting.add(key)
        if key not in self._working:
            self._ready.append(key)
            self._changed.set()

    def add_after(self, key: K, delay: timedelta) -> None:
        """Put a key in later; of several times the earliest counts."""
        due = asyncio.get_running_loop().time() + max(0.0, delay.total_seconds())
        if self._closed or self._due_at.get(key, due + 1) <= due:
            return
        self._due_at[key] = due
        self._sequence += 1
        heapq.heappush(self._timers, (due, self._sequence, key))
        self._changed.set()

    def retry(self, key: K) -> timedelta:
        """Put a key in after its back-off, twice as long with each failure in a row; return the wait."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        doublings = min(failures, 30)
        delay = min(self._longest_retry, self._first_retry * (1 << doublings))
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: K) -> None:
        """Forget a key's failures."""
        self._failures.pop(key, None)

    async def take(self) -> K | None:
        """Wait for a key and return it, to be given back with `done`; None: the queue is closed."""
        while True:
            self._fire_timers()
            if self._closed:
                return None
            if self._ready:
                key = self._ready.popleft()
                self._waiting.discard(key)
                self._working.add(key)
                if self._ready:
                    self._changed.set()
                return key
            self._changed.clear()
            await self._until_changed_or_due()

    def done(self, key: K) -> None:
        """Give a key back; if it was added meanwhile its next turn comes now."""
        self._working.discard(key)
        if key in self._waiting and not self._closed:
            self._ready.append(key)
            self._changed.set()

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True
        self._changed.set()

    def _fire_timers(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._timers and self._timers[0][0] <= now:
            due, _, key = heapq.heappop(self._timers)
            if self._due_at.get(key) == due:  # else an earlier time was asked for
                del self._due_at[key]
                self.add(key)

    async def _until_changed_or_due(self) -> None:
        limit = self._timers[0][0] if self._timers else None
        try:
            async with asyncio.timeout_at(limit):
                await self._changed.wait()
        except TimeoutError:
            return
