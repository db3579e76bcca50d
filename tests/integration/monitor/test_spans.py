"""Trace context handed to the server, and spans sent to the collector."""

import asyncio

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.model_server import Connection, ModelServer, Request, prediction
from tests.integration.monitor.monitor_process import DEPLOYMENT, REVISION, MonitorProcess
from tests.integration.monitor.raw_client import RawClient, get, infer
from tests.integration.otlp_store import OTLPStore, attributes
from tests.integration.signals.conditions import until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def unavailable(_request: Request, connection: Connection) -> None:
    """Fail, so that the span is kept in any case."""
    connection.write(prediction("503 Service Unavailable"))


@pytest.fixture
def monitor(start_monitor: MonitorFactory, server: ModelServer, collector: OTLPStore) -> MonitorProcess:
    """Run a monitor that samples every request."""
    endpoint = f"http://127.0.0.1:{collector.port}"
    return start_monitor(server.port, otlp_endpoint=endpoint, telemetry={"sample_ratio": 1})


async def test_span_and_context(monitor: MonitorProcess, server: ModelServer, collector: OTLPStore) -> None:
    """The server sees the monitor's span as its parent, and the span has what the conventions ask for."""
    async with RawClient(monitor.serving_port) as client:
        assert (await client.ask(infer())).status == 200
    version, trace, span_id, flags = (server.requests[0].header("traceparent") or "").split("-")
    assert (version, flags) == ("00", "01")
    await until(lambda: len(collector.spans) == 1, "the span")
    span = collector.spans[0]
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id) == (trace, span_id, b"")
    assert (span.name, span.kind) == ("POST /v2/models/{model}/infer", Span.SPAN_KIND_SERVER)
    assert span.end_time_unix_nano > span.start_time_unix_nano
    found = attributes(span.attributes)
    assert found["http.request.method"] == "POST"
    assert found["http.response.status_code"] == 200
    assert found["http.route"] == "/v2/models/{model}/infer"
    assert found["modelward.revision"] == REVISION
    assert found["modelward.kept"] == "sampled"
    assert found["modelward.model.name"] == "m"
    assert found["modelward.rows"] == 1
    assert collector.resources[0]["service.name"] == DEPLOYMENT


async def test_parent_is_followed(monitor: MonitorProcess, server: ModelServer, collector: OTLPStore) -> None:
    """A sampled parent's trace goes on; an unsampled one passes untouched, and makes no span if good."""
    async with RawClient(monitor.serving_port) as client:
        await client.ask(get("/v2", f"traceparent: 00-{TRACE}-{PARENT}-00", "tracestate: a=b"), "GET")
        await client.ask(get("/v2", f"Traceparent: 00-{TRACE}-{PARENT}-01", "tracestate: a=b"), "GET")
    unsampled, sampled = server.requests
    assert unsampled.header("traceparent") == f"00-{TRACE}-{PARENT}-00"
    assert sampled.header("tracestate") == "a=b"
    assert [name.lower() for name, _ in sampled.headers].count("traceparent") == 1
    await until(lambda: len(collector.spans) > 0, "the span")
    (span,) = collector.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert sampled.header("traceparent") == f"00-{TRACE}-{span.span_id.hex()}-01"


@pytest.mark.parametrize(
    ("sent", "carried"),
    [
        (("tracestate: a=b,c@d=e", "TraceState: f=g"), "a=b,c@d=e,f=g"),
        (("tracestate: no state",), ""),
        ((f"tracestate: a={'b' * 200},c={'d' * 200},e={'f' * 200}",), ""),
    ],
)
async def test_the_span_carries_the_state_that_is_handed_on(
    monitor: MonitorProcess, server: ModelServer, collector: OTLPStore, sent: tuple[str, ...], carried: str
) -> None:
    """What a caller's trace has for those who know it is the span's, too, if it is valid and not long."""
    server.handler = unavailable
    for flags in ("01", "00"):
        async with RawClient(monitor.serving_port) as client:
            await client.ask(infer(b"{}", f"traceparent: 00-{TRACE}-{PARENT}-{flags}", *sent))
    await until(lambda: len(collector.spans) == 2, "both spans")
    assert [span.trace_state for span in collector.spans] == [carried, carried]
    for request in server.requests:
        assert [value for name, value in request.headers if name.lower() == "tracestate"] == [
            header.partition(": ")[2] for header in sent
        ]
    assert "tracestate" not in monitor.log()
    assert "w3c" not in monitor.log()


