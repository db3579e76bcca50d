"""One request and its answer: what is remembered while it lasts, and how their heads are changed."""

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from modelward.api.monitorconfig import MonitorConfig
from modelward.conventions import HEADER_RECEIPT, STORAGE_UNKNOWN
from modelward.monitor import predictions, server_timing
from modelward.monitor.bodies import Body
from modelward.monitor.capture.channel import DROPPED_BUSY
from modelward.monitor.events import asked
from modelward.monitor.heads import Head, RequestHead, ResponseHead, rewrite
from modelward.monitor.hops import next_hop
from modelward.monitor.receipts import Predicted, Receipt, new_id, sign
from modelward.monitor.state import MonitorState
from modelward.monitor.streams import EventStream
from modelward.monitor.trace import TRACEPARENT, TraceContext, decide

HEADER_FORWARDED: Final = b"modelward-forwarded"
"""On what a withdrawn revision sends on. Who gets it answers by itself, so that two revisions that
are withdrawn in favour of each other, in the moment of an undo, don't send it to and fro."""
MAX_KEPT_BYTES: Final = 1024 * 1024
"""Longest request that is kept until its answer begins, so that it can be sent again."""
_RECEIPT_BEGINS: Final = HEADER_RECEIPT.encode() + b": "
_TRACEPARENT_BEGINS: Final = TRACEPARENT + b": "
MAX_SAMPLES: Final = 16
"""Of which bodies are kept at once: two of at most capture.max_body_bytes, 1 MiB, each."""
_EVENT_STREAM: Final = b"text/event-stream"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_CONNECTION: Final = frozenset({b"connection"})
_SUCCESS: Final = range(200, 300)
_MAX_LENGTH_DIGITS: Final = 10


class Port(StrEnum):
    """The two ports that take requests."""

    SERVING = "serving"
    SYNTHETIC = "synthetic"
    """Gates', probes' and mirrored requests: no events, no receipts, never withdrawn."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Sample:
    """The bodies of a sampled exchange, in pieces as they came."""

    max_bytes: int
    """Longest body that is kept."""
    request: list[bytes] = field(default_factory=list)
    answer: list[bytes] = field(default_factory=list)
    is_too_large: bool = False

    def take(self, pieces: list[bytes], data: bytes, size_bytes: int) -> None:
        """Keep `data` as the next of the request's or the answer's `pieces`, of so many bytes by now."""
        if size_bytes > self.max_bytes:
            self.is_too_large = True
            self.request.clear()
            self.answer.clear()
        elif not self.is_too_large:
            pieces.append(data)


@dataclass(slots=True)
class Exchange:
    """One request on its way to a server and back."""

    head: RequestHead
    body: Body
    port: Port
    started_s: float
    """Arrival of the first byte, on the performance counter's clock."""
    is_prediction: bool
    is_inference: bool
    """Of protocol v2: it has no effect but its answer."""
    reads_predictions: bool
    """The answer has predictions that can be read."""
    trace: TraceContext | None
    is_forwarded: bool = False
    is_repeated: bool = False
    """Sent a second time, on a new connection."""
    on_reused_connection: bool = False
    kept: list[bytes] | None = field(default_factory=list)
    """All that was sent, until the answer begins; None when it was too much to keep."""
    request_bytes: int = 0
    response_bytes: int = 0
    answer: ResponseHead | None = None
    sent_status: int | None = None
    """What the client got in place of `answer`; None: the answer itself."""
    store_read_ms: float | None = None
    """How long the server says its reads of the store took; None: it does not say, or nobody asks."""
    stream: EventStream | None = None
    """Watches the answer's events; None where it is no stream of events."""
    held: list[bytes] | None = None
    """Body of an answer that is held until it is complete; None when it is passed on as it comes."""
    until_close: bool = False
    """The answer ends with the server's connection."""
    answer_begun: bool = False
    """Whether the client was sent any of the final answer."""
    answered: bool = False
    sample: Sample | None = None
    """Its bodies are kept to be parsed by the second process."""
    rows: int | None = None
    """Predictions in the answer, where it was read."""
    closes: bool = False
    """Whether the client's connection ends with this answer."""

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
        harmless = self.head.method in _SAFE_METHODS or self.is_inference
        return self.on_reused_connection and not self.is_repeated and harmless and self.can_send_again

    @property
    def can_send_again(self) -> bool:
        """Whether all that was sent is still there and no answer has begun."""
        return self.kept is not None and self.answer is None

    def take_body(self, data: bytes) -> None:
        """Count bytes of the request's body, and remember them unless it gets too much."""
        self.request_bytes += len(data)
        if self.sample is not None:
            self.sample.take(self.sample.request, data, self.request_bytes)
        if self.kept is not None:
            self.kept.append(data)
            if self.request_bytes > MAX_KEPT_BYTES:
                self.kept = None


