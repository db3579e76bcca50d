"""The ports beside the request path: metrics and health on one, the operator's admin calls on another."""

import asyncio
import hmac
from typing import Final

import orjson
from prometheus_client.exposition import choose_encoder
from pydantic import ValidationError

from modelward.api.monitorconfig import TrafficConfig
from modelward.conventions import PATH_OBJECTIVES
from modelward.monitor.answers import error_body
from modelward.monitor.capture.channel import Channel, RenderError
from modelward.monitor.exposition import objectives_registry, pack
from modelward.monitor.heads import RequestHead
from modelward.monitor.log import LOGGER
from modelward.monitor.readiness import not_ready_because
from modelward.monitor.sides import Answer, Handler, Routes
from modelward.monitor.state import MonitorState
from modelward.monitor.traffic import Applied

_TEXT: Final = "text/plain; charset=utf-8"
_BEARER: Final = b"Bearer "


def metrics_routes(state: MonitorState, channel: Channel) -> Routes:
    """GET /metrics/objectives, /metrics, /healthz and /readyz."""
    objectives = objectives_registry(state)
    scraping = asyncio.Lock()

    async def healthz(_head: RequestHead, _body: bytes) -> Answer:
        return Answer(200, b"ok\n", _TEXT)

    async def readyz(_head: RequestHead, _body: bytes) -> Answer:
        reason = await not_ready_because(state)
        return Answer(503 if reason else 200, f"{reason or 'ok'}\n".encode(), _TEXT)

    async def show_objectives(head: RequestHead, _body: bytes) -> Answer:
        encode, content_type = choose_encoder(_accept(head))
        async with scraping:  # what one scrape opens at 0 is not counted by another before it is shown
            await _release_labels(state)
            return Answer(200, encode(objectives), content_type)

    async def show_operations(head: RequestHead, _body: bytes) -> Answer:
        try:
            rendered = await channel.render(pack(state, channel), _accept(head))
        except RenderError as error:
            return Answer(503, f"{error}\n".encode(), _TEXT)
        content_type, _, text = rendered.partition(b"\n")
        return Answer(200, text, content_type.decode())

    return {
        "/healthz": {"GET": healthz},
        "/readyz": {"GET": readyz},
        PATH_OBJECTIVES: {"GET": show_objectives},
        "/metrics": {"GET": show_operations},
    }


async def _release_labels(state: MonitorState) -> None:
    """Count the labels that are due, and let requests through meanwhile."""
    if state.config is None:
        return
    for _ in state.labels.release(state.counts.events, state.config.objectives, state.counts.requests):
        await asyncio.sleep(0)


def _accept(head: RequestHead) -> str:
    return ",".join(value.decode("latin-1") for value in head.all(b"accept"))


def admin_routes(state: MonitorState) -> Routes:
    """PUT and GET /traffic, with the deployment's bearer token."""

    async def show(_head: RequestHead, _body: bytes) -> Answer:
        return Answer(200, orjson.dumps(_traffic(state)))

    async def change(_head: RequestHead, body: bytes) -> Answer:
        try:
            offered = TrafficConfig.model_validate_json(body)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors()
            )
            return Answer(400, error_body(f"not a traffic object: {problems}"))
        outcome = state.traffic.apply(offered)
        current = state.traffic.current
        if outcome is Applied.OLDER:
            text = f"generation {offered.generation} is older than {current.generation}, which is in force"
            return Answer(409, error_body(text))
        if outcome is Applied.CONFLICT:
            text = f"generation {offered.generation} is in force with another content; use a higher one"
            return Answer(409, error_body(text))
        if outcome is Applied.CHANGED:
            fields = {"mode": current.mode.value, "generation": current.generation}
            LOGGER.info("traffic changed", extra={"fields": fields})
        return Answer(200, orjson.dumps(_traffic(state)))

    return {"/traffic": {"GET": _authenticated(state, show), "PUT": _authenticated(state, change)}}


def _authenticated(state: MonitorState, handler: Handler) -> Handler:
    """The handler, for requests that bring the admin token; compared in constant time."""

    async def checked(head: RequestHead, body: bytes) -> Answer:
        given = head.get(b"authorization") or b""
        token = given[len(_BEARER) :] if given.startswith(_BEARER) else b""
        if state.keys is None or not hmac.compare_digest(token, state.keys.admin_token.encode()):
            text = "send Authorization: Bearer with the deployment's admin token"
            return Answer(401, error_body(text), headers=(("WWW-Authenticate", "Bearer"),))
        return await handler(head, body)

    return checked


def _traffic(state: MonitorState) -> dict[str, object]:
    """The traffic object in force, and what tells whether the pod's own server still gets requests."""
    shown: dict[str, object] = state.traffic.current.model_dump(mode="json")
    shown["open_connections"] = state.counts.open_connections
    shown["in_flight"] = state.counts.requests_in_flight
    shown["requests_total"] = state.counts.requests
    return shown
