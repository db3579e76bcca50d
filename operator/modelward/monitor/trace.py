"""Spans: which requests get one, the W3C trace context handed on, and the span made when the answer ended.

The ids are decided when the request arrives, because the server is to see them in `traceparent`;
the span itself is built after the last byte has been forwarded and goes to the collector in the pod
through OpenTelemetry's BatchSpanProcessor, whose queue is bounded. Sampling is parent-based; without
a parent a trace is sampled by its id as OpenTelemetry's TraceIdRatioBased does. Attributes follow
the OpenTelemetry semantic conventions for HTTP servers.
"""

import random
import re
from dataclasses import dataclass
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from modelward.api.monitorconfig import MonitorConfig

TRACEPARENT: Final = b"traceparent"
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_FIRST_SERVER_ERROR: Final = 500
_MAX_ATTRIBUTE_CHARACTERS: Final = 256
_V2_ROUTE: Final = re.compile(
    r"^/v2/models/[^/]+(/versions/[^/]+)?(/infer|/generate|/generate_stream|/ready)?$"
)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The ids of one request's span."""

    trace_id: int
    span_id: int
    parent_span_id: int | None
    is_sampled: bool

    def traceparent(self) -> bytes:
        """The header's value for the server (W3C Trace Context, level 1)."""
        flags = 1 if self.is_sampled else 0
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{flags:02x}".encode()


def decide(parent: bytes | None, sample_ratio: float) -> TraceContext:
    """The context of a request that came with the header `parent`; an invalid one counts as none."""
    match = None if parent is None else _TRACEPARENT.fullmatch(parent.strip())
    if match is not None and int(match[1], 16) and int(match[2], 16):
        sampled = bool(int(match[3], 16) & TraceFlags.SAMPLED)
        return TraceContext(int(match[1], 16), random.getrandbits(64) or 1, int(match[2], 16), sampled)
    trace_id = random.getrandbits(128) or 1
    sampled = (trace_id & 0xFFFF_FFFF_FFFF_FFFF) < round(sample_ratio * (1 << 64))
    return TraceContext(trace_id, random.getrandbits(64) or 1, None, sampled)


@dataclass(frozen=True, slots=True)
class SpanFacts:
    """What is known of a request once it has ended."""

    method: str
    target: bytes
    http_version: str
    status: int | None
    error: str | None
    """Why there was no whole answer; None when there was one."""
    start_ns: int
    """Unix time."""
    end_ns: int
    request_bytes: int
    response_bytes: int


class Tracer:
    """Builds spans of one revision and hands them to the exporter."""

    def __init__(self, otlp_endpoint: str) -> None:
        self._resources: dict[str, Resource] = {}
        self._processor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=f"{otlp_endpoint}/v1/traces", timeout=5)
        )

    def record(self, config: MonitorConfig, context: TraceContext, facts: SpanFacts) -> None:
        """Queue the span of a sampled request; a full queue drops it."""
        failed = facts.error is not None or (facts.status or 0) >= _FIRST_SERVER_ERROR
        route = route_of(facts.target)
        self._processor.on_end(
            ReadableSpan(
                name=f"{facts.method} {route}" if route else facts.method,
                context=_span_context(context.trace_id, context.span_id),
                parent=(
                    None
                    if context.parent_span_id is None
                    else _span_context(context.trace_id, context.parent_span_id)
                ),
                resource=self._resource(config),
                attributes=_attributes(config, facts, route),
                kind=SpanKind.SERVER,
                status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
                start_time=facts.start_ns,
                end_time=facts.end_ns,
            )
        )

    def close(self) -> None:
        """Export what is queued and stop; blocks for at most the exporter's time-out."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _resource(self, config: MonitorConfig) -> Resource:
        known = self._resources.get(config.revision)
        if known is None:
            known = self._resources[config.revision] = Resource.create(
                {
                    "service.name": config.deployment,
                    "service.namespace": config.namespace,
                    "service.version": config.revision,
                }
            )
        return known


def route_of(target: bytes) -> str | None:
    """The route of a v2 target, with names left open, so that span names stay few; None for others."""
    path = target.decode("latin-1").partition("?")[0]
    match = _V2_ROUTE.match(path)
    if match is None:
        return None
    version = "/versions/{version}" if match[1] else ""
    return f"/v2/models/{{model}}{version}{match[2] or ''}"


def _span_context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _attributes(config: MonitorConfig, facts: SpanFacts, route: str | None) -> dict[str, str | int]:
    path, _, query = facts.target.decode("latin-1").partition("?")
    attributes: dict[str, str | int] = {
        "http.request.method": facts.method,
        "url.path": path[:_MAX_ATTRIBUTE_CHARACTERS],
        "url.scheme": "http",
        "network.protocol.version": facts.http_version,
        "http.request.body.size": facts.request_bytes,
        "http.response.body.size": facts.response_bytes,
        "modelward.revision": config.revision,
    }
    if query:
        attributes["url.query"] = query[:_MAX_ATTRIBUTE_CHARACTERS]
    if route:
        attributes["http.route"] = route
    if facts.status is not None:
        attributes["http.response.status_code"] = facts.status
    if facts.error is not None:
        attributes["error.type"] = facts.error
    elif facts.status is not None and facts.status >= _FIRST_SERVER_ERROR:
        attributes["error.type"] = str(facts.status)
    return attributes
