"""What is counted when an exchange has ended."""

import pytest

from modelward.api.monitorconfig import MonitorConfig
from modelward.monitor import account, exchange
from modelward.monitor.capture.share import Share
from modelward.monitor.events import Ending
from modelward.monitor.exchange import MAX_SAMPLES, Exchange, Port
from modelward.monitor.heads import ResponseHead, parse_request, parse_response
from modelward.monitor.samples import Sample
from modelward.monitor.state import MonitorState

REQUEST = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: m\r\nContent-Length: 0\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def state() -> MonitorState:
    """A monitor's state with a configuration."""
    made = MonitorState(started_s=0.0)
    config = {"namespace": "shop", "deployment": "d", "revision": "d-1", "server": {"port": 1}}
    made.take_config(MonitorConfig.model_validate(config))
    return made


def answered(of: MonitorState) -> Exchange:
    """A prediction that has its answer."""
    head = parse_request(REQUEST)
    made = exchange.begin(of, head, head.body(), Port.SERVING, 0.0)
    exchange.take_answer(made, parse_response(ANSWER), of)
    return made


def test_a_defect_stops_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong with counting is counted and logged once, and goes no further."""
    of = state()
    of.counts.durations.buckets["2xx"] = []
    for _ in range(3):
        account.record(answered(of), Ending.ANSWERED, of, None)
    assert of.counts.uncounted == 3
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("length", "read"), [(b"12", 12), (b"1" + b"0" * 20, None), (b"-1", None), (b"", None)]
)
def test_length_of_json(length: bytes, read: int | None) -> None:
    """A length that no body has is none: no number of a client's is too large to be handed on."""
    head: ResponseHead = parse_response(
        b"HTTP/1.1 200 OK\r\nInference-Header-Content-Length: %s\r\n\r\n" % length
    )
    assert exchange.json_bytes(head) == read


@pytest.mark.parametrize(("coding", "is_watched"), [(b"", True), (b"Content-Encoding: gzip\r\n", False)])
def test_compressed_streams_are_not_read(coding: bytes, is_watched: bool) -> None:
    """The events of a stream are looked for only where they can be seen."""
    of = state()
    head = parse_request(REQUEST)
    made = exchange.begin(of, head, head.body(), Port.SERVING, 0.0)
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + coding + b"\r\n"
    exchange.take_answer(made, parse_response(answer), of)
    assert (made.stream is not None) is is_watched


def test_a_sample_lets_go_of_what_is_too_large() -> None:
    """As soon as a body is longer than the configuration asks for, nothing of the exchange is kept."""
    sample = Sample(3)
    sample.take(sample.request, b"ab", 2)
    assert (sample.request, sample.is_too_large) == ([b"ab"], False)
    sample.take(sample.answer, b"cdef", 4)
    sample.take(sample.request, b"g", 3)
    assert (sample.request, sample.answer, sample.is_too_large) == ([], [], True)


def test_samples_are_kept_of_a_few_at_once() -> None:
    """However many exchanges are under way, bodies are kept of a few, and of more once these have ended."""
    of = state()
    of.share = Share(1, 10_000)
    head = parse_request(REQUEST)
    begun = [exchange.begin(of, head, head.body(), Port.SERVING, 0.0) for _ in range(MAX_SAMPLES + 2)]
    assert [each.sample is None for each in begun] == [False] * MAX_SAMPLES + [True] * 2
    begun.clear()
    assert exchange.begin(of, head, head.body(), Port.SERVING, 0.0).sample is not None
