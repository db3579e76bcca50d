"""The calls of one gRPC connection: what is remembered while they last, and counted when they end.

A call is a stream of HTTP/2 (gRPC, "gRPC over HTTP2"): the client's headers begin it, the server's trailers
hold its status and end it. A ModelInfer of the Open Inference Protocol is an event as a prediction over HTTP
is: its time is from its headers to the end of its stream, and its status counts as the HTTP status of the
same meaning does (status.py). Calls of other methods are none.

A call whose trace is kept has a span as a request over HTTP has. But bytes pass untouched, so the server is
not told of it: its own span is below the caller's, beside the monitor's, or in a trace of its own.

A call that the server says it has not begun with is no event: it refuses the stream, or goes away and names
an earlier one as its last. Such calls have not failed (RFC 9113 8.7): clients may send them again at once,
which gRPC's libraries do by themselves (A6, "Transparent Retries"), and what becomes of them then counts.
"""

import time
from dataclasses import dataclass
from typing import Final

from modelward.monitor import account
from modelward.monitor.counters import Failure
from modelward.monitor.events import Ending, Outcome
from modelward.monitor.exchange import Port
from modelward.monitor.grpc.frames import Headers, NotFollowedError
from modelward.monitor.grpc.methods import PREDICTION_PATH, call_facts
from modelward.monitor.grpc.status import Status, read_status
from modelward.monitor.spans import Tracer
from modelward.monitor.state import MonitorState
from modelward.monitor.trace import MAX_TRACESTATE_BYTES, TRACEPARENT, TRACESTATE, SpanFacts, TraceContext

MAX_CALLS: Final = 10_000
"""Calls of a connection that are followed at once; servers let a client have some hundred."""
_FIRST_FINAL_STATUS: Final = b"200"
_HTTP_OK: Final = 200
_REFUSED_STREAM: Final = 7
"""RFC 9113 7."""
_ANY_STREAM: Final = 2**31 - 1
_MAX_PATH_BYTES: Final = 512
"""As much of a method's name as is kept while its call lasts; a span shows less."""


@dataclass(slots=True)
class Call:
    """One call under way."""

    is_prediction: bool
    started_s: float
    """Arrival of its headers, on the performance counter's clock."""
    is_asked: bool = False
    """The client has sent all of it."""
    http_status: int | None = None
    """Of the answer's first headers; None: it has not begun."""
    status: Status | None = None
    """Of the trailers; None: they have not come."""
    path: bytes | None = None
    """Names the method, where there may be a span."""
    trace: TraceContext | None = None
    """Of its span; None: no spans are made."""
    tracestate: tuple[bytes, ...] = ()
    """Of the caller's trace, where that is gone on with."""


