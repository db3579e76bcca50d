"""The counts of a profile's bins: what is counted, what is shown, and that it stays bounded."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from modelward.api.binning import CategoricalBins, DriftConfig, NumericBins
from modelward.monitor.drift.bins import MAX_ROWS, Bins

CONFIG = DriftConfig(
    profile="abc",
    columns=2,
    features=(
        NumericBins(name="price", column=0, edges=(0.0, 1.0), reference=(10, 20, 30, 0, 4)),
        CategoricalBins(name="day", column=1, categories=("mon",), reference=(50, 14, 0)),
    ),
    prediction=CategoricalBins(name="up", categories=("0", "1"), reference=(32, 32, 0, 0)),
)


class _Shown(Collector):
    def __init__(self, bins: Bins) -> None:
        self._bins = bins

    def collect(self) -> Iterator[Metric]:
        return self._bins.families()


def shown(bins: Bins) -> CollectorRegistry:
    """What a scrape sees; raises if it is no valid exposition."""
    registry = CollectorRegistry()
    registry.register(_Shown(bins))
    generate_latest(registry)
    return registry


def count(registry: CollectorRegistry, feature: str, label: str, role: str = "input") -> float | None:
    """One counter's value."""
    labels = {"deployment": "demo", "revision": "demo-1", "profile": "abc"}
    labels |= {"role": role, "feature": feature, "bin": label}
    return registry.get_sample_value("modelward_feature_bin_total", labels)


def test_every_bin_is_shown_at_zero_before_it_counts() -> None:
    """Prometheus sees the first increase of a counter only if it was there before."""
    registry = shown(Bins(CONFIG, "demo", "demo-1"))
    assert [count(registry, "price", label) for label in ("00", "01", "02", "other", "missing")] == [0] * 5
    assert count(registry, "day", "00") == 0
    assert count(registry, "up", "01", role="prediction") == 0


def test_values_are_counted_in_their_bins() -> None:
    """Each value of each row is counted once, predictions too."""
    bins = Bins(CONFIG, "demo", "demo-1")
    bins.observe({"price": [0.5, 7, None, "x"], "day": ["mon", "tue", "mon", ""]}, [1, 1.0, "0"])
    registry = shown(bins)
    assert [count(registry, "price", label) for label in ("00", "01", "02", "other", "missing")] == [
        0,
        1,
        1,
        1,
        1,
    ]
    assert [count(registry, "day", label) for label in ("00", "other", "missing")] == [2, 1, 1]
    assert [count(registry, "up", label, "prediction") for label in ("00", "01")] == [1, 2]


def test_the_reference_is_shown_beside_the_counts() -> None:
    """The recording rules compare with the profile's own counts, under the same labels."""
    labels = {"deployment": "demo", "revision": "demo-1", "profile": "abc", "role": "input"}
    labels |= {"feature": "price", "bin": "missing"}
    assert shown(Bins(CONFIG, "demo", "demo-1")).get_sample_value("modelward_feature_reference", labels) == 4


def test_a_request_without_a_known_feature_is_counted_as_such() -> None:
    """A client that renames its features must be seen, not taken for one that sends nothing."""
    bins = Bins(CONFIG, "demo", "demo-1")
    bins.observe({"unknown": [1]}, [])
    labels = {"deployment": "demo", "revision": "demo-1", "profile": "abc", "reason": "no_feature"}
    assert shown(bins).get_sample_value("modelward_feature_unbinned_total", labels) == 1


def test_rows_beyond_the_limit_are_not_counted() -> None:
    """One request takes a bounded time, and what it leaves out is told."""
    bins = Bins(CONFIG, "demo", "demo-1")
    bins.observe({"price": [0.5] * (MAX_ROWS + 3)}, [1] * (MAX_ROWS + 3))
    registry = shown(bins)
    assert count(registry, "price", "01") == MAX_ROWS
    assert count(registry, "up", "01", "prediction") == MAX_ROWS
    labels = {"deployment": "demo", "revision": "demo-1", "profile": "abc", "reason": "rows_cut"}
    assert registry.get_sample_value("modelward_feature_unbinned_total", labels) == 3
