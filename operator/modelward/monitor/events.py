"""What counts as an event of which objective, and whether it was good.

An event is a prediction request that the pod's own server was given on the serving port:

- v2: POST /v2/models/NAME[/versions/VERSION]/infer and /generate; openai: POST of completions, chat,
  responses and embeddings; http: every POST. Health checks, metadata and everything on the synthetic
  port are none.
- A 4xx is the client's and no valid event: neither good nor bad for any objective, as the SRE
  Workbook (chapter "Implementing SLOs") counts only valid events. Counting it as good would show a
  revision that refuses every request as healthy; so it has no data, which is never good news.
- availability: good when answered below 500; bad for a 5xx, a server that can't be reached and an
  answer that breaks off.
- latency: good when the last byte of the answer came within `within_ms` of the first byte of the
  request. Only answers below 400 count: an error that comes quickly is not quick, and availability
  has it already.
- A client that goes away before the answer's end: no event, but for latency a bad one when it had
  already waited longer than `within_ms` for an answer to a complete request, or a server that hangs
  would look idle.
- latency to the first token: good when the first event with content of a streamed answer came in time;
  answers that are not streamed are no events. A stream that its client leaves before that is a bad event
  when it had already waited too long; so is a request without any answer, if it was complete.
- latency of output tokens: good when the tokens of a streamed answer after its first took at most `within_ms`
  each, on average (OpenTelemetry's gen_ai.server.time_per_output_token: from the first token to the answer's
  end, over one less than its tokens). Answers of fewer than two tokens are no events; a stream that its
  client leaves is a bad event when it had been too slow by then.
- accuracy: counted from labels (labels.py), never here.
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from modelward.api.monitorconfig import (
    AvailabilityObjectiveConfig,
    LatencyObjectiveConfig,
    LatencyOf,
    ObjectiveConfig,
    ServerProtocol,
)

_V2_PREDICTION: Final = re.compile(rb"/v2/models/[^/]+(?:/versions/[^/]+)?/(infer|generate|generate_stream)")
_OPENAI_PREDICTIONS: Final = frozenset(
    {b"/v1/completions", b"/v1/chat/completions", b"/v1/responses", b"/v1/embeddings"}
)
OF_ANSWERS: Final = frozenset({"latency", "availability"})
"""Kinds of objectives whose events are answers."""
_CLIENT_ERRORS: Final = range(400, 500)
_FIRST_SERVER_ERROR: Final = 500
_FIRST_ERROR: Final = 400


class Ending(StrEnum):
    """How an exchange with the server ended."""

    ANSWERED = "answered"
    UNREACHABLE = "unreachable"
    """No connection, or one that ended before an answer began."""
    CUT = "cut"
    """The answer broke off, or was no HTTP."""
    CLIENT_GONE = "client_gone"


class Outcome(NamedTuple):
    """One finished exchange of a prediction request."""

    ending: Ending
    status: int | None
    """Status of the server's answer; None when there was none."""
    duration_s: float
    """From the request's first byte to the answer's last, or to the end that it came to."""
    request_complete: bool
    is_streamed: bool = False
    """The answer is a stream of events."""
    first_token_s: float | None = None
    """From the request's first byte to the first event with content; None: none came."""
    tokens: int = 0
    """Of a streamed answer."""

    @property
    def per_token_s(self) -> float | None:
        """Mean time of each token after the first; None: there was none."""
        if self.first_token_s is None or self.tokens <= 1:
            return None
        return (self.duration_s - self.first_token_s) / (self.tokens - 1)


class Asked(NamedTuple):
    """What a request asks for."""

    is_prediction: bool
    is_v2_inference: bool
    """The answer is a v2 inference response, whose predictions can be read."""


_NOTHING: Final = Asked(is_prediction=False, is_v2_inference=False)
_PREDICTION: Final = Asked(is_prediction=True, is_v2_inference=False)


@lru_cache(maxsize=256)
def asked(protocol: ServerProtocol, method: str, target: bytes) -> Asked:
    """What a request for `target` (a path and perhaps a query) asks for."""
    if method != "POST":
        return _NOTHING
    if protocol is ServerProtocol.HTTP:
        return _PREDICTION
    path = target.partition(b"?")[0]
    if protocol is ServerProtocol.OPENAI:
        return _PREDICTION if path in _OPENAI_PREDICTIONS else _NOTHING
    match = _V2_PREDICTION.fullmatch(path)
    return _NOTHING if match is None else Asked(is_prediction=True, is_v2_inference=match[1] == b"infer")


def is_good(objective: ObjectiveConfig, outcome: Outcome) -> bool | None:
    """Whether `outcome` is a good event of `objective`; None: it is no event of it."""
    status = outcome.status
    if status is not None and status in _CLIENT_ERRORS and outcome.ending is Ending.ANSWERED:
        return None
    if isinstance(objective, AvailabilityObjectiveConfig):
        return _is_available(outcome)
    if isinstance(objective, LatencyObjectiveConfig):
        if objective.of is LatencyOf.FIRST_TOKEN:
            return _is_quick_to_begin(outcome, objective.within_ms)
        if objective.of is LatencyOf.OUTPUT_TOKEN:
            return _is_quick_to_go_on(outcome, objective.within_ms)
        return _is_quick(outcome, objective.within_ms)
    return None


def _is_available(outcome: Outcome) -> bool | None:
    if outcome.ending is Ending.CLIENT_GONE:
        return None
    return (
        outcome.ending is Ending.ANSWERED
        and outcome.status is not None
        and outcome.status < _FIRST_SERVER_ERROR
    )


def _is_quick(outcome: Outcome, within_ms: float) -> bool | None:
    within = outcome.duration_s * 1000 <= within_ms
    if outcome.ending is Ending.CLIENT_GONE:
        return False if outcome.request_complete and not within else None
    if outcome.ending is not Ending.ANSWERED or outcome.status is None or outcome.status >= _FIRST_ERROR:
        return None
    return within


def _is_quick_to_begin(outcome: Outcome, within_ms: float) -> bool | None:
    has_given_up = outcome.ending is Ending.CLIENT_GONE and outcome.duration_s * 1000 > within_ms
    if outcome.status is None:
        return False if has_given_up and outcome.request_complete else None
    if not outcome.is_streamed or outcome.status >= _FIRST_ERROR:
        return None
    if outcome.first_token_s is not None:
        return outcome.first_token_s * 1000 <= within_ms
    return False if has_given_up else None


def _is_quick_to_go_on(outcome: Outcome, within_ms: float) -> bool | None:
    per_token_s = outcome.per_token_s
    if per_token_s is None or outcome.status is None or outcome.status >= _FIRST_ERROR:
        return None
    within = per_token_s * 1000 <= within_ms
    if outcome.ending is Ending.CLIENT_GONE:
        return None if within else False
    return within if outcome.ending is Ending.ANSWERED else None
