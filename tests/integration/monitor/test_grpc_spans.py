"""Spans of gRPC calls: which are made, below whom, and what they say."""

import asyncio
from typing import Any

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.integration.monitor import grpc_server
from tests.integration.monitor.conftest import MonitorFactory, speaking
from tests.integration.monitor.grpc_server import GrpcServer, channel, infer
from tests.integration.monitor.model_server import ModelServer
from tests.integration.monitor.monitor_process import DEPLOYMENT, REVISION, MonitorProcess
from tests.integration.otlp_store import OTLPStore, attributes
from tests.integration.signals.conditions import until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-{flags}") for flags in ("01", "00"))
METHOD = "inference.GRPCInferenceService/ModelInfer"
IN_TIME = [{"kind": "latency", "name": "latency", "config": "l1", "within_ms": 1000}]


@pytest.fixture
def start(
    start_monitor: MonitorFactory, server: ModelServer, grpc_model: GrpcServer, collector: OTLPStore
) -> MonitorFactory:
    """Start monitors whose server speaks gRPC and whose spans the collector gets, by a ratio."""

    def started(ratio: float, port: int = grpc_model.port, **changes: Any) -> MonitorProcess:
        endpoint = f"http://127.0.0.1:{collector.port}"
        telemetry = {"sample_ratio": ratio}
        return speaking(start_monitor, server, port, otlp_endpoint=endpoint, telemetry=telemetry, **changes)

    return started


def said(collector: OTLPStore, name: str) -> list[str | int | None]:
    """What each span says of an attribute, in the order in which they came."""
    return [attributes(span.attributes).get(name) for span in collector.spans]


async def test_a_span_below_the_callers(
    start: MonitorFactory, grpc_model: GrpcServer, collector: OTLPStore
) -> None:
    """A caller that samples has the call in its trace, and the server gets the caller's context untouched."""
    monitor = start(ratio=0)
    async with channel(monitor.serving_port) as client:
        await infer(client, metadata=[SAMPLED, ("tracestate", "a=b"), ("tracestate", "c=d")])
    await until(lambda: len(collector.spans) == 1, "the span")
    (span,) = collector.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state) == (TRACE, PARENT, "a=b,c=d")
    assert grpc_model.headers[0]["traceparent"] == SAMPLED[1]
    assert (span.name, span.kind) == (METHOD, Span.SPAN_KIND_SERVER)
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert span.end_time_unix_nano > span.start_time_unix_nano
    assert attributes(span.attributes) == {
        "rpc.system.name": "grpc",
        "rpc.method": METHOD,
        "rpc.status_code": "OK",
        "modelward.revision": REVISION,
        "modelward.model.uri": "s3://models/electricity/2",
        "modelward.kept": "sampled",
    }
    assert collector.resources[0]["service.name"] == DEPLOYMENT
    assert list((await monitor.exemplars()).values()) == [TRACE]


async def test_a_trace_of_its_own(
    start: MonitorFactory, grpc_model: GrpcServer, collector: OTLPStore
) -> None:
    """Without a valid context of the caller's a call begins a trace by the ratio, unknown to the server."""
    monitor = start(ratio=1)
    async with channel(monitor.serving_port) as client:
        await infer(client, metadata=[("tracestate", "a=b")])
        await infer(client, metadata=[("traceparent", "nonsense")])
    await until(lambda: len(collector.spans) == 2, "both spans")
    assert len({span.trace_id for span in collector.spans}) == 2
    assert {(span.parent_span_id, span.trace_state) for span in collector.spans} == {(b"", "")}
    assert [each.get("traceparent") for each in grpc_model.headers] == [None, "nonsense"]


async def test_what_is_not_sampled_makes_no_span(start: MonitorFactory, collector: OTLPStore) -> None:
    """The caller's flag stands above the ratio, and the client's own mistakes are no failure."""
    monitor, unsampled = start(ratio=1), start(ratio=0)
    async with channel(monitor.serving_port) as client, channel(unsampled.serving_port) as other:
        await infer(client, metadata=[UNSAMPLED])
        await infer(other)
        await infer(other, path=grpc_server.READY)
        assert await grpc_server.stream(other, [b"one", b"two"]) == [b"one", b"two"]
    for each in (monitor, unsampled):
        assert await asyncio.to_thread(each.stop) == 0  # which sends what is still held
    assert collector.spans == []


