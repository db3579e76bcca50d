"""The probe's reads of S3 without S3's client: everything holds that holds for the fetch."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from dev.cluster import certificates
from tests.integration.storage.conftest import S3
from tests.integration.storage.object_store import KEY, ObjectStore
from tests.integration.storage.probing import MEMORY_MIB, Probe, http_server, probe, start

URI = f"s3://bucket/{KEY}"
PATIENCE_SECONDS = 60.0
AGAIN_SECONDS = 0.1


def signed(url: str) -> dict[str, str]:
    """The environment that a storage secret gives."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def is_running(pid: str) -> bool:
    """Whether a process has not ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False


@asynccontextmanager
async def reading(store: ObjectStore, **environment: str) -> AsyncIterator[Probe]:
    """Run a probe that has found the object; what it asks from then on is in `store.asked`."""
    async with http_server(store.answer) as url, probe(URI, {**signed(url), **environment}) as running:
        assert "seconds" in await running.read()
        store.asked.clear()
        yield running


async def test_what_finds_the_object_ends(s3: S3) -> None:
    """Once a read has come to something there is one process, without the memory of S3's client."""
    s3.put(f"small/{KEY}", b"model" * 1000)
    async with probe("s3://small/m", s3.credentials) as running:
        for _ in range(3):
            assert "seconds" in await running.read()
        assert running.children() == []
        assert running.memory_mib() < MEMORY_MIB


async def test_what_finds_the_object_ends_with_the_probe() -> None:
    """Where nothing has come of a read yet, no process is left when the probe is killed."""
    store = ObjectStore(status=503)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(http_server(store.answer))
        running = Probe(await start(URI, signed(url)))
        assert (await running.read())["failure"] == "unreachable"
        (finder,) = running.children()
        running.process.kill()
        await running.process.wait()
        limit = time.monotonic() + PATIENCE_SECONDS
        while is_running(finder):
            assert time.monotonic() < limit, "the process that finds the object goes on"
            await asyncio.sleep(AGAIN_SECONDS)


async def test_a_read_is_one_request() -> None:
    """A range of the object is asked for, with the path that a store of one's own knows, and nothing else."""
    store = ObjectStore()
    async with reading(store) as running:
        assert "seconds" in await running.read()
    (asked,) = store.asked
    assert not asked.is_clients
    assert (asked.method, asked.path, asked.range) == ("GET", f"/bucket/{KEY}", "bytes=0-1023")
    assert (asked.access_key, asked.region, asked.token) == ("key", "us-east-1", None)


@pytest.mark.parametrize(
    ("status", "failure", "said"),
    [
        (404, "refused", f"nothing is at {URI}; check spec.model.uri"),
        (403, "refused", f"{URI}: access denied (403 Forbidden); check the credentials in the secret"),
        (503, "unreachable", f"{URI}: the store answers 503 Service Unavailable"),
        (429, "unreachable", f"{URI}: the store answers 429 Too Many Requests"),
    ],
)
async def test_a_store_that_fails_later(status: int, failure: str, said: str) -> None:
    """What the store says is told apart as at the first read; when it is over, it is read again."""
    store = ObjectStore()
    async with reading(store) as running:
        store.status = status
        answer = await running.read()
        assert answer["failure"] == failure
        assert answer["message"].startswith(said)
        assert (await running.read())["failure"] == failure
        store.status = 200
        assert "seconds" in await running.read()
        assert "seconds" in await running.read()
        assert running.children() == []


async def test_a_store_that_is_slow_later() -> None:
    """The time is that of the answer; silence beyond the limit is a time-out, and passes with it."""
    store = ObjectStore()
    async with reading(store) as running:
        store.delay_s = 0.5
        assert 0.5 <= (await running.read())["seconds"] < 3
        store.delay_s = 6.0
        answer = await running.read()
        assert answer["failure"] == "timeout"
        assert answer["message"].startswith(f"{URI}: ReadTimeoutError: ")
        store.delay_s = 0.0
        assert "seconds" in await running.read()


async def test_a_store_that_goes_away_later() -> None:
    """A store that no longer listens is unreachable, and its address is said."""
    async with AsyncExitStack() as stack:
        async with http_server(ObjectStore().answer) as url:
            running = await stack.enter_async_context(probe(URI, signed(url)))
            assert "seconds" in await running.read()
        answer = await running.read()
        assert answer["failure"] == "unreachable"
        assert f"{URI}: EndpointConnectionError: Could not connect" in answer["message"]
        assert url in answer["message"]


async def test_an_object_that_is_empty_now() -> None:
    """An object that has lost its content is no model, and is read when it has some again."""
    store = ObjectStore()
    async with reading(store) as running:
        store.content = b""
        assert "failure" in await running.read()
        assert (await running.read())["failure"] == "refused"
        store.content = b"other"
        assert "seconds" in await running.read()


