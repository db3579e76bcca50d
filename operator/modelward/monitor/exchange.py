"""One request and its answer: what is remembered while it lasts, and how their heads are changed."""

import time
from enum import StrEnum
from typing import Final

from modelward.conventions import HEADER_RECEIPT, STORAGE_UNKNOWN
from modelward.monitor import predictions, server_timing
from modelward.monitor.bodies import Body
from modelward.monitor.capture.messages import DROPPED_BUSY
from modelward.monitor.events import Asked, asked
from modelward.monitor.heads import Head, RequestHead, ResponseHead, rewrite
from modelward.monitor.hops import next_hop
from modelward.monitor.receipts import Predicted
from modelward.monitor.samples import Sample
from modelward.monitor.state import MonitorState
from modelward.monitor.streams import EventStream
from modelward.monitor.trace import TRACEPARENT, TRACESTATE, TraceContext

HEADER_FORWARDED: Final = b"modelward-forwarded"
"""On what a withdrawn revision sends on. Who gets it answers by itself, so that two revisions that
are withdrawn in favour of each other, in the moment of an undo, don't send it to and fro."""
MAX_KEPT_BYTES: Final = 1024 * 1024
"""Longest request that is kept until its answer begins, so that it can be sent again."""
MAX_ALL_KEPT_BYTES: Final = 16 * 1024 * 1024
"""Of all requests together. While more wait for a slow server, nothing is kept of those that come."""
_RECEIPT_BEGINS: Final = HEADER_RECEIPT.encode() + b": "
_TRACEPARENT_BEGINS: Final = TRACEPARENT + b": "
_PARENT: Final = frozenset({TRACEPARENT})
_PARENT_AND_STATE: Final = frozenset({TRACEPARENT, TRACESTATE})
MAX_SAMPLES: Final = 16
"""Of which bodies are kept at once: two of at most capture.max_body_bytes, 1 MiB, each."""
_EVENT_STREAM: Final = b"text/event-stream"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_CONNECTION: Final = frozenset({b"connection"})
_FIRST_SUCCESS: Final = 200
_FIRST_REDIRECTION: Final = 300
_MAX_LENGTH_DIGITS: Final = 10


class Port(StrEnum):
    """The two ports that take requests."""

    SERVING = "serving"
    SYNTHETIC = "synthetic"
    """Gates', probes' and mirrored requests: no events, no receipts, never withdrawn."""


_SERVING: Final = Port.SERVING


