"""What is an event of an objective, and whether it is good."""

import pytest

from modelward.api.monitorconfig import (
    AccuracyObjectiveConfig,
    AvailabilityObjectiveConfig,
    LatencyObjectiveConfig,
    LatencyOf,
    ServerProtocol,
)
from modelward.monitor.events import Ending, Outcome, asked, is_good
from modelward.monitor.streams import Generated

FIRST_TOKEN = LatencyObjectiveConfig(name="f", config="1", within_ms=100, of=LatencyOf.FIRST_TOKEN)
PER_TOKEN = LatencyObjectiveConfig(name="t", config="1", within_ms=100, of=LatencyOf.OUTPUT_TOKEN)
LATENCY = LatencyObjectiveConfig(name="l", config="1", within_ms=100)
AVAILABILITY = AvailabilityObjectiveConfig(name="a", config="1")
ACCURACY = AccuracyObjectiveConfig(name="c", config="1")


@pytest.mark.parametrize(
    ("ending", "status", "duration_s", "latency", "availability"),
    [
        (Ending.ANSWERED, 200, 0.1, True, True),
        (Ending.ANSWERED, 200, 0.101, False, True),
        (Ending.ANSWERED, 302, 0.1, True, True),
        (Ending.ANSWERED, 400, 0.1, None, None),
        (Ending.ANSWERED, 499, 9.0, None, None),
        (Ending.ANSWERED, 500, 0.1, None, False),
        (Ending.ANSWERED, 503, 9.0, None, False),
        (Ending.UNREACHABLE, None, 0.1, None, False),
        (Ending.CUT, 200, 0.1, None, False),
        (Ending.CUT, 404, 0.1, None, False),
        (Ending.CLIENT_GONE, None, 0.1, None, None),
        (Ending.CLIENT_GONE, None, 0.2, False, None),
        (Ending.CLIENT_GONE, 200, 0.2, False, None),
        (Ending.REFUSED, None, 0.2, None, None),
        (Ending.REFUSED, 200, 0.2, None, None),
    ],
)
def test_outcomes(
    ending: Ending, status: int | None, duration_s: float, latency: bool | None, availability: bool | None
) -> None:
    """Each ending is good, bad or no event of each objective, as the module's text says."""
    outcome = Outcome(ending, status, duration_s, request_complete=True)
    assert is_good(LATENCY, outcome) is latency
    assert is_good(AVAILABILITY, outcome) is availability
    assert is_good(ACCURACY, outcome) is None


def test_client_that_never_sent_it_all() -> None:
    """A client that was slow to send and left is no bad latency."""
    assert is_good(LATENCY, Outcome(Ending.CLIENT_GONE, None, 9.0, request_complete=False)) is None


@pytest.mark.parametrize(
    ("ending", "duration_s", "request_complete", "good"),
    [
        (Ending.CLIENT_GONE, 0.2, True, False),
        (Ending.CLIENT_GONE, 0.1, True, None),
        (Ending.CLIENT_GONE, 0.2, False, None),
        (Ending.UNREACHABLE, 0.2, True, None),
    ],
)
def test_a_server_that_never_begins(
    ending: Ending, duration_s: float, request_complete: bool, good: bool | None
) -> None:
    """A client that waited too long for any answer to a complete request had no first token in time."""
    assert is_good(FIRST_TOKEN, Outcome(ending, None, duration_s, request_complete)) is good


@pytest.mark.parametrize(
    ("ending", "per_token_s", "good"),
    [
        (Ending.ANSWERED, 0.1, True),
        (Ending.ANSWERED, 0.101, False),
        (Ending.ANSWERED, None, None),
        (Ending.CUT, 9.0, None),
        (Ending.CLIENT_GONE, 0.1, None),
        (Ending.CLIENT_GONE, 0.101, False),
        (Ending.CLIENT_GONE, None, None),
    ],
)
def test_a_stream_that_goes_on(ending: Ending, per_token_s: float | None, good: bool | None) -> None:
    """Its tokens after the first may take so long each, on average; what is not known is no event."""
    generated = Generated(5, per_token_s)
    outcome = Outcome(ending, 200, 9.0, True, is_streamed=True, first_token_s=0.5, generated=generated)
    assert is_good(PER_TOKEN, outcome) is good


def test_what_has_no_time_per_token() -> None:
    """An answer that is not streamed, and an error, are no events."""
    assert is_good(PER_TOKEN, Outcome(Ending.ANSWERED, 200, 9.0, True)) is None
    failed = Outcome(Ending.ANSWERED, 500, 9.0, True, is_streamed=True, generated=Generated(5, 9.0))
    assert is_good(PER_TOKEN, failed) is None


@pytest.mark.parametrize(
    ("method", "path", "prediction", "inference"),
    [
        ("POST", b"/v2/models/m/infer", True, True),
        ("POST", b"/v2/models/m/versions/1/infer", True, True),
        ("POST", b"/v2/models/m/generate", True, False),
        ("POST", b"/v2/models/m/generate_stream", True, False),
        ("GET", b"/v2/models/m/infer", False, False),
        ("POST", b"/v2/models/infer", False, False),
        ("POST", b"/v2/models/a/b/infer", False, False),
        ("POST", b"/v2/repository/models/m/load", False, False),
        ("POST", b"/v2/models/m/infer/x", False, False),
    ],
)
def test_v2_predictions(method: str, path: bytes, prediction: bool, inference: bool) -> None:
    """Of a v2 server's paths only the predictions are events."""
    assert asked(ServerProtocol.V2, method, path) == (prediction, inference)


def test_plain_http_predictions() -> None:
    """Of a plain server every POST is an event, none is readable."""
    assert asked(ServerProtocol.HTTP, "POST", b"/any") == (True, False)
    assert asked(ServerProtocol.HTTP, "PUT", b"/any") == (False, False)
    assert asked(ServerProtocol.HTTP, "POST", b"/v2/models/m/infer") == (True, False)
