"""The monitor's counts: plain numbers, written on the request path and read by a scrape.

A label set of the objectives is exported at 0 before it counts: those of the pod's own revision from
the first scrape on, those of other revisions (labels come back at any replica) once a receipt of
them is first seen. Otherwise the first increase of a series would be lost to Prometheus.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from modelward.api.monitorconfig import ObjectiveConfig, StorageObjectiveConfig
from modelward.conventions import LATENCY_BUCKETS_S, STORAGE_FAST, STORAGE_SLOW, STORAGE_UNKNOWN
from modelward.monitor.events import AnswerObjective, Ending

GOOD: Final = "good"
BAD: Final = "bad"
MAX_FOREIGN_REVISIONS: Final = 32
"""Other revisions of the deployment that are counted at once; the longest unused one is dropped."""

STORE_TIMEOUT: Final = "timeout"
STORE_UNREACHABLE: Final = "unreachable"
STORE_REFUSED: Final = "refused"
"""The store answered, but does not give the model: it is gone, or the credentials are."""
STORE_NOT_PROBED: Final = "probe"
"""The probe's own process failed."""
STORE_FAILURES: Final = (STORE_TIMEOUT, STORE_UNREACHABLE, STORE_REFUSED, STORE_NOT_PROBED)

EventKey = tuple[str, str, str, str, str]
"""revision, objective, config, result, storage."""


class EventCounts:
    """Good and bad events by revision and objective; in shares where errors count by their size."""

    __slots__ = ("_classes", "_counts", "_objectives", "_others", "_revision")

    def __init__(self) -> None:
        self._counts: dict[EventKey, float] = {}
        self._classes: tuple[str, ...] = (STORAGE_UNKNOWN,)
        self._revision = ""
        self._objectives: tuple[ObjectiveConfig, ...] = ()
        self._others: dict[str, None] = {}  # revisions of labels only, the longest unused first

    def configure(self, revision: str, objectives: tuple[ObjectiveConfig, ...]) -> None:
        """Open the label sets of the pod's own revision at 0; counts of known sets are kept."""
        self._revision = revision
        self._objectives = objectives
        is_watched = any(isinstance(objective, StorageObjectiveConfig) for objective in objectives)
        self._classes = (STORAGE_FAST, STORAGE_SLOW, STORAGE_UNKNOWN) if is_watched else (STORAGE_UNKNOWN,)
        for objective in objectives:
            self._open(revision, objective)
        for other in self._others:
            self._open_accuracy(other)

    def knows(self, revision: str) -> bool:
        """Whether the label sets of `revision` are open, so that its labels can be counted."""
        return revision == self._revision or revision in self._others

    def open(self, revision: str) -> None:
        """Open the accuracy label sets of another revision at 0."""
        if self.knows(revision):
            return
        if len(self._others) >= MAX_FOREIGN_REVISIONS:
            oldest = next(iter(self._others))
            del self._others[oldest]
            for key in [key for key in self._counts if key[0] == oldest]:
                del self._counts[key]
        self._others[revision] = None
        self._open_accuracy(revision)

    def count(
        self,
        revision: str,
        objective: ObjectiveConfig | AnswerObjective,
        result: str,
        storage: str,
        share: float = 1,
    ) -> None:
        """Count one event, or a share of one."""
        if storage not in self._classes:
            # The receipt of a time when the store was watched: its label set is not open.
            storage = STORAGE_UNKNOWN
        key = (revision, objective.name, objective.config, result, storage)
        self._counts[key] = self._counts.get(key, 0) + share
        if revision in self._others:
            self._others[revision] = self._others.pop(revision)

    def current(self) -> Iterator[tuple[EventKey, float]]:
        """The label sets of the current objectives with their counts."""
        configs = {(objective.name, objective.config) for objective in self._objectives}
        for key, value in self._counts.items():
            if (key[1], key[2]) in configs:
                yield key, value

    def _open_accuracy(self, revision: str) -> None:
        for objective in self._objectives:
            if objective.kind == "accuracy":
                self._open(revision, objective)

    def _open(self, revision: str, objective: ObjectiveConfig) -> None:
        if isinstance(objective, StorageObjectiveConfig):
            opened = [(GOOD, STORAGE_FAST), (BAD, STORAGE_SLOW)]
        else:
            opened = [(result, storage) for result in (GOOD, BAD) for storage in self._classes]
        for result, storage in opened:
            self._counts.setdefault((revision, objective.name, objective.config, result, storage), 0)


