"""A store of one file over HTTP whose answers a test may delay or refuse."""

import asyncio
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

CONTENT = b"model" * 1000


@dataclass(slots=True)
class SlowStore:
    """Listens on loopback and serves the same bytes at every path."""

    delay_s: float = 0
    status: int = 200
    url: str = ""
    reads: int = 0
    _runner: web.AppRunner = field(init=False)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/model.bin"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            self.reads += 1
        await asyncio.sleep(self.delay_s)
        if self.status != 200:
            return web.Response(status=self.status)
        asked = request.http_range
        if request.method == "HEAD" or asked.start is None:
            return web.Response(body=CONTENT, headers={"Accept-Ranges": "bytes"})
        piece = CONTENT[asked]
        content_range = f"bytes {asked.start}-{asked.start + len(piece) - 1}/{len(CONTENT)}"
        return web.Response(status=206, body=piece, headers={"Content-Range": content_range})
