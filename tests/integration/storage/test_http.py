"""Models from an HTTP server that can be told to fail, and files; spans of the fetch."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.storage.fetching import content, run_fetch

MODEL = bytes(range(256)) * 4096 * 24
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Server:
    """Answers GET and HEAD of any path with `handler`."""

    url: str = ""
    ranges: list[str | None] = field(default_factory=list)
    """The Range of each GET."""
    handler: Handler | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if request.method == "GET":
            self.ranges.append(request.headers.get("Range"))
        assert self.handler is not None
        return await self.handler(request)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Run the server."""
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


def whole(file: Path, etag: str = '"one"') -> Handler:
    """Serves a file, with ranges."""

    async def serve(_request: web.Request) -> web.StreamResponse:
        response = web.FileResponse(file)
        response.headers["ETag"] = etag
        return response

    return serve


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Write a model of 24 MiB."""
    file = tmp_path / "model.bin"
    file.write_bytes(MODEL)
    return file


async def test_file(server: Server, model: Path, tmp_path: Path) -> None:
    """One file is fetched under its name."""
    server.handler = whole(model)
    run = await run_fetch(f"{server.url}/a/model.joblib?version=3", tmp_path)
    assert (run.exit_code, content(tmp_path)) == (0, {"model.joblib": MODEL})


async def test_server_without_ranges_or_length(server: Server, tmp_path: Path) -> None:
    """A server that can neither begin in the middle nor say how long the file is serves as well."""

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        if request.method == "GET":
            await response.write(MODEL)
        await response.write_eof()
        return response

    server.handler = stream
    run = await run_fetch(f"{server.url}/model.bin", tmp_path)
    assert (run.exit_code, content(tmp_path)) == (0, {"model.bin": MODEL})


async def test_failures_are_tried_again(server: Server, model: Path, tmp_path: Path) -> None:
    """A server that fails at first is asked again, and each try is logged."""
    failures = 3

    async def fail(request: web.Request) -> web.StreamResponse:
        nonlocal failures
        if failures:
            failures -= 1
            return web.Response(status=503)
        return await whole(model)(request)

    server.handler = fail
    run = await run_fetch(f"{server.url}/model.bin", tmp_path)
    assert (run.exit_code, content(tmp_path)) == (0, {"model.bin": MODEL})
    assert "warning" in {line["level"] for line in run.lines}


async def test_cut_download_is_resumed(server: Server, model: Path, tmp_path: Path) -> None:
    """After a cut the download goes on where it stopped, also in a new process."""
    cut = asyncio.Event()

    async def break_off(request: web.Request) -> web.StreamResponse:
        start = request.http_range.start or 0
        if request.method == "GET" and start >= 8 * 1024 * 1024:
            cut.set()
            assert request.transport is not None
            request.transport.abort()
        return await whole(model)(request)

    server.handler = break_off
    first = await run_fetch(f"{server.url}/model.bin", tmp_path, stall_seconds=2)
    assert (first.exit_code, first.message["reason"]) == (1, "Unreachable")
    assert cut.is_set()
    server.handler = whole(model)
    server.ranges.clear()
    assert (await run_fetch(f"{server.url}/model.bin", tmp_path)).exit_code == 0
    assert content(tmp_path) == {"model.bin": MODEL}
    starts = [int(each.removeprefix("bytes=").partition("-")[0]) for each in server.ranges if each]
    assert min(starts) > 0


async def test_slow_download_is_no_stall(server: Server, tmp_path: Path) -> None:
    """A store that fails again and again but brings something new in between is never given up."""
    big = tmp_path / "big.bin"
    big.write_bytes(MODEL * 4)
    begun: set[int] = set()

    async def hesitate(request: web.Request) -> web.StreamResponse:
        start = request.http_range.start or 0
        if request.method == "GET" and start not in begun:
            begun.add(start)
            await asyncio.sleep(1.5)
            return web.Response(status=503)
        return await whole(big)(request)

    server.handler = hesitate
    run = await run_fetch(f"{server.url}/model.bin", tmp_path, stall_seconds=8)
    assert (run.exit_code, content(tmp_path)) == (0, {"model.bin": MODEL * 4})
    assert len(begun) * 1.5 > 8, "the download was too short to tell"


@pytest.mark.timeout(300)
async def test_same_bytes_again_are_a_stall(server: Server, tmp_path: Path) -> None:
    """A server without ranges that breaks off at the same place each time is given up."""

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        if request.method == "GET":
            await response.write(MODEL[: len(MODEL) // 2])
            assert request.transport is not None
            request.transport.close()
        return response

    server.handler = half
    run = await run_fetch(f"{server.url}/model.bin", tmp_path, stall_seconds=3)
    assert (run.exit_code, run.message["reason"]) == (1, "Unreachable")
    assert "nothing new came for 3 s" in run.message["message"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scheme", ["http", "s3"])
async def test_silent_store(tmp_path: Path, scheme: str) -> None:
    """A store that takes connections and never answers is given up by its silence, not after many minutes."""
    silent = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    address = f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    environment = {
        "AWS_ENDPOINT_URL": f"http://{address}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    uri = "s3://models/a" if scheme == "s3" else f"http://{address}/model.bin"
    run = await run_fetch(uri, tmp_path, stall_seconds=1, environment=environment)
    silent.close()
    assert (run.exit_code, run.message["reason"]) == (1, "Unreachable")
    assert uri in run.message["message"]


async def test_other_version_is_not_resumed(server: Server, model: Path, tmp_path: Path) -> None:
    """Bytes of one version are never continued with another's."""

    async def break_off(request: web.Request) -> web.StreamResponse:
        if request.method == "GET" and (request.http_range.start or 0) >= 8 * 1024 * 1024:
            assert request.transport is not None
            request.transport.abort()
        return await whole(model)(request)

    server.handler = break_off
    assert (await run_fetch(f"{server.url}/model.bin", tmp_path, stall_seconds=2)).exit_code == 1
    new = bytes(reversed(MODEL))
    model.write_bytes(new)  # noqa: ASYNC240 - nothing else runs here meanwhile
    server.handler = whole(model, '"two"')
    assert (await run_fetch(f"{server.url}/model.bin", tmp_path)).exit_code == 0
    assert content(tmp_path) == {"model.bin": new}


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "NotFound"), (401, "AccessDenied"), (403, "AccessDenied"), (500, "Unreachable")],
)
async def test_statuses(server: Server, tmp_path: Path, status: int, reason: str) -> None:
    """What the server says is told apart; only what may pass is tried again."""

    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    server.handler = refuse
    run = await run_fetch(f"{server.url}/model.bin", tmp_path, stall_seconds=2)
    assert (run.exit_code, run.message["reason"]) == (1, reason)
    assert not (tmp_path / "model" / "model.bin").exists()


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("ftp://x/y", "no known scheme"),
        ("electricity/2", "no known scheme"),
        ("s3://", "write s3://BUCKET/PATH"),
        ("https://host/folder/", "name one file"),
        ("https://host", "name one file"),
    ],
)
async def test_unsupported(tmp_path: Path, uri: str, text: str) -> None:
    """A URI that can't be fetched says what to write."""
    run = await run_fetch(uri, tmp_path)
    assert (run.exit_code, run.message["reason"]) == (1, "Unsupported")
    assert text in run.message["message"]