class Calls:
    """The calls of one connection."""

    __slots__ = ("_is_lost", "_last", "_last_taken", "_open", "_port", "_state", "_tracer", "is_forwarded")

    def __init__(self, state: MonitorState, port: Port, tracer: Tracer | None, *, is_forwarded: bool) -> None:
        self._state = state
        self._port = port
        self._tracer = tracer
        self._open: dict[int, Call] = {}
        self._last = 0
        self._last_taken = _ANY_STREAM
        """The server takes no calls beyond this one's stream."""
        self._is_lost = False
        self.is_forwarded = is_forwarded
        """They go to another revision."""

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._open)

    @property
    def last_stream(self) -> int:
        """Number of the newest call's stream."""
        return self._last

    # What the client's frames say.

    def asked(self, stream: int, headers: Headers) -> None:
        """The client's headers, which begin a call, or its trailers."""
        if stream <= self._last:
            return
        self._last = stream
        if len(self._open) >= MAX_CALLS:
            raise NotFollowedError(f"more than {MAX_CALLS} calls at once")
        path = headers.get(b":path")
        call = Call(path == PREDICTION_PATH, time.perf_counter())
        if self._state.sampler is not None:
            call.trace = trace = self._state.sampler.decide(headers.get(TRACEPARENT))
            call.path = None if path is None else path[:_MAX_PATH_BYTES]
            tracestate = None if trace.parent_span_id is None else headers.get(TRACESTATE)
            if tracestate is not None and len(tracestate) <= MAX_TRACESTATE_BYTES:
                call.tracestate = (tracestate,)
        self._open[stream] = call
        self._state.counts.requests_in_flight += 1
        self._count_begun(1)
        if stream > self._last_taken:
            self._refuse(stream)

    def asked_all(self, stream: int) -> None:
        """The client has sent all of a call."""
        if stream in self._open:
            self._open[stream].is_asked = True

    def given_up(self, stream: int, error: int) -> None:
        """The client has reset a call, whatever its error code says."""
        _ = error
        self._end(stream, Ending.CLIENT_GONE)

    # What the server's frames say.

    def answered(self, stream: int, headers: Headers) -> None:
        """Headers of an answer, or trailers; both at once where there is no answer but a status."""
        call = self._open.get(stream)
        if call is None:
            return
        http_status = headers.get(b":status")
        if http_status is not None and http_status >= _FIRST_FINAL_STATUS and http_status.isdigit():
            call.http_status = int(http_status)
        if b"grpc-status" in headers:
            call.status = read_status(headers[b"grpc-status"])

    def answered_all(self, stream: int) -> None:
        """The server has ended a call."""
        self._end(stream, Ending.ANSWERED)

    def cut(self, stream: int, error: int) -> None:
        """The server has reset a call, or refused it."""
        if error == _REFUSED_STREAM and self._is_unanswered(stream):
            self._refuse(stream)
        else:
            self._end(stream, Ending.CUT)

    def refuse_after(self, last_stream: int) -> None:
        """The server goes away, and has not begun with calls beyond this stream."""
        self._last_taken = min(self._last_taken, last_stream)
        for stream in tuple(self._open):
            if stream > last_stream and self._is_unanswered(stream):
                self._refuse(stream)

    # What becomes of the connection.

    def end_all(self, ending: Ending) -> None:
        """The connection is gone, and all calls with it; without a server's word it was not reached."""
        for stream, call in tuple(self._open.items()):
            is_unheard = ending is Ending.CUT and call.http_status is None
            self._end(stream, Ending.UNREACHABLE if is_unheard else ending)
        if self._is_lost:
            self._is_lost = False
            self._state.counts.requests_in_flight -= 1

    def lose_sight(self) -> None:
        """Nothing more will be heard of the calls: for as long as the connection lasts, one is under way."""
        self._state.counts.uncounted += len(self._open)
        self._state.counts.requests_in_flight += 1 - len(self._open)
        self._open.clear()
        self._is_lost = True

    def fall_back(self) -> None:
        """The calls go to the pod's own server after all."""
        self.is_forwarded = False
        self._state.counts.forward_fallbacks += len(self._open)
        self._count_begun(len(self._open))

    def _count_begun(self, number: int) -> None:
        if self.is_forwarded:
            self._state.counts.forwarded += number
        elif self._port is Port.SERVING:
            self._state.counts.requests += number

    def _is_unanswered(self, stream: int) -> bool:
        """Whether a call is under way of whose answer nothing has come."""
        call = self._open.get(stream)
        return call is not None and call.http_status is None

    @property
    def _is_counted(self) -> bool:
        return self._port is Port.SERVING and not self.is_forwarded

    def _refuse(self, stream: int) -> None:
        """Let go of a call that the server has not begun with."""
        del self._open[stream]
        self._state.counts.requests_in_flight -= 1
        if self._is_counted:
            self._state.counts.failures[Failure.REFUSED] += 1

    def _end(self, stream: int, ending: Ending) -> None:
        call = self._open.pop(stream, None)
        if call is None:
            return
        self._state.counts.requests_in_flight -= 1
        if not self._is_counted and call.trace is None:
            return
        try:
            self._record(call, ending)
        except Exception:  # noqa: BLE001 - whatever it was, the bytes are passed on
            account.not_counted(self._state)

    def _record(self, call: Call, ending: Ending) -> None:
        """Count the end of a call, and make its span."""
        duration_s = time.perf_counter() - call.started_s
        http_status = call.http_status
        status: Status | None = None
        if ending is Ending.ANSWERED:
            status = Status.UNKNOWN if call.status is None else call.status
            if self._is_counted:
                self._state.counts.grpc_calls[status.name] += 1
            if call.status is None and http_status != _HTTP_OK:
                status = None  # it was no answer of gRPC's
            else:
                http_status = status.http
        outcome = Outcome(ending, http_status, duration_s, call.is_asked)
        if self._is_counted:
            account.count_call(outcome, self._state, is_prediction=call.is_prediction)
        if self._tracer is not None and call.trace is not None:
            self._keep(call, call.trace, outcome, status, self._tracer)

    def _keep(
        self, call: Call, trace: TraceContext, outcome: Outcome, status: Status | None, tracer: Tracer
    ) -> None:
        """Make the span of a call whose trace is kept."""
        kept = account.kept_because(trace, outcome, self._state, is_prediction=call.is_prediction)
        if kept is None:
            return
        end_ns = time.time_ns()
        facts = SpanFacts(
            of=call_facts(call.path, status),
            status=outcome.status,
            error=None if outcome.ending is Ending.ANSWERED else outcome.ending.value,
            start_ns=end_ns - int(outcome.duration_s * 1e9),
            end_ns=end_ns,
            kept=kept,
            tracestate=call.tracestate,
        )
        is_evidence = call.is_prediction and self._is_counted
        account.keep(trace, facts, outcome, self._state, tracer, is_evidence=is_evidence)
