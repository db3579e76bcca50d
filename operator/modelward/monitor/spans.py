"""Spans: made when an answer has ended whose trace is kept, and sent to the collector in the pod.

They go through OpenTelemetry's BatchSpanProcessor, whose queue is bounded. Attributes follow the
OpenTelemetry semantic conventions for HTTP servers, and those for gRPC of 1.45.0, as which they are stable.
Only the forwarding process has this module: the second one is forked before it is imported (__main__.py).
"""

import logging
import re
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from modelward.api.monitorconfig import MonitorConfig
from modelward.conventions import ATTRIBUTE_KEPT
from modelward.monitor.events import OPENAI_PREDICTIONS
from modelward.monitor.span_sender import SpanSender
from modelward.monitor.trace import (
    FIRST_SERVER_ERROR,
    MAX_TRACESTATE_BYTES,
    CallFacts,
    HttpFacts,
    Kept,
    SpanFacts,
    TraceContext,
)

EXPORT_EVERY_MS: Final = 1000
_MAX_ATTRIBUTE_CHARACTERS: Final = 256
_OTHER: Final = "_OTHER"
"""What the conventions call a method that they do not know, and an error that has no name."""
_METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
"""Those that the conventions know; others are `_OTHER`."""
_SECRETS: Final = re.compile("(?<![^&])(AWSAccessKeyId|Signature|sig|X-Goog-Signature)=[^&]*")
"""Parameters of signed URLs whose values the conventions leave out."""
_V2_ROUTE: Final = re.compile(
    r"^/v2/models/([^/]+)(/versions/[^/]+)?(/infer|/generate|/generate_stream|/ready)?$"
)


class Tracer:
    """Builds spans of one revision and hands them to the exporter."""

    def __init__(self, otlp_endpoint: str) -> None:
        # It would log each tracestate that is none, which is for callers to write.
        logging.getLogger("opentelemetry.trace.span").setLevel(logging.ERROR)
        self._resources: dict[str, Resource] = {}
        self._processor = BatchSpanProcessor(
            SpanSender(f"{otlp_endpoint}/v1/traces"),
            # The collector holds the server's spans until it has this one, or no longer waits for it.
            schedule_delay_millis=EXPORT_EVERY_MS,
        )

    def record(self, config: MonitorConfig, context: TraceContext, facts: SpanFacts) -> None:
        """Queue the span of a request that is kept; a full queue drops the oldest."""
        of = facts.of
        name, attributes = _of_call(of, facts) if isinstance(of, CallFacts) else _of_http(of, facts)
        attributes["modelward.revision"] = config.revision
        attributes[ATTRIBUTE_KEPT] = facts.kept.value
        if config.model:
            attributes["modelward.model.uri"] = config.model[:_MAX_ATTRIBUTE_CHARACTERS]
        status = StatusCode.ERROR if facts.kept is Kept.FAILED else StatusCode.UNSET
        state = _trace_state(facts.tracestate)
        self._processor.on_end(
            ReadableSpan(
                name=name,
                context=_span_context(context.trace_id, context.span_id, state),
                parent=(
                    None
                    if context.parent_span_id is None
                    else _span_context(context.trace_id, context.parent_span_id, state)
                ),
                resource=self._resource(config),
                attributes=attributes,
                kind=SpanKind.SERVER,
                status=Status(status),
                start_time=facts.start_ns,
                end_time=facts.end_ns,
            )
        )

    def close(self) -> None:
        """Export what is queued and stop; blocks for as long as the exporter may take for it."""
        self._processor.shutdown()

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
    """The route of a prediction's target, with names left open, so that span names stay few; None for others.

    Of v2 its other targets too.
    """
    path = target.decode("latin-1").partition("?")[0]
    if path.encode("latin-1") in OPENAI_PREDICTIONS:
        return path
    match = _V2_ROUTE.match(path)
    if match is None:
        return None
    version = "/versions/{version}" if match[2] else ""
    return f"/v2/models/{{model}}{version}{match[3] or ''}"


def _span_context(trace_id: int, span_id: int, state: TraceState | None) -> SpanContext:
    return SpanContext(trace_id, span_id, False, TraceFlags(TraceFlags.SAMPLED), state)  # noqa: FBT003 - its own


def _trace_state(headers: tuple[bytes, ...]) -> TraceState | None:
    if not headers or sum(map(len, headers)) > MAX_TRACESTATE_BYTES:
        return None
    return TraceState.from_header([header.decode("latin-1") for header in headers])


def _of_http(of: HttpFacts, facts: SpanFacts) -> tuple[str, dict[str, str | int]]:
    """Name and attributes of a request's span."""
    path, _, query = of.target.decode("latin-1").partition("?")
    route = route_of(of.target)
    is_known = of.method in _METHODS
    attributes: dict[str, str | int] = {
        "http.request.method": of.method if is_known else _OTHER,
        "url.path": path[:_MAX_ATTRIBUTE_CHARACTERS],
        "url.scheme": "http",
        "network.protocol.version": of.http_version,
        "http.request.body.size": of.request_bytes,
        "http.response.body.size": of.response_bytes,
    }
    if named := _V2_ROUTE.match(path):
        attributes["modelward.model.name"] = named[1][:_MAX_ATTRIBUTE_CHARACTERS]
    if of.rows is not None:
        attributes["modelward.rows"] = of.rows
    if not is_known:
        attributes["http.request.method_original"] = of.method
    if query:
        attributes["url.query"] = _SECRETS.sub(r"\1=REDACTED", query)[:_MAX_ATTRIBUTE_CHARACTERS]
    if route:
        attributes["http.route"] = route
    if facts.status is not None:
        attributes["http.response.status_code"] = facts.status
    if facts.error is not None:
        attributes["error.type"] = facts.error
    elif facts.status is not None and facts.status >= FIRST_SERVER_ERROR:
        attributes["error.type"] = str(facts.status)
    method = of.method if is_known else "HTTP"
    return f"{method} {route}" if route else method, attributes


def _of_call(of: CallFacts, facts: SpanFacts) -> tuple[str, dict[str, str | int]]:
    """Name and attributes of a call's span; one without a status of gRPC's has that of the HTTP below it."""
    name = "grpc"
    attributes: dict[str, str | int] = {"rpc.system.name": name}
    if of.method is not None and of.is_known:
        name = attributes["rpc.method"] = of.method
    elif of.method is not None:
        attributes["rpc.method"] = _OTHER
        attributes["rpc.method_original"] = of.method[:_MAX_ATTRIBUTE_CHARACTERS]
    if of.status is not None:
        attributes["rpc.status_code"] = of.status
    elif facts.status is not None:
        attributes["http.response.status_code"] = facts.status
    if facts.kept is Kept.FAILED:
        of_answer = of.status or (_OTHER if facts.status is None else str(facts.status))
        attributes["error.type"] = facts.error or of_answer
    return name, attributes
