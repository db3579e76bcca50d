"""What is counted when an exchange or a call has ended: events, durations, its span, and sampled bodies."""

import time
from typing import Final

from modelward.conventions import STORAGE_SOURCE_SERVER
from modelward.monitor.capture.messages import DROPPED_TOO_LARGE, Facts
from modelward.monitor.counters import BAD, GOOD, TraceExemplar
from modelward.monitor.events import Ending, Outcome
from modelward.monitor.exchange import Exchange, json_bytes, storage_class
from modelward.monitor.log import LOGGER
from modelward.monitor.samples import Sample
from modelward.monitor.spans import Tracer
from modelward.monitor.state import MonitorState
from modelward.monitor.streams import EventStream
from modelward.monitor.trace import TRACESTATE, HttpFacts, Kept, SpanFacts, TraceContext

_SUCCESS: Final = range(200, 300)
_FIRST_SERVER_ERROR: Final = 500
_CLASSES: Final = tuple(f"{hundreds}xx" for hundreds in range(10))
"""Of status codes, by their first digit."""


def record(exchange: Exchange, ending: Ending, state: MonitorState, tracer: Tracer | None) -> None:
    """Count the end of an exchange and make its span; a defect here never keeps an answer from its client."""
    try:
        _record(exchange, ending, state, tracer)
    except Exception:  # noqa: BLE001 - whatever it was, the client gets its answer
        not_counted(state)


def not_counted(state: MonitorState) -> None:
    """Count what could not be counted, with the exception that is handled now in the log."""
    state.counts.uncounted += 1
    if state.counts.uncounted == 1:
        LOGGER.exception("an exchange could not be counted; further ones are not logged")


def _record(exchange: Exchange, ending: Ending, state: MonitorState, tracer: Tracer | None) -> None:
    now_s = time.perf_counter()
    duration_s = now_s - exchange.started_s
    status = None if exchange.answer is None else exchange.answer.status
    stream = exchange.stream
    if stream is None:
        outcome = Outcome(ending, status, duration_s, exchange.request_complete)
    else:
        token_s = None if stream.first_token_s is None else stream.first_token_s - exchange.started_s
        outcome = Outcome(
            ending,
            status,
            duration_s,
            exchange.request_complete,
            is_streamed=True,
            first_token_s=token_s,
            generated=stream.generated(now_s),
        )
    if exchange.on_serving_port and not exchange.is_forwarded:
        _count(exchange, outcome, state)
    if exchange.sample is not None and ending is Ending.ANSWERED and status in _SUCCESS:
        _hand_over(exchange, exchange.sample, state)
    trace = exchange.trace
    if tracer is None or trace is None:
        return
    kept = kept_because(trace, outcome, state, is_prediction=exchange.is_prediction)
    if kept is None:
        return
    end_ns = time.time_ns()
    facts = SpanFacts(
        of=HttpFacts(
            method=exchange.head.method,
            target=exchange.head.target,
            http_version=exchange.head.version,
            request_bytes=exchange.request_bytes,
            response_bytes=exchange.response_bytes,
            rows=exchange.rows,
        ),
        status=exchange.sent_status or status,
        error=None if ending is Ending.ANSWERED else ending.value,
        start_ns=end_ns - int(duration_s * 1e9),
        end_ns=end_ns,
        kept=kept,
        tracestate=() if trace.parent_span_id is None else tuple(exchange.head.all(TRACESTATE)),
    )
    keep(trace, facts, outcome, state, tracer, is_evidence=exchange.is_evidence)


def kept_because(
    trace: TraceContext, outcome: Outcome, state: MonitorState, *, is_prediction: bool
) -> Kept | None:
    """Why the trace of what has ended is kept; None: it is not."""
    config = state.config
    if config is None or (not trace.is_sampled and _is_unremarkable(outcome, state)):
        return None
    return trace.kept_because(outcome, config.objectives, is_prediction=is_prediction)


