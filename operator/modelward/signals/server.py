"""The operator's two HTTP ports: health and metrics on one, Alertmanager's webhook on the other.

They are apart so that a network policy can open the second to Alertmanager alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from modelward.conventions import PATH_ALERTS, PORT_OPERATOR_ALERTS, PORT_OPERATOR_HTTP
from modelward.signals.telemetry import CONTENT_TYPE, Snapshots, Telemetry
from modelward.signals.webhook import MAX_BODY_BYTES, Receiver


@dataclass(frozen=True, slots=True)
class Readiness:
    """What /readyz reports. A standby is ready: readiness asks for caches, leadership is only told."""

    caches_synced: bool
    leader: bool


@dataclass(slots=True)
class Server:
    """Serves until it is closed. Port 0 takes a free one; see `http_port` and `alerts_port` after `start`."""

    telemetry: Telemetry
    snapshots: Snapshots
    readiness: Callable[[], Readiness]
    receiver: Receiver | None
    """None: no token is configured, and the second port stays closed."""
    host: str = "0.0.0.0"  # noqa: S104 - a pod's ports; the chart's NetworkPolicy says who may connect
    http_port: int = PORT_OPERATOR_HTTP
    alerts_port: int = PORT_OPERATOR_ALERTS
    _runners: list[web.AppRunner] = field(init=False, default_factory=list)

    async def start(self) -> None:
        """Open the ports (OSError if one is taken)."""
        http = web.Application()
        http.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
            ]
        )
        self.http_port = await self._listen(http, self.http_port)
        if self.receiver is not None:
            alerts = web.Application(client_max_size=MAX_BODY_BYTES)
            alerts.add_routes([web.post(PATH_ALERTS, self.receiver.handle)])
            self.alerts_port = await self._listen(alerts, self.alerts_port)

    async def close(self) -> None:
        """Finish the answers under way and close the ports."""
        while self._runners:
            await self._runners.pop().cleanup()

    async def _listen(self, app: web.Application, port: int) -> int:
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, self.host, port).start()
        chosen: int = runner.addresses[0][1]
        return chosen

    async def _healthz(self, _: web.Request) -> web.Response:
        # That it is answered at all shows that the event loop runs.
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        readiness = self.readiness()
        told = {"cachesSynced": readiness.caches_synced, "leader": readiness.leader}
        return web.json_response(told, status=200 if readiness.caches_synced else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        text = await self.telemetry.exposition(self.snapshots())
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})
