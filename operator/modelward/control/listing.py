"""Full lists: the first fills the cache, later ones repair what a watch has missed.

kopf sends no deletion of what went away between two lists: while its watch was broken, or after the first
list here and before kopf's own.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Never

from modelward.control.cache import Cache
from modelward.control.client import ApiError, Client
from modelward.control.kinds import OPTIONAL, REQUIRED, Kind
from modelward.signals.key import Key

log: Final = logging.getLogger(__name__)

RETRY_SECONDS: Final = 2.0
QUIET_SECONDS: Final = 0.5
"""For so long nothing must come of kopf's lists before a list here: a long one is seen object by object."""
FIRST_REPEAT_SECONDS: Final = 10.0
"""After the start kopf may have listed a kind of which nothing was left, and nothing tells of that."""


class KindsChangedError(Exception):
    """Another set of kinds is served than is watched; a new start watches the right ones."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Full lists into one cache."""

    client: Client
    cache: Cache
    namespaces: Sequence[str]
    """Where; none means everywhere."""
    _anew: set[Kind] = field(default_factory=set)
    _noticed: asyncio.Event = field(default_factory=asyncio.Event)

    def listed_by_watch(self, kind: Kind) -> None:
        """Note that an object came by a list that a watch began with: deletions before it came by nothing."""
        self._anew.add(kind)
        self._noticed.set()

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

        What a watch has listed is listed here as well once that is over.

        Raises:
            KindsChangedError: other kinds are served than are watched.
        """
        clock = asyncio.get_running_loop().time
        at = clock() + min(FIRST_REPEAT_SECONDS, every_seconds)
        while True:
            due = await self._until_due(watched, at)
            if due is watched:
                at = clock() + every_seconds
            try:
                # First, as a kind that is no longer served cannot be listed.
                if changed := set(await self._served_kinds()) ^ set(watched):
                    names = ", ".join(sorted(kind.plural for kind in changed))
                    message = f"{names} came or went; a new start watches what is served now"
                    raise KindsChangedError(message)
                for kind in due:
                    wake(await self._refresh(kind))
            except ApiError as error:
                log.warning("cannot list: %s; trying again in %.0f s", error, RETRY_SECONDS)
                self._anew.update(due)
                await asyncio.sleep(RETRY_SECONDS)

    async def _until_due(self, watched: Sequence[Kind], at: float) -> Sequence[Kind]:
        """Wait until watches have listed kinds, and return these; all of them when it is time for that."""
        clock = asyncio.get_running_loop().time
        while (left := at - clock()) > 0:
            self._noticed.clear()
            try:
                async with asyncio.timeout(min(left, QUIET_SECONDS) if self._anew else left):
                    await self._noticed.wait()
            except TimeoutError:
                if self._anew:
                    break
        due = tuple(self._anew) if at > clock() else watched
        self._anew.clear()
        return due

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
