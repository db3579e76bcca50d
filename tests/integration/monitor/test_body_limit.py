"""Requests whose bodies are longer than the model server's are to be."""

import json
from typing import Any

import pytest

from modelward.conventions import METRIC_REQUESTS
from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.model_server import Connection, ModelServer, Request, echo, prediction
from tests.integration.monitor.monitor_process import MonitorProcess
from tests.integration.monitor.raw_client import RawClient, infer
from tests.integration.signals.conditions import until

LIMIT = 1000
CHUNKED_HEAD = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(size: int) -> bytes:
    """A chunk of so many bytes."""
    return b"%x\r\n%s\r\n" % (size, b"x" * size)


@pytest.fixture
def monitor(start_monitor: MonitorFactory, server: ModelServer) -> MonitorProcess:
    """Run a monitor with a limit."""
    limited: dict[str, Any] = {"protocol": "v2", "port": server.port, "max_request_body_bytes": LIMIT}
    server.handler = echo
    return start_monitor(server.port, server=limited)


async def too_large(monitor: MonitorProcess) -> float | None:
    """Refusals, none of which is an event."""
    objectives = await monitor.scrape()
    assert objectives.verdicts("availability")[1] == objectives.verdicts("latency")[1] == 0
    operations = await monitor.scrape("/metrics")
    assert operations.get("modelward_request_failures_total", reason="client_gone") == 0
    return operations.get("modelward_request_failures_total", reason="too_large")


async def test_bodies_up_to_the_limit_pass(monitor: MonitorProcess) -> None:
    """A body of exactly so many bytes is answered, whole or in chunks, whose framing does not count."""
    async with RawClient(monitor.serving_port) as client:
        assert (await client.ask(infer(b"x" * LIMIT))).body == b"x" * LIMIT
        single = chunk(1) * LIMIT
        assert (await client.ask(CHUNKED_HEAD + single + LAST_CHUNK)).body == b"x" * LIMIT
    assert await too_large(monitor) == 0


@pytest.mark.parametrize("port", ["serving_port", "synthetic_port"])
@pytest.mark.parametrize(
    "sent",
    [
        infer(b"x" * (LIMIT + 1)),
        infer(b"x" * (LIMIT + 1), "Expect: 100-continue")[: -LIMIT - 1],
        CHUNKED_HEAD + chunk(LIMIT + 1)[:10],
        CHUNKED_HEAD + chunk(LIMIT) + b"1\r\n",
    ],
    ids=["whole", "waiting for 100 Continue", "in one chunk", "in chunks"],
)
async def test_a_longer_body_is_refused(
    monitor: MonitorProcess, server: ModelServer, sent: bytes, port: str
) -> None:
    """What is longer at first sight is answered 413, and the server never hears of it."""
    async with RawClient(getattr(monitor, port)) as client:
        got = await client.ask(sent)
        assert (got.status, got.header("connection")) == (413, "close")
        assert "1000 bytes of server.maxRequestBodySize" in json.loads(got.body)["error"]
        assert await client.read_end() == b""
    assert server.requests == []
    assert await too_large(monitor) == 1
    assert (await monitor.scrape()).get(METRIC_REQUESTS) == 0


@pytest.mark.parametrize(
    "rest", [chunk(LIMIT), LAST_CHUNK[:-2] + b"X: " + b"y" * LIMIT + b"\r\n"], ids=["chunk", "trailer"]
)
async def test_a_body_that_grows_too_long(monitor: MonitorProcess, server: ModelServer, rest: bytes) -> None:
    """Without an answer so far the client gets 413; the server's connection ends before the body does."""
    async with RawClient(monitor.serving_port) as client:
        client.send(CHUNKED_HEAD + chunk(10))
        await until(lambda: len(server.requests) == 1, "the server has the head")
        assert (await client.ask(rest)).status == 413
    await until(lambda: server.disconnects == 1, "the server's connection ended")
    assert server.requests[0].body == b""
    assert await too_large(monitor) == 1


async def test_a_body_that_grows_too_long_within_the_answer(
    monitor: MonitorProcess, server: ModelServer
) -> None:
    """The client's connection is reset, so that it takes nothing for a whole answer."""

    async def begin(_request: Request, connection: Connection) -> None:
        connection.write(prediction()[:-5].replace(b"application/json", b"text/plain"))
        await connection.reader.readexactly(LIMIT * 1000)  # until the monitor ends it

    server.head_handler = begin
    async with RawClient(monitor.synthetic_port) as client:
        client.send(CHUNKED_HEAD + chunk(10))
        await client.reader.readuntil(b"\r\n\r\n")
        client.send(chunk(LIMIT))
        with pytest.raises(ConnectionResetError):
            await client.read_end()
    await until(lambda: server.disconnects == 1, "the server's connection ended")


async def test_feedback_has_its_own_limit(monitor: MonitorProcess) -> None:
    """Labels are not for the model server: a batch of more bytes than that takes is read."""
    batch = json.dumps({"items": 3, "padding": "x" * LIMIT}).encode()
    async with RawClient(monitor.serving_port) as client:
        got = await client.ask(infer(batch).replace(b"/v2/models/m/infer", b"/v1/feedback"))
        assert (got.status, b"items must be a list" in got.body) == (400, True)


async def test_no_limit_by_default(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """Where none is written any body passes."""
    server.handler = echo
    async with RawClient(shared_monitor.serving_port) as client:
        body = b"x" * 3_000_000
        assert len((await client.ask(infer(body))).body) == len(body)
