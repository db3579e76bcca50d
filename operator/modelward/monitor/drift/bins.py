"""Counts what a model is given and what it answers, by the bins of the deployment's profile.

One object for one profile: it is made anew when the profile changes, and its counts begin at 0. What it
keeps is bounded by the profile (features x bins), whatever it observes. Not for use by two threads.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from modelward.api.binning import CategoricalBins, DriftConfig, NumericBins
from modelward.conventions import (
    METRIC_BINS,
    METRIC_REFERENCE_BINS,
    METRIC_UNBINNED,
    ROLE_INPUT,
    ROLE_PREDICTION,
)
from modelward.monitor.drift.events import Events

MAX_ROWS: Final = 1024
"""Rows of one request that are counted; those beyond are not."""
_LABELS: Final = ("deployment", "revision", "profile", "role", "feature")
_NO_FEATURE: Final = "no_feature"
_ROWS_CUT: Final = "rows_cut"


class Bins:
    """Counts by feature and bin.

    Args:
        config: the profile's bins, as monitor.json has them.
        deployment: name, a label of the counts.
        revision: name, a label of the counts.
    """

    def __init__(self, config: DriftConfig, deployment: str, revision: str) -> None:
        self.config: Final = config
        self._identity = (deployment, revision, config.profile)
        self._inputs = {feature.name: _Counted(feature) for feature in config.features}
        self._prediction = None if config.prediction is None else _Counted(config.prediction)
        self._events = Events(config, self._identity)
        self._unbinned = {_NO_FEATURE: 0, _ROWS_CUT: 0}

    def observe(self, inputs: Mapping[str, Sequence[object]], predictions: Sequence[object]) -> None:
        """Count the rows of one request and its answer; nothing that they hold raises.

        Args:
            inputs: by name of a feature its values, one for each row (columns.py makes them from a body).
                Features that the profile does not have are passed over.
            predictions: one for each row; empty if they could not be read.
        """
        known = 0
        for name, values in inputs.items():
            counted = self._inputs.get(name)
            if counted is not None:
                known += 1
                counted.add(values)
        if not known and self._inputs:
            self._unbinned[_NO_FEATURE] += 1
        self._events.observe(inputs, MAX_ROWS)
        if self._prediction is not None:
            self._prediction.add(predictions)
        rows = max((len(values) for values in inputs.values()), default=0)
        self._unbinned[_ROWS_CUT] += max(0, rows - MAX_ROWS)

    def families(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """What /metrics shows: counts, the profile's own, detectors' events, and what was not counted."""
        counts = CounterMetricFamily(
            METRIC_BINS, "Values of sampled requests by bin of the profile.", labels=[*_LABELS, "bin"]
        )
        reference = GaugeMetricFamily(
            METRIC_REFERENCE_BINS,
            "Values of the training data by bin of the profile.",
            labels=[*_LABELS, "bin"],
        )
        for role, counted in self._all():
            feature = counted.feature
            for label, count, known in zip(feature.labels, counted.counts, feature.reference, strict=True):
                labels = [*self._identity, role, feature.name, label]
                counts.add_metric(labels, count)
                reference.add_metric(labels, known)
        yield counts
        yield reference
        if self.config.events:
            yield self._events.family()
        unbinned = CounterMetricFamily(
            METRIC_UNBINNED,
            "Requests without a feature of the profile (no_feature), rows beyond the limit (rows_cut).",
            labels=[*_LABELS[:3], "reason"],
        )
        for reason, count in self._unbinned.items():
            unbinned.add_metric([*self._identity, reason], count)
        yield unbinned

    def _all(self) -> Iterator[tuple[str, "_Counted"]]:
        for counted in self._inputs.values():
            yield ROLE_INPUT, counted
        if self._prediction is not None:
            yield ROLE_PREDICTION, self._prediction


class _Counted:
    """One feature's counts, in the order of its labels."""

    __slots__ = ("_edges", "counts", "feature")

    def __init__(self, feature: NumericBins | CategoricalBins) -> None:
        self.feature = feature
        self.counts = [0] * len(feature.labels)
        self._edges = feature.edges if isinstance(feature, NumericBins) else None

    def add(self, values: Sequence[object]) -> None:
        bin_of, counts, edges = self.feature.bin_of, self.counts, self._edges
        for value in values[:MAX_ROWS]:
            # Of most values, numbers that are no NaN, the bin is found here: it takes a sixth of the time.
            if edges is not None and type(value) is float and value == value:  # noqa: PLR0124 - false of NaN
                counts[bisect_left(edges, value)] += 1
            else:
                counts[bin_of(value)] += 1
