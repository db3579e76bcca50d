"""Labels that wait to be counted: in order of prediction time, a few per scrape.

A batch of labels must not be one block of evidence, so accepted labels are released to the counters in
small lots, one at each scrape of /metrics/objectives: RELEASED_PER_SCRAPE, or RELEASED_PER_REQUEST times
the requests answered since the last scrape if that is more. The second keeps labels that come back as
fast as predictions are made from piling up, also when all of them are sent to one of a few replicas.
The queue is bounded; the sender of a label that finds it full is told to come back. Several Prometheus
servers that scrape the same pod make it that much faster.
"""

import contextlib
import heapq
import math
from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from modelward.api.monitorconfig import AccuracyObjectiveConfig, ObjectiveConfig
from modelward.monitor.counters import BAD, GOOD, EventCounts
from modelward.monitor.decided import UndecidedError, as_number, decided
from modelward.monitor.label_counts import LabelCounts
from modelward.monitor.receipts import Predicted, Prediction

MAX_WAITING: Final = 10_000
RELEASED_PER_SCRAPE: Final = 50
RELEASED_PER_REQUEST: Final = 4
COUNTED_AT_ONCE: Final = 50
"""Labels that are counted without a pause: some 0.3 ms for an objective."""
REMEMBERED_RECEIPTS: Final = 65_536
"""Receipts whose repetition this replica notices: the latest so many (some 10 MB). A receipt that is
older, or was taken by another replica, is counted again."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label with what it is compared with."""

    revision: str
    storage: str
    prediction_time_s: float
    prediction: Predicted | None
    """None when the sender judged by itself."""
    truth: Prediction | None
    judged_good: bool | None
    """The sender's own judgement, for every accuracy objective; None: compare."""


def bad_share(label: Label, objective: AccuracyObjectiveConfig) -> float:
    """How bad the prediction is, from 0 to 1: by the size of its error where the objective has a clip.

    Raises UndecidedError when the prediction can't be read as the objective asks for it.
    """
    if objective.clip is None:
        return 0.0 if agrees(label, objective) else 1.0
    prediction, truth = as_number(_compared(label, objective)), as_number(label.truth)
    if prediction is None or truth is None or math.isnan(prediction):
        return 1.0  # A model of numbers that answers with something else could not be further off.
    return min(abs(prediction - truth) / objective.clip, 1.0)


def agrees(label: Label, objective: AccuracyObjectiveConfig) -> bool:
    """Whether the prediction agrees with the label: within the tolerance for numbers, else equal.

    A number given as text ("1") agrees with the number; true and false are 1 and 0, and agree with their
    names as text in upper or lower case, as a table of labels has them.
    """
    if label.judged_good is not None:
        return label.judged_good
    compared = _compared(label, objective)
    prediction, truth = as_number(compared), as_number(label.truth)
    if prediction is not None and truth is not None:
        return abs(prediction - truth) <= objective.tolerance
    if isinstance(compared, bool) is not isinstance(label.truth, bool):
        return str(compared).lower() == str(label.truth).lower()
    return compared == label.truth


def _compared(label: Label, objective: AccuracyObjectiveConfig) -> Prediction | None:
    return None if label.prediction is None else decided(label.prediction, objective)


@dataclass(slots=True)
class LabelQueue:
    """The labels of one replica that are not counted yet."""

    counts: LabelCounts = field(default_factory=LabelCounts)
    """What is counted of labels besides good and bad."""
    _heap: list[tuple[float, int, Label]] = field(default_factory=list)
    _order: "count[int]" = field(default_factory=count)
    _requests_before: int = 0

    def __len__(self) -> int:
        return len(self._heap)

    def has_room(self, labels: int) -> bool:
        """Whether `labels` more can be taken."""
        return len(self._heap) + labels <= MAX_WAITING

    def put(self, label: Label) -> None:
        """Take one label; the caller has asked for room."""
        heapq.heappush(self._heap, (label.prediction_time_s, next(self._order), label))

    def release(
        self, events: EventCounts, objectives: tuple[ObjectiveConfig, ...], requests: int
    ) -> Generator[None, None, None]:
        """Count one lot of the oldest labels; `requests` is the total that this replica has answered.

        It pauses after every COUNTED_AT_ONCE, so that whoever takes the next step can let requests through.
        The label sets of a revision that was unknown until now are opened at 0 and its labels wait for
        the next scrape, so that Prometheus sees their increase.
        """
        accuracy = [objective for objective in objectives if isinstance(objective, AccuracyObjectiveConfig)]
        opened: list[tuple[float, int, Label]] = []
        unknown: set[str] = set()
        lot = max(RELEASED_PER_SCRAPE, RELEASED_PER_REQUEST * (requests - self._requests_before))
        self._requests_before = requests
        try:
            for number in range(1, min(lot, len(self._heap)) + 1):
                if number % COUNTED_AT_ONCE == 0:
                    yield
                entry = heapq.heappop(self._heap)
                label = entry[2]
                if label.revision in unknown or not events.knows(label.revision):
                    events.open(label.revision)
                    unknown.add(label.revision)
                    opened.append(entry)
                    continue
                for objective in accuracy:
                    # A label that an objective of since then cannot read is none of its events.
                    with contextlib.suppress(UndecidedError):
                        self._count(label, objective, events)
        finally:
            for entry in opened:
                heapq.heappush(self._heap, entry)

    def _count(self, label: Label, objective: AccuracyObjectiveConfig, events: EventCounts) -> None:
        bad = bad_share(label, objective)
        for result, share in ((GOOD, 1 - bad), (BAD, bad)):
            if share:
                events.count(label.revision, objective, result, label.storage, share)
        predicted, actual = _compared(label, objective), label.truth
        if objective.counts_classes and predicted is not None and actual is not None:
            self.counts.count_classes(label.revision, objective.name, predicted, actual)


@dataclass(slots=True)
class SeenReceipts:
    """The latest receipts that were taken, to notice repetitions."""

    capacity: int = REMEMBERED_RECEIPTS
    _ids: OrderedDict[bytes, None] = field(default_factory=OrderedDict)

    def __contains__(self, receipt_id: bytes) -> bool:
        return receipt_id in self._ids

    def add(self, receipt_id: bytes) -> None:
        """Remember one, forgetting the oldest when full."""
        self._ids[receipt_id] = None
        if len(self._ids) > self.capacity:
            self._ids.popitem(last=False)
