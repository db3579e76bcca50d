"""Wakes tests when objects change, so that they need not ask the API server over and over.

What a watch tells is a hint only: who is woken asks anew, and asks now and then without having been woken.
"""

import asyncio
import contextlib
import ssl
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from kubernetes.aio.client import Configuration

from modelward.control.kinds import Kind

AGAIN_SECONDS: Final = 2.0
"""A watch that was missed delays nobody for longer."""
TOGETHER_SECONDS: Final = 0.02
"""Changes that come in such a time wake once."""
_METADATA_ALONE: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class Woken:
    """Waits for changes of some kinds."""

    def __init__(self) -> None:
        """Start as changed: nobody has looked yet."""
        self._changed = asyncio.Event()
        self._changed.set()
        self._taken_s = time.monotonic()

    def wake(self) -> None:
        """Say that something has changed."""
        self._changed.set()

    def take(self) -> bool:
        """Return whether something has changed since this was last asked, or it is time to look anyway."""
        is_time = self._changed.is_set() or time.monotonic() - self._taken_s > AGAIN_SECONDS
        if is_time:
            self._taken_s = time.monotonic()
        self._changed.clear()
        return is_time

    async def wait(self) -> None:
        """Wait for a change since the last look; then it is time for another."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), AGAIN_SECONDS)
            await asyncio.sleep(TOGETHER_SECONDS)
        self._changed.clear()


@dataclass(slots=True)
class Changes:
    """The watches of one namespace; each begins when somebody first waits for its kind."""

    api: Configuration
    namespace: str
    _sleepers: dict[Kind, set[Woken]] = field(default_factory=lambda: defaultdict(set))
    _watches: dict[Kind, asyncio.Task[None]] = field(default_factory=dict)
    _session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def of(self, *kinds: Kind) -> AsyncIterator[Woken]:
        """Have changes of some kinds noted while it lasts."""
        woken = Woken()
        for kind in kinds:
            self._sleepers[kind].add(woken)
            if kind not in self._watches:
                self._watches[kind] = asyncio.create_task(self._watch(kind))
        try:
            yield woken
        finally:
            for kind in kinds:
                self._sleepers[kind].discard(woken)

    async def close(self) -> None:
        """End every watch."""
        for watch in self._watches.values():
            watch.cancel()
        await asyncio.gather(*self._watches.values(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _watch(self, kind: Kind) -> None:
        url = f"{self.api.host}{kind.path(self.namespace)}"
        headers = {"Authorization": self.api.api_key["BearerToken"], "Accept": _METADATA_ALONE}
        endless = aiohttp.ClientTimeout(total=None)
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                # Without a resourceVersion it begins with what there is.
                async with self._connections().get(
                    url, params={"watch": "true"}, headers=headers, timeout=endless
                ) as answer:
                    async for _ in answer.content.iter_any():
                        for woken in self._sleepers[kind]:
                            woken.wake()
            await asyncio.sleep(AGAIN_SECONDS)

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            trusted = ssl.create_default_context(cafile=self.api.ssl_ca_cert)
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted, limit=0))
        return self._session