class Exchange:
    """One request on its way to a server and back."""

    __slots__ = (
        "answer",
        "answer_begun",
        "answered",
        "asks",
        "body",
        "closes",
        "head",
        "held",
        "is_forwarded",
        "is_repeated",
        "kept",
        "on_reused_connection",
        "on_serving_port",
        "request_bytes",
        "response_bytes",
        "rows",
        "sample",
        "sent_status",
        "started_s",
        "store_read_ms",
        "stream",
        "trace",
        "until_close",
    )

    def __init__(self, head: RequestHead, body: Body, port: Port, started_s: float, asks: Asked) -> None:
        self.head = head
        self.body = body
        self.on_serving_port = port is _SERVING
        self.started_s = started_s
        """Arrival of the first byte, on the performance counter's clock."""
        self.asks = asks
        self.trace: TraceContext | None = None
        self.sample: Sample | None = None
        """Its bodies are kept to be parsed by the second process."""
        self.is_forwarded = False
        self.is_repeated = False
        """Sent a second time, on a new connection."""
        self.on_reused_connection = False
        self.kept: list[bytes] | None = []
        """All that was sent, until the answer begins; None when it was too much to keep."""
        self.request_bytes = 0
        self.response_bytes = 0
        self.answer: ResponseHead | None = None
        self.sent_status: int | None = None
        """What the client got in place of `answer`; None: the answer itself."""
        self.store_read_ms: float | None = None
        """How long the server says its reads of the store took; None: it does not say, or nobody asks."""
        self.stream: EventStream | None = None
        """Watches the answer's events; None where it is no stream of events."""
        self.held: list[bytes] | None = None
        """Body of an answer that is held until it is complete; None when it is passed on as it comes."""
        self.until_close = False
        """The answer ends with the server's connection."""
        self.answer_begun = False
        """Whether the client was sent any of the final answer."""
        self.answered = False
        self.rows: int | None = None
        """Predictions in the answer, where it was read."""
        self.closes = False
        """Whether the client's connection ends with this answer."""

    @property
    def is_prediction(self) -> bool:
        """Whether it asks for a prediction."""
        return self.asks.is_prediction

    @property
    def is_evidence(self) -> bool:
        """Whether it is a prediction that this pod's own server was asked for by a client."""
        return self.asks.is_prediction and self.on_serving_port and not self.is_forwarded

    @property
    def request_complete(self) -> bool:
        """Whether the whole request has arrived."""
        return self.body.complete

    @property
    def is_over(self) -> bool:
        """Whether request and answer have both ended."""
        return self.answered and self.body.complete

    @property
    def may_repeat(self) -> bool:
        """Whether it can be sent again after a kept-alive connection ended without a word (RFC 9110 9.2.2).

        A v2 inference has no effect but its answer, so it may be repeated as a GET may.
        """
        if not self.on_reused_connection or self.is_repeated or not self.can_send_again:
            return False
        return self.asks.is_v2_inference or self.head.method in _SAFE_METHODS

    @property
    def can_send_again(self) -> bool:
        """Whether all that was sent is still there and no answer has begun."""
        return self.kept is not None and self.answer is None

    def take_body(self, data: bytes, state: MonitorState) -> None:
        """Count bytes of the request's body, and remember them unless it gets too much."""
        self.request_bytes += len(data)
        if self.sample is not None:
            self.sample.take(self.sample.request, data, self.request_bytes)
        if self.kept is not None:
            self.kept.append(data)
            state.kept_bytes += len(data)
            if self.request_bytes > MAX_KEPT_BYTES:
                self.forget(state)

    def sent(self, state: MonitorState) -> None:
        """All that has come was sent: it stays only where it may have to be sent again, within bounds."""
        may_be_needed = self.is_forwarded or self.may_repeat
        if not may_be_needed or state.kept_bytes > MAX_ALL_KEPT_BYTES:
            self.forget(state)

    def forget(self, state: MonitorState) -> None:
        """Keep nothing of the request: it will not be sent again."""
        if self.kept is not None:
            state.kept_bytes -= self.request_bytes
            self.kept = None


def begin(state: MonitorState, head: RequestHead, body: Body, port: Port, started_s: float) -> Exchange:
    """The exchange that a request's head opens; the state has a configuration."""
    asks = asked(state.protocol, head.method, head.target)
    exchange = Exchange(head, body, port, started_s, asks)
    if state.sampler is not None:
        exchange.trace = state.sampler.decide(head.get(TRACEPARENT))
    if asks.is_prediction and exchange.on_serving_port and state.share.takes(started_s):
        exchange.sample = _sample(state)
    return exchange


def _sample(state: MonitorState) -> Sample | None:
    """Where a sampled exchange keeps its bodies; None when as many as may do so already."""
    if len(state.samples) >= MAX_SAMPLES:
        if state.capture is not None:
            state.capture.dropped[DROPPED_BUSY] += 1
        return None
    sample = Sample(state.max_sampled_bytes)
    state.samples.add(sample)
    return sample


def request_head(exchange: Exchange, state: MonitorState) -> bytes:
    """The request's head as the server gets it."""
    head, trace = exchange.head, exchange.trace
    drop, connection = next_hop(head)
    is_traced = TRACEPARENT in head.first or TRACESTATE in head.first
    if not drop and not exchange.is_forwarded and not is_traced:
        if trace is None:
            return head.raw
        return b"".join((head.raw[:-2], _TRACEPARENT_BEGINS, trace.traceparent(), b"\r\n\r\n"))
    add: list[tuple[bytes, bytes]] = []
    if connection is not None:
        add.append((b"Connection", connection))
    if trace is not None and trace.is_handed_on:
        # What a caller says of a trace that is not gone on with says nothing of the one that begins here.
        replaced = _PARENT_AND_STATE if trace.parent_span_id is None else _PARENT
        drop |= replaced.intersection(head.first)
        add.append((TRACEPARENT, trace.traceparent()))
    if exchange.is_forwarded and state.config is not None:
        add.append((HEADER_FORWARDED, state.config.revision.encode()))
    return rewrite(head.raw, drop, add)


