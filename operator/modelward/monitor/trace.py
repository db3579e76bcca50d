"""Spans: which requests keep one, the W3C trace context handed on, and the span made when the answer ended.

The ids are decided when the request arrives, because the server is to see them in `traceparent`; whether
the trace is kept is decided when the answer has ended: it is if it was sampled, and if the request failed
or was slow. So the server is told to record its spans in any case, unless the caller's own context says
not to; the collector in the pod holds them until it has seen, or not, a span of the monitor's, which is
made only for what is kept and says why in `modelward.kept` (render/collector.py). Sampling is parent-based;
without a parent a trace is sampled by its id as OpenTelemetry's TraceIdRatioBased does.

Spans go to the collector through OpenTelemetry's BatchSpanProcessor, whose queue is bounded. Attributes
follow the OpenTelemetry semantic conventions for HTTP servers.
"""

import binascii
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from modelward.api.monitorconfig import LatencyObjectiveConfig, MonitorConfig, ObjectiveConfig
from modelward.conventions import ATTRIBUTE_KEPT
from modelward.monitor.events import OPENAI_PREDICTIONS, Ending, Outcome, is_good
from modelward.monitor.randomness import Ids

TRACEPARENT: Final = b"traceparent"
TRACESTATE: Final = b"tracestate"
EXPORT_EVERY_MS: Final = 1000
_TRACEPARENT: Final = re.compile(
    rb"(?!ff|00-.{53})[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
"""Of this version and of later ones, which may say more at the end."""
_TRACE_DIGITS: Final = 32
_IDS: Final = Ids(16 + 8, binascii.hexlify)
"""A trace's id and a span's, in hexadecimal digits."""
_TWO_TO_64: Final = 1 << 64
_ABOVE_ALL: Final = b"g"
"""Greater than any hexadecimal digits."""
_FIRST_SERVER_ERROR: Final = 500
_MAX_ATTRIBUTE_CHARACTERS: Final = 256
_MAX_TRACESTATE_BYTES: Final = 512
"""As much as everyone has to pass on (W3C Trace Context, 3.3.1.5). Spans wait in memory: none has more."""
_METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
"""Those that the conventions know; others are `_OTHER`."""
_SECRETS: Final = re.compile("(?<![^&])(AWSAccessKeyId|Signature|sig|X-Goog-Signature)=[^&]*")
"""Parameters of signed URLs whose values the conventions leave out."""
_V2_ROUTE: Final = re.compile(
    r"^/v2/models/([^/]+)(/versions/[^/]+)?(/infer|/generate|/generate_stream|/ready)?$"
)


class Kept(StrEnum):
    """Why a request's trace is kept."""

    SAMPLED = "sampled"
    """Its caller's context says so, or its id is among the share that is sampled."""
    FAILED = "failed"
    """A server error, or no whole answer."""
    SLOW = "slow"
    """A prediction that a latency objective counts as bad."""


class TraceContext:
    """The ids of one request's span."""

    __slots__ = ("_span", "_trace", "is_sampled", "parent_span_id")

    def __init__(self, trace: bytes, span: bytes, parent_span_id: int | None, is_sampled: bool) -> None:  # noqa: FBT001 - a fact
        self._trace = trace
        """In 32 hexadecimal digits; the span in 16."""
        self._span = span
        self.parent_span_id = parent_span_id
        self.is_sampled = is_sampled

    @property
    def trace_id(self) -> int:
        """The trace's id as a number."""
        return int(self._trace, 16)

    @property
    def span_id(self) -> int:
        """The span's id as a number."""
        return int(self._span, 16)

    @property
    def is_handed_on(self) -> bool:
        """Whether the server gets this span as its parent; else it gets the caller's header as it came."""
        return self.is_sampled or self.parent_span_id is None

    def traceparent(self) -> bytes:
        """The header's value for the server (W3C Trace Context, level 1), which is to record its spans."""
        return b"".join((b"00-", self._trace, b"-", self._span, b"-01"))

    def kept_because(
        self, outcome: Outcome, objectives: Iterable[ObjectiveConfig], *, is_prediction: bool
    ) -> Kept | None:
        """Why the trace is kept, now that the answer has ended; None: it is not."""
        if outcome.ending is not Ending.ANSWERED or (outcome.status or 0) >= _FIRST_SERVER_ERROR:
            return Kept.FAILED
        of_latency = (each for each in objectives if isinstance(each, LatencyObjectiveConfig))
        if is_prediction and any(is_good(each, outcome) is False for each in of_latency):
            return Kept.SLOW
        return Kept.SAMPLED if self.is_sampled else None


class Sampler:
    """Decides which requests' traces are kept.

    Args:
        ratio: share of the traces that begin here, from 0 to 1.
    """

    __slots__ = ("_below",)

    def __init__(self, ratio: float) -> None:
        self._below = b"%016x" % round(ratio * _TWO_TO_64) if ratio < 1 else _ABOVE_ALL
        """Traces are kept whose id's last 64 bits are less."""

    def decide(self, parent: bytes | None) -> TraceContext:
        """The context of a request that came with the header `parent`; an invalid one counts as none."""
        ids = _IDS.take()
        span = ids[_TRACE_DIGITS:]
        if parent is not None:
            match = _TRACEPARENT.fullmatch(parent.strip())
            if match is not None and int(match[1], 16) and int(match[2], 16):
                is_sampled = bool(int(match[3], 16) & TraceFlags.SAMPLED)
                return TraceContext(match[1], span, int(match[2], 16), is_sampled)
        trace = ids[:_TRACE_DIGITS]
        return TraceContext(trace, span, None, trace[_TRACE_DIGITS // 2 :] < self._below)


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
    kept: Kept
    rows: int | None = None
    """Predictions in the answer; None where it was not read."""
    tracestate: tuple[bytes, ...] = ()
    """The caller's headers of that name, where its trace is gone on with."""


class Tracer:
    """Builds spans of one revision and hands them to the exporter."""

    def __init__(self, otlp_endpoint: str) -> None:
        # It would log each tracestate that is none, which is for callers to write.
        logging.getLogger("opentelemetry.trace.span").setLevel(logging.ERROR)
        self._resources: dict[str, Resource] = {}
        self._processor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=f"{otlp_endpoint}/v1/traces", timeout=5),
            # The collector holds the server's spans until it has this one, or no longer waits for it.
            schedule_delay_millis=EXPORT_EVERY_MS,
        )

    def record(self, config: MonitorConfig, context: TraceContext, facts: SpanFacts) -> None:
        """Queue the span of a request that is kept; a full queue drops the oldest."""
        failed = facts.error is not None or (facts.status or 0) >= _FIRST_SERVER_ERROR
        route = route_of(facts.target)
        method = facts.method if facts.method in _METHODS else "HTTP"
        state = _trace_state(facts.tracestate)
        self._processor.on_end(
            ReadableSpan(
                name=f"{method} {route}" if route else method,
                context=_span_context(context.trace_id, context.span_id, state),
                parent=(
                    None
                    if context.parent_span_id is None
                    else _span_context(context.trace_id, context.parent_span_id, state)
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
    if not headers or sum(map(len, headers)) > _MAX_TRACESTATE_BYTES:
        return None
    return TraceState.from_header([header.decode("latin-1") for header in headers])


def _attributes(config: MonitorConfig, facts: SpanFacts, route: str | None) -> dict[str, str | int]:
    path, _, query = facts.target.decode("latin-1").partition("?")
    attributes: dict[str, str | int] = {
        "http.request.method": facts.method if facts.method in _METHODS else "_OTHER",
        "url.path": path[:_MAX_ATTRIBUTE_CHARACTERS],
        "url.scheme": "http",
        "network.protocol.version": facts.http_version,
        "http.request.body.size": facts.request_bytes,
        "http.response.body.size": facts.response_bytes,
        "modelward.revision": config.revision,
        ATTRIBUTE_KEPT: facts.kept.value,
    }
    if config.model:
        attributes["modelward.model.uri"] = config.model[:_MAX_ATTRIBUTE_CHARACTERS]
    if named := _V2_ROUTE.match(path):
        attributes["modelward.model.name"] = named[1][:_MAX_ATTRIBUTE_CHARACTERS]
    if facts.rows is not None:
        attributes["modelward.rows"] = facts.rows
    if facts.method not in _METHODS:
        attributes["http.request.method_original"] = facts.method
    if query:
        attributes["url.query"] = _SECRETS.sub(r"\1=REDACTED", query)[:_MAX_ATTRIBUTE_CHARACTERS]
    if route:
        attributes["http.route"] = route
    if facts.status is not None:
        attributes["http.response.status_code"] = facts.status
    if facts.error is not None:
        attributes["error.type"] = facts.error
    elif facts.status is not None and facts.status >= _FIRST_SERVER_ERROR:
        attributes["error.type"] = str(facts.status)
    return attributes
