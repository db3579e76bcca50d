"""Leader election: one coordination.k8s.io Lease, held by the one operator that may write.

The rules are those of client-go's leaderelection: a holder renews every retry period and steps down if it
could not for the renew deadline; another takes over when it has seen the record unchanged for the lease's
duration by its own clock, so that clocks need not agree.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modelward.control.client import CONFLICT, NOT_FOUND, ApiError, Client, Manifest
from modelward.control.kinds import LEASE

log = logging.getLogger(__name__)


class LeaseLostError(Exception):
    """The lease could not be renewed in time: another operator may be writing."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Times of the election, in seconds."""

    duration: float
    renew_deadline: float
    retry: float


class Lease:
    """This process's part in the election."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        periods: Periods,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.identity = identity
        self._client = client
        self._namespace = namespace
        self._name = name
        self._periods = periods
        self._wall_clock = wall_clock
        self._seen: Manifest | None = None
        self._seen_at = 0.0
        self._renewed_at = 0.0
        self._is_stale = False
        """Whether a write met a newer record than the one last seen."""
        self.is_held = False

    async def acquire(self) -> None:
        """Return when this process holds the lease."""
        while not await self._try():  # noqa: ASYNC110 - nothing here would set an event
            await asyncio.sleep(self._periods.retry)
        log.info(
            "became leader", extra={"lease": f"{self._namespace}/{self._name}", "identity": self.identity}
        )

    async def hold(self) -> None:
        """Renew for as long as possible.

        Raises:
            LeaseLostError: another holds it, or it was not renewed within the renew deadline.
        """
        while True:
            await asyncio.sleep(self._periods.retry)
            left = self._renewed_at + self._periods.renew_deadline - self._now()
            try:
                async with asyncio.timeout(max(left, 0.001)):
                    renewed = await self._try()
            except TimeoutError:
                renewed = False
            if self._holder() not in {"", self.identity}:
                self.is_held = False
                message = f"{self._holder()} holds the lease now"
                raise LeaseLostError(message)
            if not renewed and self._now() - self._renewed_at >= self._periods.renew_deadline:
                self.is_held = False
                message = f"the lease was not renewed for {self._periods.renew_deadline:.0f} s"
                raise LeaseLostError(message)

    async def release(self) -> None:
        """Give the lease up, so that another need not wait for its end; failing only costs that wait."""
        if not self.is_held or self._seen is None:
            return
        self.is_held = False
        spec = {**self._seen["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._put({**self._seen, "spec": spec})
        except ApiError as error:
            log.warning("lease not released", extra={"error": str(error)})

    async def _try(self) -> bool:
        """Take or renew the lease if it may be; return whether it is ours now."""
        try:
            if not self.is_held or self._is_stale:
                await self._read()
            if not self._may_take():
                return False
            await self._write()
        except ApiError as error:
            if error.status == CONFLICT:
                self._is_stale = True
            else:
                log.warning("lease not renewed", extra={"error": str(error)})
            return False
        self.is_held = True
        return True

    async def _read(self) -> None:
        try:
            found = await self._client.request("GET", LEASE.path(self._namespace, self._name))
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            self._seen = None
            return
        if self._seen is None or found["metadata"]["resourceVersion"] != self._version(self._seen):
            self._seen_at = self._now()
        self._seen = found

    def _may_take(self) -> bool:
        if self._seen is None or self._holder() in {"", self.identity}:
            return True
        duration = float(self._seen["spec"].get("leaseDurationSeconds", self._periods.duration))
        return self._now() - self._seen_at > duration

    async def _write(self) -> None:
        now = self._wall_clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        started = self._now()
        spec = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self._periods.duration)),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 0,
        }
        if self._seen is None:
            metadata = {"namespace": self._namespace, "name": self._name}
            lease = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata, "spec": spec}
            self._seen = await self._client.create(LEASE, lease)
        else:
            before = self._seen["spec"]
            transitions = int(before.get("leaseTransitions", 0))
            if before.get("holderIdentity") == self.identity:
                spec |= {"acquireTime": before.get("acquireTime", now), "leaseTransitions": transitions}
            else:
                spec["leaseTransitions"] = transitions + 1
            self._seen = await self._put({**self._seen, "spec": spec})
        self._seen_at = self._renewed_at = started
        self._is_stale = False

    async def _put(self, lease: Manifest) -> Manifest:
        path = LEASE.path(self._namespace, self._name)
        timeout_seconds = self._periods.renew_deadline / 2
        return await self._client.request("PUT", path, body=lease, timeout_seconds=timeout_seconds)

    def _holder(self) -> str:
        return str(self._seen["spec"].get("holderIdentity") or "") if self._seen else ""

    @staticmethod
    def _version(lease: dict[str, Any]) -> str:
        return str(lease["metadata"]["resourceVersion"])

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
