"""Sampling and the W3C trace context."""

import pytest

from modelward.monitor.trace import decide, route_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("03", True), ("02", False)])
def test_parent_decides(flags: str, sampled: bool) -> None:
    """A valid parent's trace goes on with its own decision, whatever the ratio."""
    for ratio in (0.0, 1.0):
        context = decide(f"00-{TRACE}-{SPAN}-{flags}".encode(), ratio)
        assert (f"{context.trace_id:032x}", f"{context.parent_span_id:016x}") == (TRACE, SPAN)
        assert context.is_sampled is sampled
        assert context.traceparent().startswith(f"00-{TRACE}-".encode())


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
    ],
)
def test_no_valid_parent(parent: bytes | None) -> None:
    """Without a valid parent a new trace begins, sampled by the ratio."""
    assert decide(parent, 1.0).is_sampled
    context = decide(parent, 0.0)
    assert (context.parent_span_id, context.is_sampled) == (None, False)
    assert context.traceparent().endswith(b"-00")


def test_ratio() -> None:
    """About the given share of traces is sampled."""
    sampled = sum(decide(None, 0.25).is_sampled for _ in range(20_000))
    assert 4_500 < sampled < 5_500


@pytest.mark.parametrize(
    ("target", "route"),
    [
        (b"/v2/models/m/infer?x=1", "/v2/models/{model}/infer"),
        (b"/v2/models/m/versions/7/infer", "/v2/models/{model}/versions/{version}/infer"),
        (b"/v2/models/m", "/v2/models/{model}"),
        (b"/anything/else", None),
    ],
)
def test_routes(target: bytes, route: str | None) -> None:
    """Routes leave names open; unknown paths have none."""
    assert route_of(target) == route