def begin(state: MonitorState, head: RequestHead, body: Body, port: Port, started_s: float) -> Exchange:
    """The exchange that a request's head opens; the state has a configuration."""
    config = state.config
    assert config is not None  # noqa: S101 - the caller has refused the request otherwise
    asks = asked(config.server.protocol, head.method, head.target)
    trace = None
    if config.telemetry.is_exported:
        trace = decide(head.get(TRACEPARENT), config.telemetry.sample_ratio)
    sample = None
    if asks.is_prediction and port is Port.SERVING and state.share.takes(started_s):
        sample = _sample(state, config.capture.max_body_bytes)
    return Exchange(
        sample=sample,
        head=head,
        body=body,
        port=port,
        started_s=started_s,
        is_prediction=asks.is_prediction,
        is_inference=asks.is_v2_inference,
        reads_predictions=asks.is_v2_inference
        or (asks.is_prediction and config.server.prediction is not None),
        trace=trace,
    )


def _sample(state: MonitorState, max_bytes: int) -> Sample | None:
    """Where a sampled exchange keeps its bodies; None when as many as may do so already."""
    if len(state.samples) >= MAX_SAMPLES:
        if state.capture is not None:
            state.capture.dropped[DROPPED_BUSY] += 1
        return None
    sample = Sample(max_bytes)
    state.samples.add(sample)
    return sample


def request_head(exchange: Exchange, state: MonitorState) -> bytes:
    """The request's head as the server gets it."""
    head, trace = exchange.head, exchange.trace
    drop, connection = next_hop(head)
    if not drop and not exchange.is_forwarded and TRACEPARENT not in head.first:
        if trace is None:
            return head.raw
        return b"".join((head.raw[:-2], _TRACEPARENT_BEGINS, trace.traceparent(), b"\r\n\r\n"))
    add: list[tuple[bytes, bytes]] = []
    if connection is not None:
        add.append((b"Connection", connection))
    if trace is not None and trace.is_handed_on:
        if head.get(TRACEPARENT) is not None:
            drop = drop | {TRACEPARENT}
        add.append((TRACEPARENT, trace.traceparent()))
    if exchange.is_forwarded and state.config is not None:
        add.append((HEADER_FORWARDED, state.config.revision.encode()))
    return rewrite(head.raw, drop, add)


def wants_receipt(exchange: Exchange, status: int, state: MonitorState) -> bool:
    """Whether the answer to this request carries a receipt of ours."""
    return _is_evidence(exchange) and status in _SUCCESS and state.keys is not None


def is_readable(exchange: Exchange, head: ResponseHead) -> bool:
    """Whether the answer is held and read for its predictions: short, of known length, plain JSON."""
    length = head.content_length
    return exchange.reads_predictions and length is not None and 0 < length <= predictions.MAX_BODY_BYTES


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
    exchange.kept = None
    is_stream = head.first.get(b"content-type", b"").startswith(_EVENT_STREAM)
    if exchange.is_prediction and is_stream and b"content-encoding" not in head.first:
        exchange.stream = EventStream()
    if state.store.objective is not None and _is_evidence(exchange):
        exchange.store_read_ms = server_timing.storage_ms(head)


def _is_evidence(exchange: Exchange) -> bool:
    """Whether it is a prediction that this pod's own server was asked for by a client."""
    return exchange.is_prediction and exchange.port is Port.SERVING and not exchange.is_forwarded


def storage_class(exchange: Exchange, state: MonitorState) -> str:
    """Whether the store was fast or slow for this request, or else now."""
    if state.store.objective is None:
        return STORAGE_UNKNOWN
    if exchange.store_read_ms is not None:
        return state.store.class_of(exchange.store_read_ms)
    return state.store.storage_class(time.perf_counter())


def make_receipt(exchange: Exchange, body: bytes | None, state: MonitorState) -> bytes | None:
    """A signed receipt for an answer given now; with its predictions when `body` has some."""
    config, keys = state.config, state.keys
    if config is None or keys is None:
        return None
    read = None if body is None else _predictions(exchange.answer, body, config, state.wanted)
    exchange.rows = None if read is None else read[1]
    receipt = Receipt(
        namespace=config.namespace,
        deployment=config.deployment,
        revision=config.revision,
        time_s=time.time(),
        storage=storage_class(exchange, state),
        receipt_id=new_id(),
        predictions=None if read is None else read[0],
        prediction_count=0 if read is None else read[1],
    )
    state.counts.receipts += 1
    return sign(receipt, keys.receipt_keys[0])


def _predictions(
    answer: ResponseHead | None, body: bytes, config: MonitorConfig, of: predictions.Wanted
) -> tuple[tuple[Predicted, ...], int] | None:
    """The first predictions of an answer and how many it has."""
    encoding = None if answer is None else answer.get(b"content-encoding")
    if config.server.prediction is not None:
        return predictions.read_at(body, encoding, config.server.prediction)
    length = None if answer is None else json_bytes(answer)
    if length is not None:
        return predictions.read_binary(body, length, of)
    return predictions.read(body, encoding, of)


def json_bytes(head: Head) -> int | None:
    """How much of a v2 message's body is JSON where binary tensors follow it; None: there are none.

    A length of more digits than any body's is none.
    """
    value = head.get(b"inference-header-content-length")
    if value is None or not value.isdigit() or len(value) > _MAX_LENGTH_DIGITS:
        return None
    return int(value)