async def test_missing_file(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder that is not there is NotFound, and so is an empty one."""
    empty = tmp_path_factory.mktemp("empty")
    for folder in (empty, empty / "missing"):
        run = await run_fetch(f"file://{folder}", tmp_path)
        assert (run.exit_code, run.message["reason"]) == (1, "NotFound")


async def test_wrong_expected_digest(tmp_path: Path, model: Path) -> None:
    """An expected digest that has not the form of one is refused before anything is fetched."""
    run = await run_fetch(f"file://{model}", tmp_path, "--expected-digest", "md5:1")
    assert (run.exit_code, "sha256: and 64" in run.message["message"]) == (1, True)
    assert not (tmp_path / "model").exists()


async def test_span(server: Server, model: Path, tmp_path: Path) -> None:
    """The fetch's span has the store's latency, and a failed one its reason."""
    exports: list[ExportTraceServiceRequest] = []

    async def take(request: web.Request) -> web.StreamResponse:
        if request.path == "/v1/traces":
            exports.append(ExportTraceServiceRequest.FromString(await request.read()))
            return web.Response()
        if request.path == "/model.bin":
            return await whole(model)(request)
        return web.Response(status=404)

    server.handler = take
    for name in ("model.bin", "other"):
        await run_fetch(f"{server.url}/{name}", tmp_path, "--otlp-endpoint", server.url)
    spans = [export.resource_spans[0].scope_spans[0].spans[0] for export in exports]
    assert [span.name for span in spans] == ["model.fetch"] * 2
    good, bad = ({pair.key: pair.value for pair in span.attributes} for span in spans)
    assert good["storage_latency_ms"].double_value > 0
    assert bad["error.type"].string_value == "NotFound"


async def test_without_a_collector(model: Path, tmp_path: Path) -> None:
    """A collector that is not there does not make the fetch fail."""
    run = await run_fetch(f"file://{model}", tmp_path, "--otlp-endpoint", "http://127.0.0.1:1")
    assert run.exit_code == 0
