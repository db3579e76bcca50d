"""A gRPC server that refuses calls before it begins with them, or breaks its answer off after."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import grpc
import pytest
from hpack import Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.integration.monitor.conftest import MonitorFactory, speaking
from tests.integration.monitor.grpc_server import channel, infer
from tests.integration.monitor.model_server import ModelServer
from tests.integration.otlp_store import OTLPStore, attributes
from tests.integration.signals.conditions import until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NOTHING = b"\0\0\0\0\0"
"""An empty message of gRPC: not packed, of length 0."""
Refusal = Callable[[int], tuple[bytes, bool]]
"""Gives for a stream what refuses it, and whether the connection ends then."""


def by_stream(stream: int) -> tuple[bytes, bool]:
    """Refuse one stream (RFC 9113 8.7)."""
    return RstStreamFrame(stream, error_code=7).serialize(), False


def by_going_away(_stream: int) -> tuple[bytes, bool]:
    """Go away, without having begun with any stream (RFC 9113 6.8)."""
    return GoAwayFrame(last_stream_id=0).serialize(), True


def by_breaking_off(stream: int) -> tuple[bytes, bool]:
    """Begin an answer, and give it up."""
    begun = HeadersFrame(stream, Encoder().encode([(":status", "200")]), flags=["END_HEADERS"])
    return begun.serialize() + RstStreamFrame(stream, error_code=2).serialize(), False


def by_http(stream: int) -> tuple[bytes, bool]:
    """Answer as a server that speaks HTTP/2 and no gRPC, which fails."""
    failed = Encoder().encode([(":status", "500")])
    return HeadersFrame(stream, failed, flags=["END_HEADERS", "END_STREAM"]).serialize(), False


def by_leaving(_stream: int) -> tuple[bytes, bool]:
    """End the connection without a word."""
    return b"", True


class Refusing:
    """Refuses its first call, and answers all others with nothing."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        self.calls = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak HTTP/2 as far as calls without contents need it."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readexactly(len(PREFACE))
            writer.write(SettingsFrame().serialize())
            encoder, goes_on = Encoder(), True
            while goes_on:
                frame, length = Frame.parse_frame_header(memoryview(await reader.readexactly(9)))
                frame.parse_body(memoryview(await reader.readexactly(length)))
                if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
                    writer.write(SettingsFrame(flags=["ACK"]).serialize())
                elif isinstance(frame, HeadersFrame):
                    goes_on = self._take(frame.stream_id, encoder, writer)
        writer.close()

    def _take(self, stream: int, encoder: Encoder, writer: asyncio.StreamWriter) -> bool:
        self.calls += 1
        if self.calls == 1:
            refused, ends = self.refusal(stream)
            writer.write(refused)
            return not ends
        begun = encoder.encode([(":status", "200"), ("content-type", "application/grpc")])
        ended = encoder.encode([("grpc-status", "0")])
        writer.writelines(
            [
                HeadersFrame(stream, begun, flags=["END_HEADERS"]).serialize(),
                DataFrame(stream, NOTHING).serialize(),
                HeadersFrame(stream, ended, flags=["END_HEADERS", "END_STREAM"]).serialize(),
            ]
        )
        return True


@pytest.mark.parametrize("refusal", [by_stream, by_going_away])
async def test_a_call_that_was_refused_and_sent_again(
    start_monitor: MonitorFactory, server: ModelServer, collector: OTLPStore, refusal: Refusal
) -> None:
    """It is one good event with one span, and its refusal is counted.

    grpcio sends it again by itself after a GOAWAY, as all of gRPC's libraries do, and otherwise leaves that
    to a policy of the client's, which is here the test's.
    """
    refusing = Refusing(refusal)
    listening = await asyncio.start_server(refusing.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    endpoint = f"http://127.0.0.1:{collector.port}"
    sampled = {"sample_ratio": 1}
    monitor = speaking(start_monitor, server, port, otlp_endpoint=endpoint, telemetry=sampled)
    async with listening, channel(monitor.serving_port) as client:
        if refusal is by_stream:
            with pytest.raises(grpc.aio.AioRpcError, match="error code 7"):
                await infer(client)
        assert await infer(client) == b""
    assert refusing.calls == 2
    assert (await monitor.scrape()).verdicts("availability") == (1, 0)
    operations = await monitor.scrape("/metrics")
    assert operations.get("modelward_request_failures_total", reason="refused") == 1
    assert operations.get("modelward_grpc_unwatched_connections_total") == 0
    await asyncio.to_thread(monitor.stop)  # which sends what is still held
    assert [attributes(span.attributes)["rpc.status_code"] for span in collector.spans] == ["OK"]


@pytest.mark.parametrize(
    ("refusal", "error", "http_status"),
    [(by_breaking_off, "cut", 200), (by_leaving, "unreachable", None), (by_http, "500", 500)],
)
async def test_a_call_without_a_status(
    start_monitor: MonitorFactory,
    server: ModelServer,
    collector: OTLPStore,
    refusal: Refusal,
    error: str,
    http_status: int | None,
) -> None:
    """It is a bad event, and its span says why; a bucket leads to it where an answer has ended."""
    listening = await asyncio.start_server(Refusing(refusal).serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    endpoint = f"http://127.0.0.1:{collector.port}"
    unsampled = {"sample_ratio": 0}
    monitor = speaking(start_monitor, server, port, otlp_endpoint=endpoint, telemetry=unsampled)
    async with listening, channel(monitor.serving_port) as client:
        with pytest.raises(grpc.aio.AioRpcError):
            await infer(client)
    assert (await monitor.scrape()).verdicts("availability") == (0, 1)
    await until(lambda: len(collector.spans) == 1, "the span")
    (span,) = collector.spans
    found = attributes(span.attributes)
    assert (found["error.type"], found["modelward.kept"]) == (error, "failed")
    assert ("rpc.status_code" in found, found.get("http.response.status_code")) == (False, http_status)
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert list((await monitor.exemplars()).values()) == [span.trace_id.hex()] * (error == "500")