def wants_receipt(exchange: Exchange, status: int, state: MonitorState) -> bool:
    """Whether the answer to this request carries a receipt of ours."""
    return exchange.is_evidence and _FIRST_SUCCESS <= status < _FIRST_REDIRECTION and state.keys is not None


def is_readable(exchange: Exchange, head: ResponseHead, state: MonitorState) -> bool:
    """Whether the answer is held and read for its predictions: short, of known length, plain JSON."""
    if not exchange.asks.is_v2_inference and state.pointer is None:
        return False
    length = head.content_length
    return length is not None and 0 < length <= predictions.MAX_BODY_BYTES


def response_head(exchange: Exchange, head: ResponseHead, receipt: bytes | None) -> bytes:
    """The answer's head as the client gets it."""
    raw = head.raw
    drop, connection = next_hop(head)
    if exchange.closes and head.keeps_alive:
        drop, connection = drop | _CONNECTION, b"close"
    if drop:
        raw = rewrite(raw, drop, [] if connection is None else [(b"Connection", connection)])
    if receipt is not None:
        raw = b"".join((raw[:-2], _RECEIPT_BEGINS, receipt, b"\r\n\r\n"))
    return raw


def take_answer(exchange: Exchange, head: ResponseHead, state: MonitorState) -> None:
    """Remember the answer's head; the request need not be sent again."""
    exchange.answer = head
    exchange.forget(state)
    is_stream = head.first.get(b"content-type", b"").startswith(_EVENT_STREAM)
    if is_stream and exchange.is_prediction and b"content-encoding" not in head.first:
        exchange.stream = EventStream()
    if state.store.objective is not None and exchange.is_evidence:
        exchange.store_read_ms = server_timing.storage_ms(head)


def storage_class(exchange: Exchange, state: MonitorState) -> str:
    """Whether the store was fast or slow for this request, or else now."""
    if state.store.objective is None:
        return STORAGE_UNKNOWN
    if exchange.store_read_ms is not None:
        return state.store.class_of(exchange.store_read_ms)
    return state.store.storage_class(time.perf_counter())


def make_receipt(exchange: Exchange, body: bytes | None, state: MonitorState) -> bytes | None:
    """A signed receipt for an answer given now; with its predictions when `body` has some."""
    signer = state.signer()
    if signer is None:
        return None
    storage = storage_class(exchange, state)
    read = None if body is None else _predictions(exchange.answer, body, state)
    state.counts.receipts += 1
    if read is None:
        exchange.rows = None
        return signer.sign(time.time(), storage, None, 0)
    exchange.rows = read[1]
    return signer.sign(time.time(), storage, read[0], read[1])


def _predictions(
    answer: ResponseHead | None, body: bytes, state: MonitorState
) -> tuple[tuple[Predicted, ...], int] | None:
    """The first predictions of an answer and how many it has."""
    encoding = None if answer is None else answer.get(b"content-encoding")
    if state.pointer is not None:
        return predictions.read_at(body, encoding, state.pointer)
    length = None if answer is None else json_bytes(answer)
    if length is not None:
        return predictions.read_binary(body, encoding, length, state.wanted)
    return predictions.read(body, encoding, state.wanted)


def json_bytes(head: Head) -> int | None:
    """How much of a v2 message's body is JSON where binary tensors follow it; None: there are none.

    A length of more digits than any body's is none.
    """
    value = head.get(b"inference-header-content-length")
    if value is None or not value.isdigit() or len(value) > _MAX_LENGTH_DIGITS:
        return None
    return int(value)
