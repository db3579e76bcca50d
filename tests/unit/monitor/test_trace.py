"""Sampling and the W3C trace context."""

import pytest

from modelward.api.monitorconfig import AvailabilityObjectiveConfig, LatencyObjectiveConfig
from modelward.monitor.events import Ending, Outcome
from modelward.monitor.spans import route_of
from modelward.monitor.trace import Kept, Sampler

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("03", True), ("02", False)])
def test_parent_decides(flags: str, sampled: bool) -> None:
    """A valid parent's trace goes on with its own decision, whatever the ratio."""
    for ratio in (0.0, 1.0):
        context = Sampler(ratio).decide(f"00-{TRACE}-{SPAN}-{flags}".encode())
        assert (f"{context.trace_id:032x}", f"{context.parent_span_id:016x}") == (TRACE, SPAN)
        assert context.is_sampled is sampled
        assert context.is_handed_on is sampled


@pytest.mark.parametrize(
    "parent",
    [
        None,
        b"",
        b"nonsense",
        f"ff-{TRACE}-{SPAN}-01".encode(),
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE.upper()}-{SPAN}-01".encode(),
        f"00-{TRACE}-{SPAN}-01-more".encode(),
    ],
)
def test_no_valid_parent(parent: bytes | None) -> None:
    """Without a valid parent a new trace begins, sampled by the ratio."""
    assert Sampler(1.0).decide(parent).is_sampled
    context = Sampler(0.0).decide(parent)
    assert (context.parent_span_id, context.is_sampled) == (None, False)


def test_a_later_version_may_say_more() -> None:
    """What a version of the future adds at the end is passed over."""
    assert Sampler(0.0).decide(f"01-{TRACE}-{SPAN}-01-more".encode()).parent_span_id == int(SPAN, 16)


def test_the_server_records_what_may_yet_be_kept() -> None:
    """A request that is not sampled may still fail or be slow: its server is told to record its spans."""
    context = Sampler(0.0).decide(None)
    assert context.is_handed_on
    assert context.traceparent() == f"00-{context.trace_id:032x}-{context.span_id:016x}-01".encode()


OBJECTIVES = (
    AvailabilityObjectiveConfig(name="availability", config="a"),
    LatencyObjectiveConfig(name="latency", config="b", within_ms=200),
)


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (Outcome(Ending.ANSWERED, 200, 0.1, request_complete=True), None),
        (Outcome(Ending.ANSWERED, 404, 0.1, request_complete=True), None),
        (Outcome(Ending.ANSWERED, 200, 0.3, request_complete=True), Kept.SLOW),
        (Outcome(Ending.ANSWERED, 503, 0.1, request_complete=True), Kept.FAILED),
        (Outcome(Ending.ANSWERED, None, 0.1, request_complete=True), Kept.FAILED),
        (Outcome(Ending.UNREACHABLE, None, 0.1, request_complete=True), Kept.FAILED),
        (Outcome(Ending.CUT, 200, 0.3, request_complete=True), Kept.FAILED),
        (Outcome(Ending.CLIENT_GONE, None, 0.3, request_complete=True), Kept.FAILED),
    ],
)
def test_slow_and_failed_requests_are_kept(outcome: Outcome, kept: Kept | None) -> None:
    """Whatever the ratio, and whatever the caller's context says; others by the sampling decision."""
    unsampled = Sampler(1.0).decide(f"00-{TRACE}-{SPAN}-00".encode())
    assert unsampled.kept_because(outcome, OBJECTIVES, is_prediction=True) is kept
    sampled = Sampler(0.0).decide(f"00-{TRACE}-{SPAN}-01".encode())
    assert sampled.kept_because(outcome, OBJECTIVES, is_prediction=True) is (kept or Kept.SAMPLED)


def test_only_a_prediction_is_slow() -> None:
    """A latency objective is of predictions; without one nothing is slow."""
    slow = Outcome(Ending.ANSWERED, 200, 0.3, request_complete=True)
    assert Sampler(0.0).decide(None).kept_because(slow, OBJECTIVES, is_prediction=False) is None
    assert Sampler(0.0).decide(None).kept_because(slow, OBJECTIVES[:1], is_prediction=True) is None


def test_ratio() -> None:
    """About the given share of traces is sampled."""
    sampled = sum(Sampler(0.25).decide(None).is_sampled for _ in range(20_000))
    assert 4_500 < sampled < 5_500


@pytest.mark.parametrize(
    ("target", "route"),
    [
        (b"/v2/models/m/infer?x=1", "/v2/models/{model}/infer"),
        (b"/v2/models/m/versions/7/infer", "/v2/models/{model}/versions/{version}/infer"),
        (b"/v2/models/m", "/v2/models/{model}"),
        (b"/v1/completions?x=1", "/v1/completions"),
        (b"/v1/models/m", None),
        (b"/anything/else", None),
    ],
)
def test_routes(target: bytes, route: str | None) -> None:
    """Routes leave names open; unknown paths have none."""
    assert route_of(target) == route