async def test_a_state_without_its_parent_is_not_carried(
    monitor: MonitorProcess, collector: OTLPStore, server: ModelServer
) -> None:
    """A tracestate says nothing of the trace that begins here."""
    assert server.port
    async with RawClient(monitor.serving_port) as client:
        await client.ask(infer(b"{}", "tracestate: a=b"))
    await until(lambda: len(collector.spans) == 1, "the span")
    assert collector.spans[0].trace_state == ""


async def test_invalid_parent_is_replaced(monitor: MonitorProcess, server: ModelServer) -> None:
    """A traceparent that is none counts as none: only the new one reaches the server, and no state."""
    async with RawClient(monitor.serving_port) as client:
        await client.ask(infer(b"{}", "traceparent: nonsense", "tracestate: a=b"))
        await client.ask(infer(b"{}", "TraceState: a=b"))
    for request in server.requests:
        (found,) = [value for name, value in request.headers if name.lower() == "traceparent"]
        assert len(found) == 55
        assert request.header("tracestate") is None


async def test_names_and_values_are_those_of_the_conventions(
    monitor: MonitorProcess, collector: OTLPStore
) -> None:
    """Methods that few know are one, what signs a URL is left out, and of others the route is their path."""
    async with RawClient(monitor.serving_port) as client:
        await client.ask(get("/a?sig=s3cret&x=1&Signature=s3cret&design=2", method="PROPFIND"))
        await client.ask(get("/v1/chat/completions", method="POST"))
    await until(lambda: len(collector.spans) == 2, "both spans")
    names = [span.name for span in collector.spans]
    assert names == ["HTTP", "POST /v1/chat/completions"]
    unknown, chat = (attributes(span.attributes) for span in collector.spans)
    assert unknown["http.request.method"] == "_OTHER"
    assert unknown["http.request.method_original"] == "PROPFIND"
    assert unknown["url.query"] == "sig=REDACTED&x=1&Signature=REDACTED&design=2"
    assert chat["http.route"] == "/v1/chat/completions"
    assert "http.request.method_original" not in chat


async def test_failures_are_errors(
    monitor: MonitorProcess, server: ModelServer, collector: OTLPStore
) -> None:
    """A 5xx and a server that is not there make spans with an error."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(prediction("500 Internal Server Error"))

    server.handler = reply
    async with RawClient(monitor.serving_port) as client:
        assert (await client.ask(infer())).status == 500
        await server.stop()
        assert (await client.ask(infer())).status == 502
        await server.start()
    await until(lambda: len(collector.spans) == 2, "both spans")
    found = [attributes(span.attributes) for span in collector.spans]
    assert [each["error.type"] for each in found] == ["500", "unreachable"]
    assert [each["http.response.status_code"] for each in found] == [500, 502]


async def test_a_held_answer_that_breaks_off(
    monitor: MonitorProcess, server: ModelServer, collector: OTLPStore
) -> None:
    """Its client gets a 502: the span says so, and it is counted as cut, for the server was reached."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(prediction()[:-5])
        await connection.writer.drain()
        connection.reset()

    server.handler = reply
    async with RawClient(monitor.serving_port) as client:
        assert (await client.ask(infer())).status == 502
    await until(lambda: len(collector.spans) == 1, "the span")
    found = attributes(collector.spans[0].attributes)
    assert (found["http.response.status_code"], found["error.type"]) == (502, "cut")
    shown = await monitor.scrape("/metrics")
    assert shown.get("modelward_request_failures_total", reason="cut") == 1
    assert shown.get("modelward_request_failures_total", reason="unreachable") == 0


