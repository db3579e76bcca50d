"""Jaeger in the demonstration, and the slowest request's trace as a terminal shows it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from dev.cluster import current, images, layout
from dev.demo.cluster import Cluster

ENDPOINT: Final = "http://jaeger.tracing:4317"
ENDPOINT_HTTP: Final = "http://jaeger.tracing:4318"
SEE: Final = "kubectl port-forward -n tracing svc/jaeger 16686"
_MANIFEST: Final = Path(__file__).parent / "jaeger.yaml"
_QUERY: Final = "/api/v1/namespaces/tracing/services/jaeger:16686/proxy/api/traces"
_MOST: Final = 400
_BAR_CHARACTERS: Final = 50


@dataclass(frozen=True, slots=True)
class Span:
    """One span of a trace, as deep as its parents are many."""

    service: str
    name: str
    depth: int
    begin_ms: float
    """Since the trace began."""
    duration_ms: float


def provide(cluster: Cluster) -> None:
    """Run Jaeger in the cluster.

    Raises:
        ClusterError: Jaeger could not be built or loaded.
        DemoError: it did not start.
    """
    image = images.of_program("jaeger")
    if current.chosen():
        current.load([image])
    else:
        images.load(layout.of_checkout(), [image])
    text = _MANIFEST.read_text().replace("modelward.dev/jaeger:dev", image.reference)
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=text)
    cluster.kubectl("rollout", "status", "deployment/jaeger", "-n", "tracing", "--timeout=120s")


def traced(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ModelDeployment whose pods send traces to Jaeger, MLServer's own spans among them."""
    spec: dict[str, Any] = json.loads(json.dumps(manifest["spec"]))
    spec["telemetry"] = {"otlp": {"endpoint": ENDPOINT}, "sampleRatio": "0.01"}
    (container,) = spec["server"]["template"]["spec"]["containers"]
    container["env"].append({"name": "MLSERVER_TRACING_SERVER", "value": "localhost:4317"})
    return {**manifest, "spec": spec}


def slowest(cluster: Cluster, service: str) -> tuple[str, list[Span]] | None:
    """Return id and spans, in order of time, of the longest trace of a service; None if there is none."""
    answer = cluster.kubectl("get", "--raw", f"{_QUERY}?service={service}&limit={_MOST}&lookback=1h")
    traces = [trace for trace in json.loads(answer)["data"] or [] if len(trace["spans"]) > 1]
    if not traces:
        return None
    longest = max(traces, key=lambda trace: max(span["duration"] for span in trace["spans"]))
    return longest["traceID"], spans(longest)


def spans(trace: Mapping[str, Any]) -> list[Span]:
    """Return the spans of a trace as Jaeger's API has it (times in microseconds), in order of time."""
    parents = {
        span["spanID"]: next((each["spanID"] for each in span["references"]), "") for span in trace["spans"]
    }
    began = min(span["startTime"] for span in trace["spans"])

    def depth(span_id: str) -> int:
        parent = parents[span_id]
        return 1 + depth(parent) if parent in parents else 0

    found = [
        Span(
            service=trace["processes"][span["processID"]]["serviceName"],
            name=span["operationName"],
            depth=depth(span["spanID"]),
            begin_ms=(span["startTime"] - began) / 1000,
            duration_ms=span["duration"] / 1000,
        )
        for span in trace["spans"]
    ]
    return sorted(found, key=lambda span: (span.begin_ms, span.depth))


def table(found: Sequence[Span]) -> Table:
    """Return a line for each span, with a bar where it lies in the trace's time."""
    whole_ms = max(span.begin_ms + span.duration_ms for span in found) or 1.0
    shown = Table("span", "service", "ms", "", box=None)
    for span in found:
        before = round(_BAR_CHARACTERS * span.begin_ms / whole_ms)
        bar = " " * before + "█" * max(1, round(_BAR_CHARACTERS * span.duration_ms / whole_ms))
        shown.add_row("  " * span.depth + span.name, span.service, f"{span.duration_ms:.1f}", bar)
    return shown
