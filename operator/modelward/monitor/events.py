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
  each, on average (streams.py says how that is found). Answers of fewer than two tokens are no events, nor
  are those whose tokens can't be known, which are counted as such; a stream that its client leaves is a bad
  event when it had been too slow by then.
- accuracy: counted from labels (labels.py), never here.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
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
from modelward.monitor.streams import NOTHING, Generated

_V2_PREDICTION: Final = re.compile(rb"/v2/models/[^/]+(?:/versions/[^/]+)?/(infer|generate|generate_stream)")
OPENAI_PREDICTIONS: Final = frozenset(
    {b"/v1/completions", b"/v1/chat/completions", b"/v1/responses", b"/v1/embeddings"}
)
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
    REFUSED = "refused"
    """The monitor took no more of the request: its body was too long, too slow or malformed."""


_ANSWERED: Final = Ending.ANSWERED
_CLIENT_GONE: Final = Ending.CLIENT_GONE
_OF_THE_CLIENT: Final = frozenset({Ending.CLIENT_GONE, Ending.REFUSED})


class Outcome:
    """One finished exchange of a prediction request."""

    __slots__ = (
        "duration_s",
        "ending",
        "first_token_s",
        "generated",
        "is_streamed",
        "request_complete",
        "status",
    )

    def __init__(  # noqa: PLR0913 - all that is known of it
        self,
        ending: Ending,
        status: int | None,
        duration_s: float,
        request_complete: bool,  # noqa: FBT001 - a fact
        *,
        is_streamed: bool = False,
        first_token_s: float | None = None,
        generated: Generated = NOTHING,
    ) -> None:
        self.ending = ending
        self.status = status
        """Status of the server's answer; None when there was none."""
        self.duration_s = duration_s
        """From the request's first byte to the answer's last, or to the end that it came to."""
        self.request_complete = request_complete
        self.is_streamed = is_streamed
        """The answer is a stream of events."""
        self.first_token_s = first_token_s
        """From the request's first byte to the first event with content; None: none came."""
        self.generated = generated
        """Of a streamed answer."""


class Asked(NamedTuple):
    """What a request asks for."""

    is_prediction: bool
    is_v2_inference: bool
    """The answer is a v2 inference response, whose predictions can be read."""


_LONGEST_REMEMBERED: Final = 256
"""Bytes of a path."""
_NOTHING: Final = Asked(is_prediction=False, is_v2_inference=False)
_PREDICTION: Final = Asked(is_prediction=True, is_v2_inference=False)


def asked(protocol: ServerProtocol, method: str, target: bytes) -> Asked:
    """What a request for `target` (a path and perhaps a query) asks for."""
    path = target.partition(b"?")[0]
    return (_remembered if len(path) <= _LONGEST_REMEMBERED else _asked)(protocol, method, path)


@lru_cache(maxsize=256)
def _remembered(protocol: ServerProtocol, method: str, path: bytes) -> Asked:
    return _asked(protocol, method, path)


def _asked(protocol: ServerProtocol, method: str, path: bytes) -> Asked:
    if method != "POST":
        return _NOTHING
    if protocol is ServerProtocol.HTTP:
        return _PREDICTION
    if protocol is ServerProtocol.OPENAI:
        return _PREDICTION if path in OPENAI_PREDICTIONS else _NOTHING
    match = _V2_PREDICTION.fullmatch(path)
    return _NOTHING if match is None else Asked(is_prediction=True, is_v2_inference=match[1] == b"infer")


class AnswerObjective(ABC):
    """An objective whose events are answers."""

    __slots__ = ("config", "name")

    def __init__(self, objective: ObjectiveConfig) -> None:
        self.name = objective.name
        self.config = objective.config

    @abstractmethod
    def is_good(self, outcome: Outcome) -> bool | None:
        """Whether `outcome` is a good event of it; None: it is no event of it."""


class _Availability(AnswerObjective):
    __slots__ = ()

    def is_good(self, outcome: Outcome) -> bool | None:
        status = outcome.status
        if outcome.ending is not _ANSWERED:
            return None if outcome.ending in _OF_THE_CLIENT else False
        if status is None:
            return False
        return None if _FIRST_ERROR <= status < _FIRST_SERVER_ERROR else status < _FIRST_SERVER_ERROR


class _Latency(AnswerObjective):
    __slots__ = ("within_ms",)

    def __init__(self, objective: LatencyObjectiveConfig) -> None:
        super().__init__(objective)
        self.within_ms = objective.within_ms

    def is_good(self, outcome: Outcome) -> bool | None:
        within = outcome.duration_s * 1000 <= self.within_ms
        if outcome.ending is _CLIENT_GONE:
            return False if outcome.request_complete and not within else None
        if outcome.ending is not _ANSWERED or outcome.status is None or outcome.status >= _FIRST_ERROR:
            return None
        return within


class _FirstToken(_Latency):
    __slots__ = ()

    def is_good(self, outcome: Outcome) -> bool | None:
        has_given_up = outcome.ending is _CLIENT_GONE and outcome.duration_s * 1000 > self.within_ms
        if outcome.status is None:
            return False if has_given_up and outcome.request_complete else None
        if not outcome.is_streamed or outcome.status >= _FIRST_ERROR:
            return None
        if outcome.first_token_s is not None:
            return outcome.first_token_s * 1000 <= self.within_ms
        return False if has_given_up else None


class _PerToken(_Latency):
    __slots__ = ()

    def is_good(self, outcome: Outcome) -> bool | None:
        per_token_s = outcome.generated.per_token_s
        if per_token_s is None or outcome.status is None or outcome.status >= _FIRST_ERROR:
            return None
        within = per_token_s * 1000 <= self.within_ms
        if outcome.ending is _CLIENT_GONE:
            return None if within else False
        return within if outcome.ending is _ANSWERED else None


_LATENCIES: Final[Mapping[LatencyOf, type[_Latency]]] = {
    LatencyOf.ANSWER: _Latency,
    LatencyOf.FIRST_TOKEN: _FirstToken,
    LatencyOf.OUTPUT_TOKEN: _PerToken,
}


def of_answers(objectives: Iterable[ObjectiveConfig]) -> tuple[AnswerObjective, ...]:
    """Those of `objectives` whose events are answers: of latency and availability."""
    found: list[AnswerObjective] = []
    for each in objectives:
        if isinstance(each, AvailabilityObjectiveConfig):
            found.append(_Availability(each))
        elif isinstance(each, LatencyObjectiveConfig):
            found.append(_LATENCIES[each.of](each))
    return tuple(found)


def is_good(objective: ObjectiveConfig, outcome: Outcome) -> bool | None:
    """Whether `outcome` is a good event of `objective`; None: it is no event of it."""
    return next((each.is_good(outcome) for each in of_answers([objective])), None)
