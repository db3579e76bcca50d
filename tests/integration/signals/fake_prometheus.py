"""A server in Prometheus' place that answers whatever a test tells it to."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from aiohttp import web

from modelward.signals.prometheus import Endpoint


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in."""

    path: str
    form: dict[str, str]
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Asked, web.Request], Awaitable[web.StreamResponse]]


def body(text: str | bytes, status: int = 200, content_type: str = "application/json") -> Answer:
    """Answer these bytes."""
    raw = text.encode() if isinstance(text, str) else text

    async def answer(_asked: Asked, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=raw, status=status, content_type=content_type)

    return answer


def success(result: Any, kind: str = "vector", **more: Any) -> Answer:
    """Answer a successful query."""
    return body(orjson.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}))


async def hang(_asked: Asked, _request: web.Request) -> web.StreamResponse:
    """Accept the request and never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def break_off(_asked: Asked, request: web.Request) -> web.StreamResponse:
    """Close the connection in the middle of an answer."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"status":')
    assert request.transport is not None
    request.transport.abort()
    return response


@dataclass(slots=True)
class FakePrometheus:
    """The server; an async context manager."""

    answer: Answer = field(default_factory=lambda: success([]))
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    tls: ssl.SSLContext | None = None
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def endpoint(self, **more: Any) -> Endpoint:
        """Where it is asked."""
        return Endpoint(self.url, **more)

    async def __aenter__(self) -> Self:
        """Open a free port."""
        app = web.Application()
        app.add_routes([web.route("*", "/{path:.*}", self._handle)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the port."""
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        form = {name: str(value) for name, value in (await request.post()).items()}
        asked = Asked(request.path, form, dict(request.headers), raw)
        self.asked.append(asked)
        return await self.answer(asked, request)