async def test_a_body_that_is_refused_is_no_client_that_left(
    monitor: MonitorProcess, server: ModelServer, collector: OTLPStore
) -> None:
    """The span of a request whose body could not be followed has the status that its client got."""
    async with RawClient(monitor.serving_port) as client:
        client.send(b"POST /v2/models/m/infer HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await until(lambda: len(server.requests) == 1, "the server has the head")
        client.send(b"zz\r\n")
        assert (await client.read_answer()).status == 400
    await until(lambda: len(collector.spans) == 1, "the span")
    found = attributes(collector.spans[0].attributes)
    assert (found["http.response.status_code"], found["error.type"]) == (400, "refused")


async def test_what_is_bad_is_kept_unsampled(
    start_monitor: MonitorFactory, server: ModelServer, collector: OTLPStore
) -> None:
    """At a ratio of 0 a slow and a failed prediction make spans, a good one none; all were recordable."""
    monitor = start_monitor(
        server.port,
        otlp_endpoint=f"http://127.0.0.1:{collector.port}",
        telemetry={"sample_ratio": 0},
        objectives=[{"kind": "latency", "name": "latency", "config": "l1", "within_ms": 1000}],
    )
    answers = {"good": (0.0, "200 OK"), "slow": (1.3, "200 OK"), "bad": (0.0, "500 Internal Server Error")}
    wanted = ""

    async def reply(_request: Request, connection: Connection) -> None:
        seconds, status = answers[wanted]
        await asyncio.sleep(seconds)  # what the server takes
        connection.write(prediction(status))

    server.handler = reply
    async with RawClient(monitor.serving_port) as client:
        for wanted in answers:  # noqa: B007 - the handler reads it
            await client.ask(infer())
    await until(lambda: len(collector.spans) == 2, "both spans")
    kept = {str(attributes(span.attributes)["modelward.kept"]): span for span in collector.spans}
    assert set(kept) == {"slow", "failed"}
    parents = [(request.header("traceparent") or "").split("-") for request in server.requests]
    assert [flags for *_, flags in parents] == ["01"] * 3
    assert [kept["slow"].trace_id.hex(), kept["failed"].trace_id.hex()] == [parents[1][1], parents[2][1]]


async def test_nothing_is_made_that_would_go_nowhere(
    start_monitor: MonitorFactory, server: ModelServer, collector: OTLPStore
) -> None:
    """Without an endpoint behind the collector the server gets no context, and no span is made."""
    endpoint = f"http://127.0.0.1:{collector.port}"
    telemetry = {"sample_ratio": 1, "is_exported": False}
    monitor = start_monitor(server.port, otlp_endpoint=endpoint, telemetry=telemetry)
    async with RawClient(monitor.serving_port) as client:
        assert (await client.ask(infer())).status == 200
    assert server.requests[0].header("traceparent") is None
    assert monitor.stop() == 0  # which sends what is still held
    assert collector.spans == []


async def test_without_a_collector(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A collector that is not there disturbs no request and not the end of the process."""
    monitor = start_monitor(server.port, otlp_endpoint="http://127.0.0.1:1", telemetry={"sample_ratio": 1})
    async with RawClient(monitor.serving_port) as client:
        for _ in range(50):
            assert (await client.ask(infer())).status == 200
    assert monitor.stop() == 0
    assert monitor.log().count("spans are lost") == 1


async def test_what_is_refused_for_now_is_sent_again(monitor: MonitorProcess, collector: OTLPStore) -> None:
    """Spans that the collector has no room for are sent again, and what it will never take is not."""
    collector.refusals = [503, 429]
    async with RawClient(monitor.serving_port) as client:
        await client.ask(infer())
        await until(lambda: len(collector.spans) == 1, "the span")
        assert collector.refusals == []
        collector.refusals = [400]
        await client.ask(infer())
        await until(lambda: "it answered 400" in monitor.log(), "word of the refusal")
        await client.ask(infer())
        await until(lambda: len(collector.spans) == 2, "the last span")


async def test_exemplars_lead_to_kept_traces(
    start_monitor: MonitorFactory, server: ModelServer, collector: OTLPStore
) -> None:
    """The latency histogram names the trace of a slow request, and no trace that is not kept."""
    monitor = start_monitor(
        server.port,
        otlp_endpoint=f"http://127.0.0.1:{collector.port}",
        telemetry={"sample_ratio": 0},
        objectives=[{"kind": "latency", "name": "latency", "config": "l1", "within_ms": 1000}],
    )
    seconds = 0.0

    async def reply(_request: Request, connection: Connection) -> None:
        await asyncio.sleep(seconds)  # what the server takes
        connection.write(prediction())

    server.handler = reply
    async with RawClient(monitor.serving_port) as client:
        await client.ask(infer())
        seconds = 1.3
        await client.ask(infer())
    await until(lambda: len(collector.spans) == 1, "the slow request's span")
    buckets = await monitor.exemplars()
    assert list(buckets.values()) == [collector.spans[0].trace_id.hex()]
    assert 1.3 <= float(next(iter(buckets))) < 11