class Failure(StrEnum):
    """Why a request had no whole answer: values of the label `reason`."""

    UNREACHABLE = "unreachable"
    CUT = "cut"
    CLIENT_GONE = "client_gone"
    REFUSED = "refused"
    """A gRPC call that the server said it had not begun with. What follows, the monitor has refused."""
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    """A body beyond the limit."""
    HEAD_TOO_LARGE = "head_too_large"
    TIMEOUT = "timeout"
    """A head, or more of a body, that had not come in time."""
    NO_GRPC = "no_grpc"
    """A connection of HTTP/2, before a server that does not speak it."""
    UNCONFIGURED = "unconfigured"
    """Before the monitor had a configuration."""


_OF_STATUS: Final = {
    413: Failure.TOO_LARGE,
    431: Failure.HEAD_TOO_LARGE,
    408: Failure.TIMEOUT,
    503: Failure.UNCONFIGURED,
}
_OF_ENDING: Final = {
    Ending.UNREACHABLE: Failure.UNREACHABLE,
    Ending.CUT: Failure.CUT,
    Ending.CLIENT_GONE: Failure.CLIENT_GONE,
}


class TraceExemplar(NamedTuple):
    """A duration whose trace is kept (OpenMetrics 1.0, "Exemplars")."""

    trace_id: int
    duration_s: float
    time_s: float
    """Unix time of its end."""


class DurationHistogram:
    """Durations by a label of few values: a class of status ("2xx"), or where they were measured."""

    __slots__ = ("buckets", "exemplars", "sums_s")

    def __init__(self) -> None:
        self.buckets: dict[str, list[int]] = {}
        """Counts per bucket, not cumulated, one more than LATENCY_BUCKETS_S."""
        self.sums_s: dict[str, float] = {}
        self.exemplars: dict[tuple[str, int], TraceExemplar] = {}
        """The last one of each label's bucket."""

    def exemplify(self, name: str, exemplar: TraceExemplar) -> None:
        """Link the bucket of a duration that has been observed to its trace."""
        self.exemplars[name, bisect_left(LATENCY_BUCKETS_S, exemplar.duration_s)] = exemplar

    def observe(self, name: str, duration_s: float) -> None:
        """Count one."""
        buckets = self.buckets.get(name)
        if buckets is None:
            buckets = self.buckets[name] = [0] * (len(LATENCY_BUCKETS_S) + 1)
            self.sums_s[name] = 0.0
        buckets[bisect_left(LATENCY_BUCKETS_S, duration_s)] += 1
        self.sums_s[name] += duration_s


class Counts:
    """Everything the monitor counts."""

    __slots__ = (
        "durations",
        "events",
        "failures",
        "feedback",
        "first_tokens",
        "forward_fallbacks",
        "forwarded",
        "grpc_calls",
        "grpc_unwatched",
        "open_connections",
        "output_tokens",
        "per_token",
        "predictions",
        "receipts",
        "reload_failures",
        "requests",
        "requests_in_flight",
        "store_failures",
        "store_reads",
        "stream_events",
        "uncounted",
        "unread",
        "untimed_streams",
    )

    def __init__(self) -> None:
        self.events = EventCounts()
        self.durations = DurationHistogram()
        self.first_tokens = DurationHistogram()
        self.per_token = DurationHistogram()
        """Of streamed answers: mean time of their tokens after the first."""
        self.output_tokens = 0
        self.untimed_streams = 0
        """Streamed answers whose time per token is not known."""
        self.stream_events = 0
        self.predictions = 0
        """Rows of the answers that were read, which may have many each."""
        self.requests = 0
        """Requests on the serving port that the pod's own server was given."""
        self.forwarded = 0
        self.forward_fallbacks = 0
        """Requests of a withdrawn revision that the pod's own server had to answer all the same."""
        self.grpc_calls: Counter[str] = Counter()
        """Calls that the pod's own server has ended on the serving port, by the name of their status."""
        self.grpc_unwatched = 0
        """gRPC connections that were passed on without being followed, so that nothing of them counts."""
        self.failures = dict.fromkeys(Failure, 0)
        """Requests without a whole answer."""
        self.unread = 0
        """Connections that were reset because their client took nothing of an answer for too long."""
        self.uncounted = 0
        """Exchanges that a defect of the monitor's kept from being counted."""
        self.receipts = 0
        self.reload_failures = 0
        self.feedback: Counter[str] = Counter()
        self.store_reads = DurationHistogram()
        """By STORAGE_SOURCE_PROBE and STORAGE_SOURCE_SERVER."""
        self.store_failures: Counter[str] = Counter()
        self.open_connections = 0
        self.requests_in_flight = 0

    def count_refusal(self, status: int, reason: Failure | None = None) -> None:
        """Count a request that the monitor refused with this status: under `reason`, or what it says."""
        self.failures[reason or _OF_STATUS.get(status, Failure.MALFORMED)] += 1

    def count_failure(self, ending: Ending) -> None:
        """Count a request without a whole answer; one that was refused has been, by its status."""
        if ending is not Ending.REFUSED:
            self.failures[_OF_ENDING[ending]] += 1
