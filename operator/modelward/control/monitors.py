"""Talks to the monitors in the pods: which traffic generation they obey, how much they have answered."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import aiohttp
import orjson

from modelward import conventions as names
from modelward.control.client import Manifest

TIMEOUT_SECONDS: Final = 2.0
MAX_CONNECTIONS: Final = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """What a monitor said of itself."""

    generation: int
    requests_total: int
    """Requests that were given to the revision's own server."""
    in_flight: int

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Read a monitor's answer; raises KeyError, TypeError or ValueError if it is none."""
        return cls(int(answer["generation"]), int(answer["requests_total"]), int(answer["in_flight"]))


class Monitors:
    """A client of every monitor's admin port."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def read(self, pods: Iterable[Manifest], token: str) -> dict[str, Reading]:
        """Read the monitors of pods, all at once; those that do not answer in time are left out.

        Returns:
            Readings by pod uid.
        """
        return await self._ask("GET", pods, token, None)

    async def tell(
        self, pods: Iterable[Manifest], token: str, traffic: Mapping[str, Any]
    ) -> dict[str, Reading]:
        """Tell the monitors of pods what to do with their traffic; those that did not answer are left out.

        A monitor that cannot be told learns it from its ConfigMap.
        """
        return await self._ask("PUT", pods, token, orjson.dumps(traffic))

    async def _ask(
        self, method: str, pods: Iterable[Manifest], token: str, body: bytes | None
    ) -> dict[str, Reading]:
        reachable = [pod for pod in pods if pod["status"]["podIP"]]
        answers = await asyncio.gather(*(self._one(method, pod, token, body) for pod in reachable))
        found = zip(reachable, answers, strict=True)
        return {pod["metadata"]["uid"]: reading for pod, reading in found if reading is not None}

    async def _one(self, method: str, pod: Manifest, token: str, body: bytes | None) -> Reading | None:
        address = pod["status"]["podIP"]
        host = f"[{address}]" if ":" in address else address
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS)
            self._session = aiohttp.ClientSession(connector=connector)
        try:
            async with self._session.request(
                method,
                f"http://{host}:{names.PORT_ADMIN}/traffic",
                data=body,
                headers=headers,
                timeout=timeout,
            ) as answer:
                answer.raise_for_status()
                return Reading.of(orjson.loads(await answer.read()))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError):
            return None
