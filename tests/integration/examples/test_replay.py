"""The replay records what a client sees: answers, connections and labels."""

import asyncio
import importlib.util
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from dev.demo.record import Traffic, read_traffic

REPLAY = Path(__file__).parents[3] / "examples" / "electricity" / "replay.py"
LIMIT_SECONDS = 90.0

pytestmark = pytest.mark.integration


@dataclass(slots=True)
class ModelServer:
    """A server that can be told to close connections or to fail."""

    url: str = ""
    status: int = 200
    announces_close: bool = False
    predictions: int = 0
    labels: list[dict[str, object]] = field(default_factory=list)

    async def predict(self, request: web.Request) -> web.Response:
        """Answer a prediction with a receipt."""
        await request.json()
        self.predictions += 1
        headers = {"modelward-receipt": f"receipt-{self.predictions}"}
        answer = web.json_response({"model_version": "7"}, status=self.status, headers=headers)
        if self.announces_close:
            answer.force_close()
        return answer

    async def feedback(self, request: web.Request) -> web.Response:
        """Take labels."""
        self.labels.extend((await request.json())["items"])
        return web.json_response({})


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    """Serve on a free loopback port."""
    async with serving(0) as model:
        yield model


@asynccontextmanager
async def serving(port: int) -> AsyncIterator[ModelServer]:
    """Serve on this loopback port; 0: on a free one."""
    model = ModelServer()
    app = web.Application()
    app.router.add_post("/v2/models/electricity/infer", model.predict)
    app.router.add_post("/v1/feedback", model.feedback)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    model.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield model
    await runner.cleanup()


async def replay(url: str, until: Callable[[Traffic], bool]) -> Traffic:
    """Run the replay until its record satisfies a condition, end it, and return the whole record."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(REPLAY), "--url", url, "--rate", "40", "--connections", "4"),
        *("--label-delay", "0.1"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(LIMIT_SECONDS):
        while not until(read_traffic(lines)):
            lines.append((await process.stdout.readline()).decode())
        process.send_signal(signal.SIGTERM)
        rest = await process.stdout.read()
        assert await process.wait() == 0
    return read_traffic([*lines, *rest.decode().splitlines()])


async def test_connections_are_held_open(server: ModelServer) -> None:
    """Each worker opens one connection and keeps it."""
    traffic = await replay(server.url, lambda seen: len(seen.answers) >= 40)
    assert sorted(opening.worker for opening in traffic.openings) == [0, 1, 2, 3]
    assert {opening.because for opening in traffic.openings} == {"start"}
    assert {answer.version for answer in traffic.answers} == {"7"}
    assert not any(answer.failed for answer in traffic.answers)


async def test_an_announced_close_is_told_apart(server: ModelServer) -> None:
    """A connection that the server said it would close is reopened for that reason."""
    server.announces_close = True
    traffic = await replay(server.url, lambda seen: len(seen.openings) >= 12)
    assert {opening.because for opening in traffic.openings[4:]} == {"announced"}
    assert not any(answer.failed for answer in traffic.answers)


async def test_labels_come_back_with_their_receipts(server: ModelServer) -> None:
    """Every receipt is sent back once, with a label."""
    await replay(server.url, lambda seen: sum(batch.sent for batch in seen.labels) >= 20)
    receipts = [str(item["receipt"]) for item in server.labels]
    assert len(receipts) == len(set(receipts))
    assert all(receipt.startswith("receipt-") for receipt in receipts)
    assert {item["label"] for item in server.labels} <= {0, 1}


async def test_a_server_error_is_recorded_with_its_version(server: ModelServer) -> None:
    """A 5xx counts as failed, and the version that gave it is known."""
    server.status = 503
    traffic = await replay(server.url, lambda seen: len(seen.answers) >= 8)
    assert all(answer.failed and answer.status == 503 for answer in traffic.answers)
    assert {answer.version for answer in traffic.answers} == {"7"}


async def test_no_server_is_recorded_as_a_failure() -> None:
    """A connection that is refused is a failed request with its reason, not the end of the replay."""

    async def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listening.close()
        writer.close()

    listening = await asyncio.start_server(end, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    traffic = await replay(f"http://127.0.0.1:{port}", lambda seen: len(seen.answers) >= 8)
    assert all(answer.failed and answer.status == 0 for answer in traffic.answers)
    assert "Connect" in traffic.answers[0].error


async def test_it_waits_for_an_address_that_refuses(unused_tcp_port: int) -> None:
    """It begins when the URL takes a connection, and not before."""
    spec = importlib.util.spec_from_file_location("replay", REPLAY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["replay"] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    waiting = asyncio.create_task(module.wait_until_reachable(f"http://127.0.0.1:{unused_tcp_port}"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 1)
    async with asyncio.timeout(LIMIT_SECONDS), serving(unused_tcp_port):
        await waiting
