"""Connections of the probe's reads to a store that keeps them."""

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web

from modelward.storage import http_read, s3_request
from modelward.storage.http_read import HttpReader
from modelward.storage.s3_request import Credentials, S3Request, Sender
from tests.integration.storage.object_store import KEY, ObjectStore
from tests.integration.storage.probing import http_server


def http(url: str) -> Callable[[], bool]:
    """Read a file."""
    reader = HttpReader(f"{url}/{KEY}")
    return lambda: "seconds" in reader.answer()


def s3(url: str) -> Callable[[], bool]:
    """Read an object."""
    request = S3Request(
        url=f"{url}/{KEY}",
        headers={},
        region="us-east-1",
        credentials=Credentials("key", "secret", None),
        valid_seconds=None,
        verify=True,
        proxies={},
    )
    sender = Sender(request.verify, request.proxies)
    return lambda: bool(sender.send(request).content)


@pytest.mark.parametrize("kind", [http, s3])
@pytest.mark.parametrize(("kept_seconds", "expected"), [(60.0, 1), (0.0, 3)])
async def test_connection_between_reads(
    kind: Callable[[str], Callable[[], bool]],
    kept_seconds: float,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection is used again, unless it has been at rest for long."""
    monkeypatch.setattr(http_read, "KEPT_SECONDS", kept_seconds)
    monkeypatch.setattr(s3_request, "KEPT_SECONDS", kept_seconds)
    store, connections = ObjectStore(), set[object]()

    async def note(request: web.Request) -> web.StreamResponse:
        connections.add(request.transport)
        return await store.answer(request)

    async with http_server(note) as url:
        read = kind(url)
        for _ in range(3):
            assert await asyncio.to_thread(read)
    assert len(connections) == expected
