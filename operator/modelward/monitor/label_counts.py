"""What is counted of labels besides good and bad: by class, how late they came, how many receipts had one.

Bounded: of each objective and revision the first MAX_CLASSES classes that were seen, others as `other`,
and MAX_REVISIONS revisions, the longest unused of which is dropped. A pair of classes is shown at 0 from
when both were first seen.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from modelward.api.binning import BIN_OTHER, category_of
from modelward.conventions import METRIC_CONFUSION, METRIC_LABEL_DELAY, METRIC_LABELLED
from modelward.monitor.receipts import Prediction

MAX_CLASSES: Final = 20
MAX_REVISIONS: Final = 8
_MINUTE: Final = 60.0
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
DELAYS_S: Final = (
    *(1.0, 10.0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE),
    *(_HOUR, 6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY),
)
"""Upper bounds of the histogram of delays, in seconds; one more bucket holds the rest."""


class Confusion:
    """Labelled predictions of one objective and revision, by predicted and actual class."""

    __slots__ = ("_classes", "pairs")

    def __init__(self) -> None:
        self._classes: list[str] = []
        self.pairs: dict[tuple[str, str], int] = {}
        """(predicted, actual) -> count."""

    def count(self, predicted: Prediction, actual: Prediction) -> None:
        """Count one."""
        self.pairs[self._known(predicted), self._known(actual)] += 1

    def _known(self, value: Prediction) -> str:
        name = category_of(_written(value))
        if name in self._classes:
            return name
        if len(self._classes) >= MAX_CLASSES:
            name = BIN_OTHER
            if name in self._classes:
                return name
        self._classes.append(name)
        for known in self._classes:
            self.pairs.setdefault((known, name), 0)
            self.pairs.setdefault((name, known), 0)
        return name


class _OfRevision:
    __slots__ = ("confusions", "delay_sum_s", "delays", "receipts")

    def __init__(self) -> None:
        self.receipts = 0
        self.delays = [0] * (len(DELAYS_S) + 1)
        self.delay_sum_s = 0.0
        self.confusions: dict[str, Confusion] = {}


class LabelCounts:
    """The counts of one replica."""

    def __init__(self) -> None:
        self._revisions: dict[str, _OfRevision] = {}  # the longest unused first

    def count_receipt(self, revision: str, delay_s: float) -> None:
        """Count a receipt whose labels were taken, so long after its prediction."""
        counted = self._of(revision)
        counted.receipts += 1
        counted.delays[bisect_left(DELAYS_S, delay_s)] += 1
        counted.delay_sum_s += max(0.0, delay_s)

    def count_classes(self, revision: str, objective: str, predicted: Prediction, actual: Prediction) -> None:
        """Count a labelled prediction by its classes."""
        self._of(revision).confusions.setdefault(objective, Confusion()).count(predicted, actual)

    def families(self, deployment: str) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        """What /metrics shows of them."""
        identity = ["deployment", "revision"]
        labelled = CounterMetricFamily(
            METRIC_LABELLED, "Receipts that labels came back for.", labels=identity
        )
        delay = HistogramMetricFamily(METRIC_LABEL_DELAY, "Time from prediction to label.", labels=identity)
        confusion = CounterMetricFamily(
            METRIC_CONFUSION,
            "Labelled predictions by class.",
            labels=[*identity, "objective", "predicted", "actual"],
        )
        bounds = [*(str(bound) for bound in DELAYS_S), "+Inf"]
        for revision, counted in self._revisions.items():
            labels = [deployment, revision]
            labelled.add_metric(labels, counted.receipts)
            cumulated = map(float, accumulate(counted.delays))
            delay.add_metric(labels, list(zip(bounds, cumulated, strict=True)), counted.delay_sum_s)
            for objective, classes in counted.confusions.items():
                for pair, count in classes.pairs.items():
                    confusion.add_metric([*labels, objective, *pair], count)
        yield labelled
        yield delay
        yield confusion

    def _of(self, revision: str) -> _OfRevision:
        counted = self._revisions.pop(revision, None)
        if counted is None:
            if len(self._revisions) >= MAX_REVISIONS:
                del self._revisions[next(iter(self._revisions))]
            counted = _OfRevision()
        self._revisions[revision] = counted
        return counted


def _written(value: Prediction) -> Prediction:
    """A number that is written as text as the number, so that "1" and 1.0 are one class."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return int(value) if isinstance(value, bool) else value
