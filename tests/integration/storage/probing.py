"""Runs the probe's process and servers that it reads from."""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

READ = b"read\n"
ANSWER_SECONDS = 120.0
MEMORY_MIB = 30
"""Of a probe without the image's settings and bytecode; with the fetch's clients in it, it has more."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Probe:
    """A running probe."""

    process: asyncio.subprocess.Process

    async def read(self) -> dict[str, Any]:
        """Tell it to read once."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(READ)
        line = await asyncio.wait_for(self.process.stdout.readline(), ANSWER_SECONDS)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def children(self) -> list[str]:
        """Return the ids of the processes that it has begun."""
        number = self.process.pid
        return Path(f"/proc/{number}/task/{number}/children").read_text().split()

    def memory_mib(self) -> float:
        """Return its memory, counted in proportion to who shares each page."""
        lines = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()
        (kib,) = (int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return kib / 1024


async def start(uri: str, environment: dict[str, str] | None = None) -> asyncio.subprocess.Process:
    """Start one and wait until it is ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "modelward.storage.probe", uri),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert json.loads(await asyncio.wait_for(process.stdout.readline(), ANSWER_SECONDS)) == {"ready": True}
    return process


@asynccontextmanager
async def probe(uri: str, environment: dict[str, str] | None = None) -> AsyncIterator[Probe]:
    """Run one; it must end with its input."""
    process = await start(uri, environment)
    yield Probe(process)
    assert process.stdin is not None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), ANSWER_SECONDS) == 0


@asynccontextmanager
async def http_server(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Answer every request with `handler`, over TLS with a context for it; yields the address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield f"{'http' if tls is None else 'https'}://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
