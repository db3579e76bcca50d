"""Servers of other protocols than v2, and v2 with binary tensors."""

import asyncio
import gzip
import json
import struct
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from dev.cluster.controlplane import free_ports
from modelward.conventions import (
    HEADER_RECEIPT,
    METRIC_FIRST_TOKEN,
    METRIC_OUTPUT_TOKENS,
    METRIC_PREDICTIONS,
    METRIC_STREAM_EVENTS,
    METRIC_TIME_PER_OUTPUT_TOKEN,
)
from modelward.monitor import receipts
from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.model_server import Connection, ModelServer, Request, answer
from tests.integration.monitor.monitor_process import RECEIPT_KEY
from tests.integration.monitor.raw_client import RawClient, infer
from tests.integration.signals.conditions import until

FIRST_TOKEN = {"name": "begun", "config": "f1", "kind": "latency", "within_ms": 60_000, "of": "first_token"}
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
TOKEN = b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\n'


def chunk(data: bytes) -> bytes:
    """One chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def chat(path: str = "/v1/chat/completions") -> bytes:
    """A request of an OpenAI-compatible server."""
    return infer(b'{"stream": true}').replace(b"/v2/models/m/infer", path.encode())


async def stream(_request: Request, connection: Connection) -> None:
    """Answer with two tokens."""
    connection.write(STREAM_HEAD + chunk(TOKEN))
    await asyncio.sleep(0)
    connection.write(chunk(TOKEN) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ModelServer]:
    """Run a server of the test's own."""
    async with ModelServer(free_ports(1)[0]) as server:
        yield server