async def test_an_object_that_is_replaced() -> None:
    """Another content at the same name is read as the one before."""
    store = ObjectStore()
    async with reading(store) as running:
        store.content = b"other"
        assert "seconds" in await running.read()


@pytest.mark.parametrize("source", ["web identity", "container", "file"])
async def test_sources_of_credentials(source: str, tmp_path: Path) -> None:
    """A pod's service account, its node's agent and files of profiles are asked as by the fetch."""
    store = ObjectStore()
    (tmp_path / "token").write_text("a-token")
    (tmp_path / "profiles").write_text(
        "[models]\naws_access_key_id = key-1\naws_secret_access_key = s\naws_session_token = token-1\n"
    )
    async with http_server(store.answer) as url:
        environment = {
            "web identity": {
                "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/models",
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
                "AWS_ENDPOINT_URL_STS": url,
            },
            "container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/credentials"},
            "file": {
                "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "profiles"),
                "AWS_PROFILE": "models",
            },
        }[source]
        region = {"AWS_ENDPOINT_URL_S3": url, "AWS_DEFAULT_REGION": "us-east-1"}
        async with probe(URI, {**region, **environment}) as running:
            assert "seconds" in await running.read()
            store.asked.clear()
            assert "seconds" in await running.read()
    assert [(asked.access_key, asked.token) for asked in store.asked] == [("key-1", "token-1")]


async def test_credentials_that_expire() -> None:
    """Others are asked for before they expire, while reads go on; none of them fails."""
    store = ObjectStore(expires_s=25.0)
    async with http_server(store.answer) as url:
        environment = {
            "AWS_ENDPOINT_URL_S3": url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/credentials",
        }
        async with probe(URI, environment) as running:
            assert "seconds" in await running.read()
            limit = time.monotonic() + PATIENCE_SECONDS
            while len({asked.access_key for asked in store.asked if not asked.is_clients}) < 2:
                assert time.monotonic() < limit, "credentials were not renewed"
                await asyncio.sleep(AGAIN_SECONDS)
                assert "seconds" in await running.read()


async def test_credentials_that_are_replaced(tmp_path: Path) -> None:
    """Credentials that are refused are looked up anew, with what is in their file by then."""
    store = ObjectStore()
    file = tmp_path / "credentials"

    def write(key: str) -> None:
        file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\n")

    write("old")
    async with http_server(store.answer) as url:
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_SHARED_CREDENTIALS_FILE": str(file),
        }
        async with probe(URI, environment) as running:
            assert "seconds" in await running.read()
            write("new")
            store.status = 403
            assert (await running.read())["failure"] == "refused"
            store.status = 200
            assert "seconds" in await running.read()
            assert "seconds" in await running.read()
    assert store.asked[-1].access_key == "new"


async def test_a_store_without_credentials() -> None:
    """Where the fetch does not sign, nor does the probe."""
    store = ObjectStore()
    async with reading(store, FSSPEC_S3_ANON="true") as running:
        assert "seconds" in await running.read()
    assert [asked.access_key for asked in store.asked] == [None]


async def test_a_bucket_of_another_region() -> None:
    """A store that names another region is asked for that one, from the first read on and later."""
    store = ObjectStore(region="eu-west-1")
    async with reading(store) as running:
        assert "seconds" in await running.read()
        assert {asked.region for asked in store.asked} == {"eu-west-1"}
        store.region = "eu-central-1"
        assert "seconds" in await running.read()
        store.asked.clear()
        assert "seconds" in await running.read()
        assert {asked.region for asked in store.asked} == {"eu-central-1"}


async def test_a_proxy() -> None:
    """A store that is reached through a proxy of the environment is read through it."""
    store = ObjectStore()
    async with http_server(store.answer) as url:
        environment = {**signed("http://store.invalid"), "HTTP_PROXY": url}
        async with probe(URI, environment) as running:
            for _ in range(3):
                assert "seconds" in await running.read()
    assert store.asked[-1].method == "GET"


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
async def test_an_authority_of_ones_own(variable: str, tmp_path: Path) -> None:
    """Over TLS the certificates count that the fetch trusts, and only those."""
    made = certificates.ensure(tmp_path / "keys", ["IP:127.0.0.1"], {})
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.certificate, made.key)
    store = ObjectStore()
    async with http_server(store.answer, tls) as url:
        async with probe(URI, {**signed(url), variable: str(made.certificate)}) as running:
            for _ in range(2):
                assert "seconds" in await running.read()
            assert running.children() == []
        async with probe(URI, signed(url)) as running:
            assert (await running.read())["failure"] == "unreachable"
