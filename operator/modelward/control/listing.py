"""Full lists: the first fills the cache, later ones repair what a watch has missed.

kopf sends no deletion of what went away while its watch was broken.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Never

from modelward.control.cache import Cache
from modelward.control.client import ApiError, Client
from modelward.control.kinds import OPTIONAL, REQUIRED, Kind
from modelward.signals.key import Key

log: Final = logging.getLogger(__name__)

RETRY_SECONDS: Final = 2.0


class KindsChangedError(Exception):
    """Another set of kinds is served than is watched; a new start watches the right ones."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Full lists into one cache."""

    client: Client
    cache: Cache
    namespaces: Sequence[str]
    """Where; none means everywhere."""

    async def fill(self) -> tuple[Kind, ...]:
        """List everything once, however often it takes; return the kinds to watch from then on."""
        while True:
            try:
                watched = await self._served_kinds()
                began = time.perf_counter()
                for kind in watched:
                    await self._refresh(kind)
            except ApiError as error:
                log.warning("cannot list: %s; trying again in %.0f s", error, RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            deployments, seconds = len(self.cache.deployments()), time.perf_counter() - began
            log.info("listed %d deployments", deployments, extra={"seconds": round(seconds, 3)})
            return watched

    async def repeat(
        self, watched: Sequence[Kind], every_seconds: float, wake: Callable[[Iterable[Key]], None]
    ) -> Never:
        """List everything anew from time to time, and wake the deployments that turn out to have changed.

        Raises:
            KindsChangedError: other kinds are served than are watched.
        """
        while True:
            await asyncio.sleep(every_seconds)
            try:
                # First, as a kind that is no longer served cannot be listed.
                if changed := set(await self._served_kinds()) ^ set(watched):
                    names = ", ".join(sorted(kind.plural for kind in changed))
                    message = f"{names} came or went; a new start watches what is served now"
                    raise KindsChangedError(message)
                for kind in watched:
                    wake(await self._refresh(kind))
            except ApiError as error:
                log.warning("cannot list: %s", error)

    async def _refresh(self, kind: Kind) -> set[Key]:
        """List a kind, bring the cache in line with it, and return the deployments that it changed."""
        changed: set[Key | None] = set()
        for namespace in self.namespaces or ("",):
            listed: set[tuple[str, str]] = set()
            version = 0
            async for page in self.client.pages(kind, namespace):
                version = int(page["metadata"]["resourceVersion"])
                for item in page["items"]:
                    listed.add((item["metadata"]["namespace"], item["metadata"]["name"]))
                    seen = {"apiVersion": kind.api_version, "kind": kind.name, **item}
                    changed.add(self.cache.put(kind, seen))
            changed |= self.cache.keep_only(kind, namespace, listed, version)
        return {key for key in changed if key is not None}

    async def _served_kinds(self) -> tuple[Kind, ...]:
        """Return the kinds to watch: all required ones and those optional ones that are served."""
        return (*REQUIRED, *[kind for kind in OPTIONAL if await self.client.is_served(kind)])
