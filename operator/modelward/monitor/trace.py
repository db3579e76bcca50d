"""Which requests' traces are kept, and the W3C trace context handed on.

The ids are decided when the request arrives, because the server is to see them in `traceparent`; whether
the trace is kept is decided when the answer has ended: it is if it was sampled, and if the request failed
or was slow. So the server is told to record its spans in any case, unless the caller's own context says
not to; the collector in the pod holds them until it has seen, or not, a span of the monitor's, which is
made only for what is kept (spans.py) and says why in `modelward.kept` (render/collector.py). Sampling is
parent-based; without a parent a trace is sampled by its id as OpenTelemetry's TraceIdRatioBased does.
"""

import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from modelward.api.monitorconfig import LatencyObjectiveConfig, ObjectiveConfig
from modelward.monitor.events import Ending, Outcome, is_good
from modelward.monitor.randomness import Ids

TRACEPARENT: Final = b"traceparent"
TRACESTATE: Final = b"tracestate"
MAX_TRACESTATE_BYTES: Final = 512
"""As much as everyone has to pass on (W3C Trace Context, 3.3.1.5). Spans wait in memory: none has more."""
_TRACEPARENT: Final = re.compile(
    rb"(?!ff|00-.{53})[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
"""Of this version and of later ones, which may say more at the end."""
_SAMPLED: Final = 0x01
"""The flag of a trace that its caller records (W3C Trace Context, 3.2.2.5.1)."""
_TRACE_DIGITS: Final = 32
_IDS: Final = Ids(16 + 8, binascii.hexlify)
"""A trace's id and a span's, in hexadecimal digits."""
_TWO_TO_64: Final = 1 << 64
_ABOVE_ALL: Final = b"g"
"""Greater than any hexadecimal digits."""
FIRST_SERVER_ERROR: Final = 500


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
        status = outcome.status
        if outcome.ending is not Ending.ANSWERED or status is None or status >= FIRST_SERVER_ERROR:
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
                is_sampled = bool(int(match[3], 16) & _SAMPLED)
                return TraceContext(match[1], span, int(match[2], 16), is_sampled)
        trace = ids[:_TRACE_DIGITS]
        return TraceContext(trace, span, None, trace[_TRACE_DIGITS // 2 :] < self._below)


@dataclass(frozen=True, slots=True)
class HttpFacts:
    """What is known of a request over HTTP/1.1 alone."""

    method: str
    target: bytes
    http_version: str
    request_bytes: int
    response_bytes: int
    rows: int | None = None
    """Predictions in the answer; None where it was not read."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is known of a call over gRPC alone."""

    method: str | None
    """As SERVICE/METHOD; None: the call names none."""
    is_known: bool
    """The method is one of those that servers of models are known to have."""
    status: str | None
    """Name of its gRPC status; None: the server has returned none."""


@dataclass(frozen=True, slots=True)
class SpanFacts:
    """What is known of a request once it has ended."""

    of: HttpFacts | CallFacts
    status: int | None
    """Of HTTP, or of the same meaning as a call's; None: no answer has begun."""
    error: str | None
    """Why there was no whole answer; None when there was one."""
    start_ns: int
    """Unix time."""
    end_ns: int
    kept: Kept
    tracestate: tuple[bytes, ...] = ()
    """The caller's headers of that name, where its trace is gone on with."""
