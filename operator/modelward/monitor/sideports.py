"""The ports beside the request path: metrics and health on one, the operator's admin calls on another."""

import hmac
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import ValidationError

from modelward.api.monitorconfig import TrafficConfig
from modelward.conventions import PATH_OBJECTIVES
from modelward.monitor.exposition import objectives_registry, operations_registry
from modelward.monitor.log import LOGGER
from modelward.monitor.readiness import not_ready_because
from modelward.monitor.state import MonitorState
from modelward.monitor.traffic import Applied

MAX_ADMIN_BODY_BYTES: Final = 16 * 1024
_BEARER: Final = "Bearer "


def metrics_app(state: MonitorState) -> web.Application:
    """GET /metrics/objectives, /metrics, /healthz and /readyz."""
    objectives, operations = objectives_registry(state), operations_registry(state)

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        reason = await not_ready_because(state)
        return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

    async def show_objectives(request: web.Request) -> web.Response:
        return _exposition(request, objectives)

    async def show_operations(request: web.Request) -> web.Response:
        return _exposition(request, operations)

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get(PATH_OBJECTIVES, show_objectives)
    app.router.add_get("/metrics", show_operations)
    return app


def _exposition(request: web.Request, registry: CollectorRegistry) -> web.Response:
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(registry), headers={"Content-Type": content_type})


def admin_app(state: MonitorState) -> web.Application:
    """PUT and GET /traffic, with the deployment's bearer token."""

    async def show(request: web.Request) -> web.Response:
        _authenticate(state, request)
        return web.json_response(_traffic(state))

    async def change(request: web.Request) -> web.Response:
        _authenticate(state, request)
        try:
            offered = TrafficConfig.model_validate_json(await request.read())
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors()
            )
            return _refusal(400, f"not a traffic object: {problems}")
        outcome = state.traffic.apply(offered)
        current = state.traffic.current
        if outcome is Applied.OLDER:
            text = f"generation {offered.generation} is older than {current.generation}, which is in force"
            return _refusal(409, text)
        if outcome is Applied.CONFLICT:
            text = f"generation {offered.generation} is in force with another content; use a higher one"
            return _refusal(409, text)
        if outcome is Applied.CHANGED:
            fields = {"mode": current.mode.value, "generation": current.generation}
            LOGGER.info("traffic changed", extra={"fields": fields})
        return web.json_response(_traffic(state))

    app = web.Application(client_max_size=MAX_ADMIN_BODY_BYTES)
    app.router.add_get("/traffic", show)
    app.router.add_put("/traffic", change)
    return app


def _authenticate(state: MonitorState, request: web.Request) -> None:
    """Raise 401 unless the request brings the admin token; compared in constant time."""
    given = request.headers.get("Authorization", "")
    token = given[len(_BEARER) :] if given.startswith(_BEARER) else ""
    sent = token.encode(errors="surrogateescape")  # the header's bytes, which need not be UTF-8
    if state.keys is None or not hmac.compare_digest(sent, state.keys.admin_token.encode()):
        raise web.HTTPUnauthorized(
            text='{"error": "send Authorization: Bearer with the deployment\'s admin token"}\n',
            content_type="application/json",
            headers={"WWW-Authenticate": "Bearer"},
        )


def _traffic(state: MonitorState) -> dict[str, object]:
    """The traffic object in force, and what tells whether the pod's own server still gets requests."""
    shown: dict[str, object] = state.traffic.current.model_dump(mode="json")
    shown["open_connections"] = state.counts.open_connections
    shown["in_flight"] = state.counts.requests_in_flight
    shown["requests_total"] = state.counts.requests
    return shown


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
