"""Which calls of a gRPC connection are events, by what either side says of them."""

import pytest

from modelward.api.monitorconfig import MonitorConfig
from modelward.monitor.events import Ending
from modelward.monitor.exchange import Port
from modelward.monitor.grpc.calls import Call, Calls
from modelward.monitor.grpc.frames import Headers
from modelward.monitor.grpc.methods import PREDICTION_PATH
from modelward.monitor.state import MonitorState
from modelward.monitor.trace import MAX_TRACESTATE_BYTES, Sampler

REFUSED_STREAM, INTERNAL_ERROR, CANCEL = 7, 2, 8
ASKED = {b":path": PREDICTION_PATH}
BEGUN = {b":status": b"200"}
GOOD = {b"grpc-status": b"0"}


def state() -> MonitorState:
    """A monitor's state with an objective of availability."""
    made = MonitorState(started_s=0.0)
    config = {
        "namespace": "shop",
        "deployment": "d",
        "revision": "d-1",
        "server": {"port": 1, "grpc_port": 2},
        "objectives": [{"name": "availability", "config": "a1", "kind": "availability"}],
    }
    made.take_config(MonitorConfig.model_validate(config))
    return made


def asked(of: MonitorState, *streams: int) -> Calls:
    """Calls under way of a connection on the serving port."""
    calls = Calls(of, Port.SERVING, None, is_forwarded=False)
    for stream in streams:
        calls.asked(stream, ASKED)
        calls.asked_all(stream)
    return calls


def begun(of: MonitorState, headers: Headers) -> Call:
    """What is kept of a call while it lasts."""
    calls = Calls(of, Port.SERVING, None, is_forwarded=False)
    calls.asked(1, headers)
    return calls._open[1]


def verdicts(of: MonitorState) -> tuple[float, float]:
    """Good and bad events."""
    found = {"good": 0.0, "bad": 0.0}
    for key, value in of.counts.events.current():
        found[key[3]] += value
    return found["good"], found["bad"]


def failed(of: MonitorState) -> dict[str, int]:
    """Calls that came to no whole answer, by the reason that is counted."""
    return {reason: number for reason, number in of.counts.failures.items() if number}


def test_a_refused_stream_is_no_event() -> None:
    """What the server has not begun with is no sign of its health, and the connection goes on."""
    of = state()
    calls = asked(of, 1, 3)
    calls.cut(1, REFUSED_STREAM)
    calls.answered(3, BEGUN | GOOD)
    calls.answered_all(3)
    assert (verdicts(of), failed(of)) == ((1, 0), {"refused": 1})
    assert of.counts.requests_in_flight == 0


@pytest.mark.parametrize("error", [INTERNAL_ERROR, CANCEL])
def test_a_stream_reset_for_another_reason_is_bad(error: int) -> None:
    """The server had begun with it, and broke off."""
    of = state()
    asked(of, 1).cut(1, error)
    assert (verdicts(of), failed(of)) == ((0, 1), {"cut": 1})


def test_a_begun_answer_can_not_be_refused() -> None:
    """A server that contradicts itself has broken its answer off: no client sends that call again."""
    of = state()
    calls = asked(of, 1, 3)
    for stream in (1, 3):
        calls.answered(stream, BEGUN)
    calls.cut(1, REFUSED_STREAM)
    calls.refuse_after(1)
    calls.end_all(Ending.CUT)
    assert (verdicts(of), failed(of)) == ((0, 2), {"cut": 2})


def test_calls_beyond_the_last_that_a_leaving_server_takes_are_no_events() -> None:
    """Neither those under way nor those that follow; the others are answered, or broken off with it."""
    of = state()
    calls = asked(of, 1, 3, 5, 7)
    calls.refuse_after(2**31 - 1)
    assert len(calls) == 4
    calls.refuse_after(3)
    calls.refuse_after(5)  # RFC 9113 6.8: it may not go up again
    calls.asked(9, ASKED)
    assert len(calls) == 2
    calls.answered(1, BEGUN | GOOD)
    calls.answered_all(1)
    calls.end_all(Ending.CUT)
    assert (verdicts(of), failed(of)) == ((1, 1), {"refused": 3, "unreachable": 1})
    assert of.counts.requests_in_flight == 0


@pytest.mark.parametrize(
    ("port", "is_forwarded"), [(Port.SYNTHETIC, False), (Port.SERVING, True)], ids=["synthetic", "forwarded"]
)
def test_what_is_not_counted_is_not_counted_as_refused(port: Port, *, is_forwarded: bool) -> None:
    """Calls of gates, and those sent on to another revision, say nothing of this one."""
    of = state()
    calls = Calls(of, port, None, is_forwarded=is_forwarded)
    calls.asked(1, ASKED)
    calls.cut(1, REFUSED_STREAM)
    assert (failed(of), of.counts.requests_in_flight) == ({}, 0)


def test_a_client_refuses_nothing() -> None:
    """A client gives its own calls up, whatever its error code says."""
    of = state()
    asked(of, 1).given_up(1, REFUSED_STREAM)
    assert (verdicts(of), failed(of)) == ((0, 0), {"client_gone": 1})


PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("parent", "tracestate", "kept"),
    [
        (PARENT, b"a=b", (b"a=b",)),
        (PARENT, b"a=" + b"b" * MAX_TRACESTATE_BYTES, ()),
        (b"nonsense", b"a=b", ()),
    ],
    ids=["short", "long", "no parent"],
)
def test_what_a_call_keeps_of_its_headers(parent: bytes, tracestate: bytes, kept: tuple[bytes, ...]) -> None:
    """However long its headers are, a call under way keeps little of them, and without spans nothing."""
    of = state()
    headers = {b":path": b"/" + b"x" * 10_000, b"traceparent": parent, b"tracestate": tracestate}
    of.sampler = None
    without = begun(of, headers)
    assert (without.path, without.trace, without.tracestate) == (None, None, ())
    of.sampler = Sampler(0)
    call = begun(of, headers)
    assert call.trace is not None
    assert call.trace.is_sampled is (parent == PARENT)
    assert call.tracestate == kept
    assert len(call.path or b"") == 512
