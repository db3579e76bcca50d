"""A pod's collector as it is rendered: what leaves it, what it makes of storage latencies, its bounds."""

import resource
from pathlib import Path

import pytest

from modelward.render.collector import MEMORY_LIMIT_MIB
from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.model_server import Connection, ModelServer, Request, prediction
from tests.integration.monitor.monitor_process import DEPLOYMENT, NAMESPACE, REVISION
from tests.integration.monitor.raw_client import RawClient, infer
from tests.integration.otlp_store import OTLPStore, attributes
from tests.integration.signals.conditions import until, until_answered
from tests.integration.tracing.pod_collector import (
    CollectorProcess,
    Gateway,
    Sent,
    pod_collector,
    span,
)

PARENT = "00f067aa0ba902b7"
READS = "modelward_storage_read_duration_seconds"
ROUTE = "POST /v2/models/{model}/infer"


async def test_the_servers_spans_are_kept_with_the_monitors(pod: CollectorProcess, store: OTLPStore) -> None:
    """Of two traces of the server's only the one leaves that the monitor keeps, whichever span came first."""
    sent = Sent()
    for what in ("kept", "left", "kept later"):
        await pod.take(span("predict", sent.new(what), PARENT))
    for what in ("kept", "kept later"):
        monitor = span("request", sent.ids[what], kept="slow")
        await pod.take(monitor, service=DEPLOYMENT)
    await pod.take(span("predict", sent.new("marker"), PARENT))
    await pod.take(span("request", sent.ids["marker"], kept="slow"))

    await until(lambda: set(store.of_trace(sent.ids["marker"])) == {"predict", "request"}, "the last trace")
    assert set(store.of_trace(sent.ids["kept"])) == {"predict", "request"}
    assert set(store.of_trace(sent.ids["kept later"])) == {"predict", "request"}
    assert store.of_trace(sent.ids["left"]) == {}
    assert len(store.spans) == 6  # each once
    pod_names = {each["k8s.pod.name"] for each in store.resources}
    assert pod_names == {"electricity-0"}
    assert {each["modelward.revision"] for each in store.resources} == {REVISION}
    assert {each["k8s.namespace.name"] for each in store.resources} == {NAMESPACE}


async def test_a_request_that_outlasts_the_wait_is_kept(pod: CollectorProcess, store: OTLPStore) -> None:
    """The monitor's span leaves although its trace was given up when only the server's first had come."""
    sent = Sent()
    await pod.take(span("early", sent.new("long"), PARENT))

    async def given_up() -> bool:
        name = "otelcol_processor_tail_sampling_global_count_traces_sampled_total"
        return await pod.metric(pod.own_metrics_port, name, sampled="false") >= 1

    await until_answered(given_up, "the trace is given up")
    await pod.take(span("request", sent.ids["long"], seconds=5, kept="slow"))
    await until(lambda: set(store.of_trace(sent.ids["long"])) == {"request"}, "the monitor's span")


async def test_traces_of_the_servers_own_go_by_the_ratio(
    tmp_path: Path, endpoint: Gateway, store: OTLPStore
) -> None:
    """What the server begins by itself is kept at a ratio of 1 and, like a request's, left at 0."""
    sent = Sent()
    for ratio in ("0", "1"):
        pod = pod_collector(tmp_path / f"pod-{ratio}", endpoint.endpoint, ratio)
        await pod.start()
        await pod.take(span("warm-up", sent.new(f"own {ratio}")))
        await pod.take(span("predict", sent.new(f"request {ratio}"), PARENT))
        await pod.take(span("model.fetch", sent.new(f"fetch {ratio}"), kept="fetched"))
        if ratio == "1":
            await until(lambda: bool(store.of_trace(sent.ids["own 1"])), "the server's own trace")
        pod.stop()  # which sends what is decided, and keeps nothing else
    found = {what for what, trace_id in sent.ids.items() if store.of_trace(trace_id)}
    assert found == {"own 1", "fetch 0", "fetch 1"}


async def test_storage_latencies_become_a_histogram(tmp_path: Path) -> None:
    """Of the attribute, not of the spans' own time; without an endpoint, too; nonsense counts nothing."""
    pod = pod_collector(tmp_path / "pod", endpoint=None)
    await pod.start()
    latencies: list[float | str] = [40.0, 60.0, 700.0, 9, "slow", -5.0]
    for latency in latencies:
        trace_id = Sent().new("read")
        await pod.take(span("read", trace_id, PARENT, seconds=3, storage_latency_ms=latency))
    await pod.take(span("predict", Sent().new("other"), PARENT, seconds=3))

    labels = {
        "deployment": DEPLOYMENT,
        "revision": REVISION,
        "source": "span",
        "service_name": "model-server",
    }

    async def counted() -> bool:
        return await pod.metric(pod.span_metrics_port, f"{READS}_count", **labels) == 4

    await until_answered(counted, "four reads")
    assert await pod.metric(pod.span_metrics_port, f"{READS}_sum", **labels) == pytest.approx(0.809)
    assert await pod.metric(pod.span_metrics_port, f"{READS}_bucket", **labels, le="0.05") == 2
    assert await pod.metric(pod.span_metrics_port, f"{READS}_bucket", **labels, le="0.5") == 3
    pod.stop()


async def test_an_endpoint_that_is_away_costs_no_more_than_the_queue(
    pod: CollectorProcess, endpoint: Gateway, store: OTLPStore
) -> None:
    """Spans beyond the queue are dropped and counted, memory keeps its limit, and what is queued arrives."""
    endpoint.collector.stop()
    batch = 500
    text = "x" * 200

    async def dropped() -> float:
        name = "otelcol_exporter_enqueue_failed_spans_total"
        return await pod.metric(pod.own_metrics_port, name, exporter="otlp")

    async def full() -> bool:
        spans = [span("request", Sent().new("kept"), kept="failed", text=text) for _ in range(batch)]
        await pod.take(*spans)
        return await dropped() > 0

    await until_answered(full, "the queue is full")
    assert _memory_mib(pod) < MEMORY_LIMIT_MIB
    await endpoint.collector.start()
    await until(lambda: len(store.spans) > batch, "what was queued")


async def test_one_trace_from_the_client_to_the_server(
    pod: CollectorProcess, store: OTLPStore, server: ModelServer, start_monitor: MonitorFactory
) -> None:
    """The monitor's span is the child of the client's and the parent of the server's, in the same trace."""
    monitor = start_monitor(
        server.port, otlp_endpoint=f"http://127.0.0.1:{pod.http_port}", telemetry={"sample_ratio": 0}
    )

    async def reply(request: Request, connection: Connection) -> None:
        _, trace_id, parent_id, _ = (request.header("traceparent") or "").split("-")
        await pod.take(span("predict", trace_id, parent_id))
        connection.write(prediction())

    server.handler = reply
    trace_id = Sent().new("client's")
    async with RawClient(monitor.serving_port) as client:
        await client.ask(infer(b"{}", f"traceparent: 00-{trace_id}-{PARENT}-01"))
    await until(lambda: len(store.of_trace(trace_id)) == 2, "both spans")
    spans = store.of_trace(trace_id)
    assert spans[ROUTE].parent_span_id.hex() == PARENT
    assert spans["predict"].parent_span_id == spans[ROUTE].span_id
    assert attributes(spans[ROUTE].attributes)["modelward.kept"] == "sampled"


def _memory_mib(pod: CollectorProcess) -> float:
    pages = int(Path(f"/proc/{pod.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
