"""Read times of real stores, as the probe's process reports them."""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from aiohttp import web
from botocore.config import Config

from tests.integration.storage.conftest import S3

READ = b"read\n"
ANSWER_SECONDS = 120.0
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


@asynccontextmanager
async def probe(uri: str, environment: dict[str, str] | None = None) -> AsyncIterator[Probe]:
    """Run one; it must end with its input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "modelward.storage.probe", uri),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert json.loads(await asyncio.wait_for(process.stdout.readline(), ANSWER_SECONDS)) == {"ready": True}
    yield Probe(process)
    assert process.stdin is not None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), ANSWER_SECONDS) == 0


@asynccontextmanager
async def http_server(handler: Handler) -> AsyncIterator[str]:
    """Answer every request with `handler`; yields the address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def bucket() -> str:
    """Name a bucket of the test's own."""
    return f"models-{uuid.uuid4().hex[:8]}"


async def test_object_below_a_prefix(s3: S3, bucket: str) -> None:
    """The first file with content is read, again after it has been replaced by another."""
    s3.put(f"{bucket}/m/a-marker", b"")
    s3.put(f"{bucket}/m/model.bin", b"model" * 1000)
    async with probe(f"s3://{bucket}/m", s3.credentials) as running:
        for _ in range(2):
            assert 0 < (await running.read())["seconds"] < ANSWER_SECONDS
        (s3.root / bucket / "m" / "model.bin").unlink()
        s3.put(f"{bucket}/m/other.bin", b"other")
        assert "failure" in await running.read()
        assert "seconds" in await running.read()


async def test_object_that_is_kept_with_its_checksum(s3: S3, bucket: str) -> None:
    """A part is read although some stores send the checksum of the whole with it."""
    client = botocore.session.get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=s3.credentials["AWS_ENDPOINT_URL"],
        aws_access_key_id=s3.credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=s3.credentials["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )
    await asyncio.to_thread(client.create_bucket, Bucket=bucket)
    await asyncio.to_thread(
        client.put_object, Bucket=bucket, Key="m/model.bin", Body=b"model" * 1000, ChecksumAlgorithm="CRC32"
    )
    async with probe(f"s3://{bucket}/m", s3.credentials) as running:
        assert "seconds" in await running.read()


async def test_model_that_is_gone(s3: S3, bucket: str) -> None:
    """A store that answers that there is nothing is not slow, and not fast either."""
    s3.put(f"{bucket}/other", b"other")
    async with probe(f"s3://{bucket}/m", s3.credentials) as running:
        answer = await running.read()
    assert answer["failure"] == "refused"
    assert f"nothing is at s3://{bucket}/m" in answer["message"]


async def test_refused_credentials(s3: S3, bucket: str) -> None:
    """Credentials that no longer hold say nothing of how quick the store is."""
    s3.put(f"{bucket}/m/model.bin", b"model")
    wrong = {**s3.credentials, "AWS_SECRET_ACCESS_KEY": "another-secret"}
    async with probe(f"s3://{bucket}/m", wrong) as running:
        assert (await running.read())["failure"] == "refused"


@pytest.mark.parametrize("uri", ["s3://", "http://127.0.0.1/folder/", "nonsense://x/y"])
async def test_address_that_cannot_be_read(uri: str) -> None:
    """An address that is none of a file is answered, and the probe lives on."""
    async with probe(uri) as running:
        assert (await running.read())["failure"] == "refused"
        assert (await running.read())["failure"] == "refused"


async def test_store_that_is_away() -> None:
    """A store that can't be reached is a failed read."""
    environment = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    async with probe("s3://b/a", environment) as running:
        answer = await running.read()
    assert answer["failure"] == "unreachable"
    assert "127.0.0.1:1" in answer["message"]


async def test_the_time_is_that_of_the_read(tmp_path: Path) -> None:
    """What the server takes to answer the range is in the time, and what finding the file takes is not."""
    (tmp_path / "model.bin").write_bytes(b"model" * 1000)
    ranges: list[str | None] = []

    async def slow(request: web.Request) -> web.StreamResponse:
        if request.method == "HEAD":
            await asyncio.sleep(3)
        else:
            ranges.append(request.headers.get("Range"))
            await asyncio.sleep(0.3)
        return web.FileResponse(tmp_path / "model.bin")

    async with http_server(slow) as url, probe(f"{url}/model.bin") as running:
        for _ in range(2):
            assert 0.3 <= (await running.read())["seconds"] < 3
    assert ranges == ["bytes=0-1023"] * 2


async def test_server_without_ranges() -> None:
    """From a server that knows no ranges only the beginning of the file is taken, each time anew."""
    taken = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal taken
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        while request.method == "GET":
            await response.write(b"m" * 65536)
            taken += 65536
        return response

    async with http_server(endless) as url, probe(f"{url}/model.bin") as running:
        for _ in range(2):
            assert (await running.read())["seconds"] > 0
    assert taken > 0


async def test_store_that_falls_silent() -> None:
    """A store that takes the request and never answers is a time-out."""

    async def silent(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with http_server(silent) as url, probe(f"{url}/model.bin") as running:
        assert (await running.read())["failure"] == "timeout"
