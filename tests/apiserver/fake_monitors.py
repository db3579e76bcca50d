"""Stands in for the monitors of pods: answers the admin port, may be told to fail, notes what it is told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from modelward import conventions as names


@dataclass(slots=True)
class FakeMonitor:
    """One pod's monitor, at an address on loopback that no other has."""

    address: str
    generation: int = 0
    mode: str = "Serve"
    requests_total: int = 0
    in_flight: int = 0
    fails: bool = False
    told: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)


@dataclass(slots=True)
class FakeMonitors:
    """The monitors of one test; an async context manager."""

    when_told: Callable[[FakeMonitor, dict[str, Any]], Awaitable[None]] | None = None
    """Called before a monitor obeys."""
    by_address: dict[str, FakeMonitor] = field(default_factory=dict)
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Get ready; ports are opened one by one."""
        app = web.Application()
        app.add_routes([web.get("/traffic", self._read), web.put("/traffic", self._tell)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every port."""
        assert self._runner is not None
        await self._runner.cleanup()

    async def start(self, address: str) -> FakeMonitor:
        """Open a monitor's port."""
        assert self._runner is not None
        await web.TCPSite(self._runner, address, names.PORT_ADMIN).start()
        self.by_address[address] = FakeMonitor(address)
        return self.by_address[address]

    async def _read(self, request: web.Request) -> web.Response:
        return self._state(self._monitor(request))

    async def _tell(self, request: web.Request) -> web.Response:
        monitor = self._monitor(request)
        traffic = await request.json()
        if self.when_told is not None:
            await self.when_told(monitor, traffic)
        monitor.told.append(traffic)
        if traffic["generation"] > monitor.generation:
            monitor.generation, monitor.mode = traffic["generation"], traffic["mode"]
        return self._state(monitor)

    def _monitor(self, request: web.Request) -> FakeMonitor:
        assert request.transport is not None
        monitor = self.by_address[request.transport.get_extra_info("sockname")[0]]
        monitor.tokens.add(request.headers.get("Authorization", ""))
        if monitor.fails:
            raise web.HTTPInternalServerError
        return monitor

    def _state(self, monitor: FakeMonitor) -> web.Response:
        return web.json_response(
            {
                "generation": monitor.generation,
                "mode": monitor.mode,
                "requests_total": monitor.requests_total,
                "in_flight": monitor.in_flight,
                "connections": 0,
            }
        )
