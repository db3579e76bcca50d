"""Counts the values of inputs that a team's detectors have as events, among all values of those inputs.

Each value is one that JSON has. As with bins, a value means the same here and in the profile: what is missing
or unlisted is what falls into these bins.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily

from modelward.api.binning import (
    BIN_MISSING,
    BIN_OTHER,
    DriftConfig,
    EventValues,
    FeatureBins,
    ValueEvents,
    number_of,
)
from modelward.conventions import METRIC_VALUE_EVENTS, VALUE_EVENT, VALUE_OTHER

_LABELS: Final = ("deployment", "revision", "profile", "detector", "config", "result")


class Events:
    """Counts by detector; of one whose feature the profile does not have there are none.

    Args:
        config: the profile's bins and the detectors' events, as monitor.json has them.
        identity: deployment, revision and profile, labels of the counts.
    """

    def __init__(self, config: DriftConfig, identity: tuple[str, str, str]) -> None:
        features = {feature.name: feature for feature in config.features}
        self._identity = identity
        self._counted = [
            _Counted(each, features[each.feature]) for each in config.events or () if each.feature in features
        ]

    def observe(self, inputs: Mapping[str, Sequence[object]], most_rows: int) -> None:
        """Count the rows of one request, at most so many; a feature that it does not have counts nothing."""
        for counted in self._counted:
            counted.add(inputs.get(counted.feature, ())[:most_rows])

    def family(self) -> CounterMetricFamily:
        """What /metrics shows."""
        counts = CounterMetricFamily(
            METRIC_VALUE_EVENTS, "Values that are, or are not, the events of a detector.", labels=_LABELS
        )
        for labels, count in self._all():
            counts.add_metric(labels, count)
        return counts

    def _all(self) -> Iterator[tuple[list[str], int]]:
        for counted in self._counted:
            own = [*self._identity, counted.detector, counted.config]
            yield [*own, VALUE_EVENT], counted.events
            yield [*own, VALUE_OTHER], counted.others


class _Counted:
    """One detector's counts."""

    __slots__ = ("_is_event", "config", "detector", "events", "feature", "others")

    def __init__(self, events: ValueEvents, feature: FeatureBins) -> None:
        self.detector, self.config, self.feature = events.detector, events.config, events.feature
        self.events = self.others = 0
        self._is_event = _test(events, feature)

    def add(self, values: Sequence[object]) -> None:
        found = sum(map(self._is_event, values))
        self.events += found
        self.others += len(values) - found


def _test(events: ValueEvents, feature: FeatureBins) -> Callable[[object], bool]:
    bound = 0.0 if events.bound is None else events.bound
    unlisted, missing = (feature.labels.index(label) for label in (BIN_OTHER, BIN_MISSING))

    def number_is(holds: Callable[[float], bool]) -> Callable[[object], bool]:
        def test(value: object) -> bool:
            number = number_of(value)
            return number is not None and holds(number)

        return test

    return {
        EventValues.MISSING: lambda value: feature.bin_of(value) == missing,
        EventValues.UNLISTED: lambda value: feature.bin_of(value) == unlisted,
        EventValues.BELOW: number_is(lambda number: number < bound),
        EventValues.ABOVE: number_is(lambda number: number > bound),
    }[events.values]
