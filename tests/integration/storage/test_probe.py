"""Read times of real stores, as the probe's process reports them."""

import asyncio
import json
import ssl
import uuid
from pathlib import Path

import aiohttp
import botocore.session
import pytest
from aiohttp import web
from botocore.config import Config

from dev.cluster import certificates
from tests.integration.storage.conftest import S3
from tests.integration.storage.probing import ANSWER_SECONDS, MEMORY_MIB, http_server, probe


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
        assert running.memory_mib() < MEMORY_MIB
        assert running.children() == []
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


@pytest.mark.parametrize(
    ("status", "failure", "said"),
    [
        (404, "refused", "nothing is at"),
        (410, "refused", "nothing is at"),
        (401, "refused", "access denied"),
        (403, "refused", "access denied"),
        (500, "unreachable", "500"),
        (429, "unreachable", "429"),
    ],
)
async def test_statuses_of_a_server(status: int, failure: str, said: str) -> None:
    """A server that has no such file, or refuses it, is told from one that fails; each time anew."""
    now = status

    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=now, body=b"model")

    async with http_server(refuse) as url, probe(f"{url}/model.bin") as running:
        answer = await running.read()
        assert (answer["failure"], said in answer["message"]) == (failure, True)
        now = 200
        assert "seconds" in await running.read()


async def test_a_file_that_is_empty() -> None:
    """A file without content is no model."""

    async def empty(_request: web.Request) -> web.StreamResponse:
        return web.Response()

    async with http_server(empty) as url, probe(f"{url}/model.bin") as running:
        assert (await running.read())["failure"] == "refused"


async def test_redirects_and_users() -> None:
    """A server may send on to another place; the user that the address names is given."""
    users: list[str | None] = []

    async def send_on(request: web.Request) -> web.StreamResponse:
        users.append(request.headers.get("Authorization"))
        if request.path == "/latest":
            raise web.HTTPFound("/models/model.bin")
        return web.Response(body=b"model")

    async with http_server(send_on) as url:
        address = url.replace("://", "://me:p%40ss@") + "/latest"
        async with probe(address) as running:
            assert "seconds" in await running.read()
    assert set(users) == {aiohttp.encode_basic_auth("me", "p@ss")}


async def test_server_that_keeps_no_connection(tmp_path: Path) -> None:
    """A server that closes each connection is read on another one each time."""
    (tmp_path / "model.bin").write_bytes(b"model" * 1000)
    connections: set[object] = set()

    async def close(request: web.Request) -> web.StreamResponse:
        connections.add(request.transport)
        response = web.FileResponse(tmp_path / "model.bin")
        response.force_close()
        return response

    async with http_server(close) as url, probe(f"{url}/model.bin") as running:
        for _ in range(3):
            assert "seconds" in await running.read()
    assert len(connections) >= 3


async def test_an_authority_of_ones_own(tmp_path: Path) -> None:
    """Over TLS the certificates count that SSL_CERT_FILE names, and only those."""
    made = certificates.ensure(tmp_path / "keys", ["IP:127.0.0.1"], {})
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.certificate, made.key)

    async def serve(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"model")

    async with http_server(serve, tls) as url:
        async with probe(f"{url}/model.bin", {"SSL_CERT_FILE": str(made.certificate)}) as running:
            assert "seconds" in await running.read()
        async with probe(f"{url}/model.bin", {}) as running:
            answer = await running.read()
            assert answer["failure"] == "unreachable"
            assert "CERTIFICATE_VERIFY_FAILED" in answer["message"]


async def test_settings_of_fsspec() -> None:
    """A header that fsspec's own settings add to the fetch's requests is in the probe's, too."""
    keys: set[str | None] = set()

    async def serve(request: web.Request) -> web.StreamResponse:
        keys.add(request.headers.get("X-Key"))
        return web.Response(body=b"model")

    settings = {"FSSPEC_HTTP": json.dumps({"headers": {"X-Key": "secret"}})}
    async with http_server(serve) as url, probe(f"{url}/model.bin", settings) as running:
        assert "seconds" in await running.read()
    assert keys == {"secret"}