def keep(
    trace: TraceContext,
    facts: SpanFacts,
    outcome: Outcome,
    state: MonitorState,
    tracer: Tracer,
    *,
    is_evidence: bool,
) -> None:
    """Make the span of what has been counted and is kept; the histogram leads to it where it is evidence."""
    config = state.config
    if config is None:
        return
    tracer.record(config, trace, facts)
    if is_evidence and outcome.ending is Ending.ANSWERED and outcome.status is not None:
        exemplar = TraceExemplar(trace.trace_id, outcome.duration_s, facts.end_ns / 1e9)
        state.counts.durations.exemplify(_CLASSES[outcome.status // 100], exemplar)


def _hand_over(exchange: Exchange, sample: Sample, state: MonitorState) -> None:
    """Send a sampled exchange to the second process."""
    config, capture, answer = state.config, state.capture, exchange.answer
    if capture is None or config is None or answer is None or exchange.is_forwarded:
        return
    if sample.is_too_large:
        capture.dropped[DROPPED_TOO_LARGE] += 1
        return
    head = exchange.head
    facts = Facts(
        request_encoding=(head.get(b"content-encoding") or b"").decode("latin-1"),
        answer_encoding=(answer.get(b"content-encoding") or b"").decode("latin-1"),
        request_is_chunked=head.is_chunked,
        answer_is_chunked=answer.is_chunked,
        request_json_bytes=json_bytes(head),
        answer_json_bytes=json_bytes(answer),
    )
    capture.sample(facts, sample.request, sample.answer)


def _is_unremarkable(outcome: Outcome, state: MonitorState) -> bool:
    """Whether an exchange was neither slow nor failed."""
    status = outcome.status
    return (
        outcome.ending is Ending.ANSWERED
        and not outcome.is_streamed
        and status is not None
        and status < _FIRST_SERVER_ERROR
        and outcome.duration_s <= state.slow_after_s
    )


def _count(exchange: Exchange, outcome: Outcome, state: MonitorState) -> None:
    counts, config = state.counts, state.config
    if outcome.ending is not Ending.ANSWERED:
        counts.count_failure(outcome.ending)
    if not exchange.is_prediction or config is None:
        return
    if outcome.ending is Ending.ANSWERED and outcome.status is not None:
        counts.durations.observe(_CLASSES[outcome.status // 100], outcome.duration_s)
    counts.predictions += exchange.rows or 0
    if exchange.stream is not None:
        _count_stream(exchange.stream, outcome, state)
    any_bad = _count_events(outcome, config.revision, storage_class(exchange, state), state)
    if exchange.store_read_ms is None and not any_bad:
        return
    now_s = time.perf_counter()
    if exchange.store_read_ms is not None:
        state.count_store_read(STORAGE_SOURCE_SERVER, exchange.store_read_ms, now_s)
    if any_bad:
        state.store.attend(now_s)


def _count_events(outcome: Outcome, revision: str, storage: str, state: MonitorState) -> bool:
    """Count an event of each objective that it is one of; whether any of them was bad."""
    any_bad = False
    for objective in state.of_answers:
        good = objective.is_good(outcome)
        if good is not None:
            state.counts.events.count(revision, objective, GOOD if good else BAD, storage)
            any_bad = any_bad or not good
    return any_bad


def count_call(outcome: Outcome, state: MonitorState, *, is_prediction: bool) -> None:
    """Count the end of a gRPC call, whose outcome is told in HTTP's terms."""
    if outcome.ending is not Ending.ANSWERED:
        state.counts.count_failure(outcome.ending)
    if not is_prediction or state.config is None:
        return
    if outcome.ending is Ending.ANSWERED and outcome.status is not None:
        state.counts.durations.observe(_CLASSES[outcome.status // 100], outcome.duration_s)
    now_s = time.perf_counter()
    if _count_events(outcome, state.config.revision, state.store.storage_class(now_s), state):
        state.store.attend(now_s)


def _count_stream(stream: EventStream, outcome: Outcome, state: MonitorState) -> None:
    counts = state.counts
    counts.stream_events += stream.events
    counts.output_tokens += outcome.generated.tokens
    counts.untimed_streams += not outcome.generated.is_timed
    if outcome.first_token_s is None or outcome.status is None:
        return
    status = _CLASSES[outcome.status // 100]
    counts.first_tokens.observe(status, outcome.first_token_s)
    if outcome.generated.per_token_s is not None and outcome.ending is Ending.ANSWERED:
        counts.per_token.observe(status, outcome.generated.per_token_s)