async def test_time_to_first_token(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A streamed answer is an event of a first-token objective, one that is not streamed is none."""
    server.handler = stream
    monitor = start_monitor(
        server.port,
        server={"protocol": "openai", "port": server.port},
        objectives=[FIRST_TOKEN, {**FIRST_TOKEN, "name": "at-once", "config": "f2", "within_ms": 1e-6}],
    )
    async with RawClient(monitor.serving_port) as client:
        for _ in range(3):
            got = await client.ask(chat())
            assert got.body == TOKEN * 2 + b"data: [DONE]\n\n"
        server.handler = plain
        assert (await client.ask(chat())).status == 200
    samples = await monitor.scrape()
    assert samples.verdicts("begun") == (3, 0)
    assert samples.verdicts("at-once") == (0, 3)
    operations = await monitor.scrape("/metrics")
    assert operations.get(f"{METRIC_FIRST_TOKEN}_count") == 3
    assert operations.get(METRIC_STREAM_EVENTS) == 9


async def test_time_per_output_token(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A streamed answer's tokens count as often as its server says, and by what they took after the first."""
    later = asyncio.Event()

    async def slow(_request: Request, connection: Connection) -> None:
        connection.write(STREAM_HEAD + chunk(TOKEN))
        await later.wait()
        usage = b'data: {"choices": [], "usage": {"completion_tokens": 21}}\n\n'
        connection.write(chunk(TOKEN) + chunk(usage) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    server.handler = slow
    objectives = [
        {**FIRST_TOKEN, "of": "output_token", "name": name, "config": name, "within_ms": within_ms}
        for name, within_ms in (("tokens", 60_000), ("no-time", 1e-6))
    ]
    monitor = start_monitor(
        server.port, server={"protocol": "openai", "port": server.port}, objectives=objectives
    )
    async with RawClient(monitor.serving_port) as client:
        client.send(chat())
        await until(lambda: len(server.requests) == 1, "the server has the request")
        later.set()
        assert (await client.read_answer()).body.count(TOKEN) == 2
        server.handler = plain
        assert (await client.ask(chat())).status == 200
    samples, operations = await monitor.scrape(), await monitor.scrape("/metrics")
    assert (samples.verdicts("tokens"), samples.verdicts("no-time")) == ((1, 0), (0, 1))
    assert operations.get(METRIC_OUTPUT_TOKENS) == 21
    assert operations.get(f"{METRIC_TIME_PER_OUTPUT_TOKEN}_count") == 1


async def test_a_time_per_token_that_is_not_known(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A stream that is said to have held less reasoning than came is no event, and is counted as such."""
    usage = b'"usage": {"completion_tokens": 21, "completion_tokens_details": {"reasoning_tokens": 20}}'

    async def reasons(_request: Request, connection: Connection) -> None:
        connection.write(STREAM_HEAD + chunk(TOKEN) + chunk(TOKEN))
        connection.write(chunk(b'data: {"choices": [], ' + usage + b"}\n\n") + b"0\r\n\r\n")

    server.handler = reasons
    objective = {**FIRST_TOKEN, "of": "output_token", "name": "tokens", "within_ms": 60_000}
    monitor = start_monitor(
        server.port, server={"protocol": "openai", "port": server.port}, objectives=[objective]
    )
    async with RawClient(monitor.serving_port) as client:
        assert (await client.ask(chat())).status == 200
    samples, operations = await monitor.scrape(), await monitor.scrape("/metrics")
    assert samples.verdicts("tokens") == (0, 0)
    assert operations.get("modelward_streams_untimed_total") == 1
    assert operations.get(METRIC_OUTPUT_TOKENS) == 21


async def plain(_request: Request, connection: Connection) -> None:
    """Answer with one completion."""
    connection.write(answer(b'{"choices": []}', "200 OK", "Content-Type: application/json"))


@pytest.mark.parametrize(
    ("path", "events"), [("/v1/completions", 1), ("/v1/embeddings", 1), ("/v1/models", 0), ("/v1/files", 0)]
)
async def test_openai_predictions(
    start_monitor: MonitorFactory, server: ModelServer, path: str, events: int
) -> None:
    """Of an OpenAI-compatible server completions and embeddings are predictions, the rest is not."""
    server.handler = plain
    monitor = start_monitor(server.port, server={"protocol": "openai", "port": server.port})
    async with RawClient(monitor.serving_port) as client:
        assert (await client.ask(chat(path))).status == 200
    assert (await monitor.scrape()).verdicts("availability") == (events, 0)


async def test_plain_predictions_are_found_by_their_pointer(
    start_monitor: MonitorFactory, server: ModelServer
) -> None:
    """A receipt of a plain server's answer holds what the pointer names."""
    body = b'{"result": {"class": [1, "b"]}}'

    async def answered(_request: Request, connection: Connection) -> None:
        connection.write(answer(body))

    server.handler = answered
    monitor = start_monitor(
        server.port, server={"protocol": "http", "port": server.port, "prediction": "/result/class"}
    )
    async with RawClient(monitor.serving_port) as client:
        got = await client.ask(infer())
    receipt = receipts.verify(got.header(HEADER_RECEIPT) or "", (RECEIPT_KEY,))
    assert (receipt.predictions, receipt.prediction_count) == ((1, "b"), 2)
    assert (await monitor.scrape("/metrics")).get(METRIC_PREDICTIONS) == 2


@pytest.mark.parametrize("headers", [[], ["Content-Encoding: gzip"]], ids=["plain", "packed"])
async def test_binary_predictions_are_read(
    start_monitor: MonitorFactory, server: ModelServer, headers: list[str]
) -> None:
    """A receipt holds the predictions of a v2 answer with binary tensors; rows are counted, not requests."""
    output = {"name": "y", "shape": [3], "datatype": "INT32", "parameters": {"binary_data_size": 12}}
    head = orjson.dumps({"model_name": "m", "outputs": [output]})
    body = head + struct.pack("<3i", 4, 5, 6)
    body = gzip.compress(body) if headers else body

    async def answered(_request: Request, connection: Connection) -> None:
        connection.write(answer(body, "200 OK", f"Inference-Header-Content-Length: {len(head)}", *headers))

    server.handler = answered
    monitor = start_monitor(server.port)
    async with RawClient(monitor.serving_port) as client:
        got = await client.ask(infer(json.dumps({}).encode()))
        assert got.body == body
    receipt = receipts.verify(got.header(HEADER_RECEIPT) or "", (RECEIPT_KEY,))
    assert (receipt.predictions, receipt.prediction_count) == ((4, 5, 6), 3)
    assert (await monitor.scrape("/metrics")).get(METRIC_PREDICTIONS) == 3