@pytest.mark.parametrize(
    ("code", "is_failed"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, False),
        (grpc.StatusCode.UNAUTHENTICATED, False),
        (grpc.StatusCode.UNKNOWN, True),
        (grpc.StatusCode.UNAVAILABLE, True),
    ],
    ids=lambda value: value.name if isinstance(value, grpc.StatusCode) else "",
)
async def test_failed_calls_are_kept(
    start: MonitorFactory,
    grpc_model: GrpcServer,
    collector: OTLPStore,
    code: grpc.StatusCode,
    is_failed: bool,
) -> None:
    """A status that the conventions hold for a server's error is kept unsampled, with the caller's trace."""
    grpc_model.handler = grpc_server.always(code)
    monitor = start(ratio=0)
    async with channel(monitor.serving_port) as client:
        for metadata in ([UNSAMPLED], [SAMPLED]):
            with pytest.raises(grpc.aio.AioRpcError):
                await infer(client, metadata=metadata)
    assert await asyncio.to_thread(monitor.stop) == 0  # which sends what is still held
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    if is_failed:
        assert said(collector, "modelward.kept") == ["failed", "failed"]
        assert said(collector, "error.type") == said(collector, "rpc.status_code") == [code.name, code.name]
        assert {span.status.code for span in collector.spans} == {Status.STATUS_CODE_ERROR}
    else:
        assert said(collector, "modelward.kept") == ["sampled"]
        assert (said(collector, "error.type"), said(collector, "rpc.status_code")) == ([None], [code.name])
        assert collector.spans[0].status.code == Status.STATUS_CODE_UNSET


async def test_slow_calls_are_kept(
    start: MonitorFactory, grpc_model: GrpcServer, collector: OTLPStore
) -> None:
    """What a latency objective counts as bad is kept unsampled, and the histogram leads to it alone."""
    monitor = start(ratio=0, objectives=IN_TIME)

    async def reply(request: bytes, _context: Any) -> bytes:
        await asyncio.sleep(1.3 if request == b"slow" else 0)  # what the server takes
        return request

    grpc_model.handler = reply
    async with channel(monitor.serving_port) as client:
        for request in (b"quick", b"slow"):
            await infer(client, request)
    await until(lambda: len(collector.spans) == 1, "the slow call's span")
    assert said(collector, "modelward.kept") == ["slow"]
    buckets = await monitor.exemplars()
    assert list(buckets.values()) == [collector.spans[0].trace_id.hex()]
    assert 1.3 <= float(next(iter(buckets))) < 11


async def test_a_client_that_gives_up(
    start: MonitorFactory, grpc_model: GrpcServer, collector: OTLPStore
) -> None:
    """A call that its client cancels has no whole answer, as a request over HTTP has not: it is kept."""
    monitor = start(ratio=0)
    grpc_model.handler = grpc_server.held(asyncio.Event())
    async with channel(monitor.serving_port) as client:
        call = asyncio.create_task(infer(client))
        await until(lambda: grpc_model.calls == 1, "the server has the call")
        call.cancel()
        await until(lambda: len(collector.spans) == 1, "the span")
    assert said(collector, "error.type") == ["client_gone"]


async def test_methods_that_few_servers_have(start: MonitorFactory, collector: OTLPStore) -> None:
    """Spans of methods that are none of a model's server have one name, and say what was asked for."""
    monitor = start(ratio=1)
    async with channel(monitor.serving_port) as client:
        with pytest.raises(grpc.aio.AioRpcError):
            await infer(client, path="/shop.Cart/" + "x" * 1000)
        await infer(client, path=grpc_server.READY)
    await until(lambda: len(collector.spans) == 2, "both spans")
    assert [span.name for span in collector.spans] == ["grpc", grpc_server.READY[1:]]
    assert said(collector, "rpc.method") == ["_OTHER", grpc_server.READY[1:]]
    assert said(collector, "rpc.method_original") == [("shop.Cart/" + "x" * 1000)[:256], None]
    assert said(collector, "rpc.status_code") == ["UNIMPLEMENTED", "OK"]
    assert await monitor.exemplars() == {}


async def test_gates_have_spans_and_no_exemplar(start: MonitorFactory, collector: OTLPStore) -> None:
    """What is asked on the synthetic port is traced as over HTTP, and is in no histogram."""
    monitor = start(ratio=0)
    async with channel(monitor.synthetic_port) as client:
        await infer(client, metadata=[SAMPLED])
    await until(lambda: len(collector.spans) == 1, "the span")
    assert await monitor.exemplars() == {}


async def test_both_monitors_have_a_span_of_what_is_forwarded(
    start: MonitorFactory, grpc_model: GrpcServer, collector: OTLPStore
) -> None:
    """A withdrawn revision's span says that it took the call; its histogram leads to none."""
    withdrawn, stable = start(ratio=0), start(ratio=0, revision="electricity-stable")
    forward_to = f"http://127.0.0.1:{stable.serving_port}"
    await withdrawn.put_traffic({"mode": "Withdraw", "generation": 2, "forward_to": forward_to})
    async with channel(withdrawn.serving_port) as client:
        await infer(client, metadata=[SAMPLED])
    await until(lambda: len(collector.spans) == 2, "both spans")
    assert grpc_model.calls == 1
    assert set(said(collector, "modelward.revision")) == {REVISION, "electricity-stable"}
    assert {(span.trace_id.hex(), span.parent_span_id.hex()) for span in collector.spans} == {(TRACE, PARENT)}
    assert await withdrawn.exemplars() == {}
    assert list((await stable.exemplars()).values()) == [TRACE]
