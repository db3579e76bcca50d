"""The counts of detectors' events: which values are events, and that others are counted beside them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.api.binning import CategoricalBins, DriftConfig, EventValues, NumericBins, ValueEvents
from modelward.monitor.drift.bins import MAX_ROWS, Bins
from modelward.monitor.drift.columns import Tensor, of_json, of_tensors
from tests.unit.monitor.drift.test_bins import shown

PRICE = NumericBins(name="price", column=0, edges=(0.0, 1.0), reference=(10, 20, 30, 0, 4))
DAY = CategoricalBins(name="day", column=1, categories=("mon",), reference=(50, 14, 0))


def counted(events: ValueEvents, *requests: dict[str, Sequence[object]]) -> tuple[float | None, float | None]:
    """Events, and other values, of some requests."""
    config = DriftConfig(profile="abc", columns=2, features=(PRICE, DAY), events=(events,))
    bins = Bins(config, "demo", "demo-1")
    for request in requests:
        bins.observe(request, ())
    labels = {"deployment": "demo", "revision": "demo-1", "profile": "abc", "detector": "own", "config": "c1"}
    registry = shown(bins)
    event, other = (
        registry.get_sample_value("modelward_value_events_total", labels | {"result": result})
        for result in ("event", "other")
    )
    return event, other


def of(feature: str, values: EventValues, bound: float | None = None) -> ValueEvents:
    """Say which values are events."""
    return ValueEvents(detector="own", config="c1", feature=feature, values=values, bound=bound)


@pytest.mark.parametrize(
    ("events", "values", "found"),
    [
        (of("price", EventValues.BELOW, 0.5), [0.4, 0.5, "0.1", -3, None, "word", float("nan")], 3),
        (of("price", EventValues.ABOVE, 0.5), [0.6, 0.5, True, float("inf"), None, float("nan")], 3),
        (of("price", EventValues.MISSING), [1.0, None, "", float("nan"), 0], 3),
        (of("price", EventValues.UNLISTED), [1.0, "word", None, {}], 2),
        (of("day", EventValues.UNLISTED), ["mon", "tue", 1, None, ""], 2),
        (of("day", EventValues.MISSING), ["mon", None, ""], 2),
    ],
)
def test_values_are_events_or_not(events: ValueEvents, values: list[object], found: int) -> None:
    """Whatever a client sends: each value is counted once, and what is no number is on no side of a bound."""
    assert counted(events, {events.feature: values}) == (found, len(values) - found)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "nan", "mon", "x", "1.5"]),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.just("k"), values, max_size=1),
)


@pytest.mark.parametrize("feature", [PRICE, DAY], ids=lambda feature: feature.name)
@pytest.mark.parametrize(
    ("events", "label"), [(EventValues.MISSING, "missing"), (EventValues.UNLISTED, "other")]
)
@given(values=st.lists(ANY_JSON, max_size=6))
def test_a_detector_counts_what_the_bin_of_its_name_does(
    feature: NumericBins | CategoricalBins, events: EventValues, label: str, values: list[object]
) -> None:
    """So a query for this bin and a detector by these events see the same share, whatever a client sends."""
    found, others = counted(of(feature.name, events), {feature.name: values})
    fell = [feature.labels[feature.bin_of(value)] for value in values].count(label)
    assert (found, others) == (fell, len(values) - fell)


@pytest.mark.parametrize("left_out", ["price", "day"])
def test_an_input_that_is_left_out_is_missing_in_every_row(left_out: str) -> None:
    """By the bins and by a detector: a client that stops sending it must be seen."""
    missing = of(left_out, EventValues.MISSING)
    config = DriftConfig(profile="abc", columns=2, features=(PRICE, DAY), events=(missing,))
    kept = {"price": 0.5, "day": "mon"}
    del kept[left_out]
    tensors = [Tensor(name, (3,), [value] * 3) for name, value in kept.items()]
    for found in (of_tensors(tensors, config), of_json({"instances": [kept] * 3}, config)):
        assert counted(missing, dict(found)) == (3, 0)


def test_counts_begin_at_zero() -> None:
    """Prometheus sees the first increase of a counter only if it was there before."""
    assert counted(of("price", EventValues.MISSING)) == (0, 0)


def test_a_feature_that_is_not_watched_is_not_counted() -> None:
    """Nothing is shown for it, which is no good news; the operator says so in a condition."""
    assert counted(of("volume", EventValues.MISSING), {"volume": [None]}) == (None, None)


def test_rows_beyond_the_limit_are_not_counted() -> None:
    """As bins have it."""
    assert counted(of("price", EventValues.ABOVE, 1), {"price": [2.0] * (MAX_ROWS + 5)}) == (MAX_ROWS, 0)


def test_without_detectors_by_events_nothing_is_shown() -> None:
    """A deployment without them costs nothing more."""
    bins = Bins(DriftConfig(profile="abc", columns=2, features=(PRICE,)), "demo", "demo-1")
    assert "modelward_value_events" not in {family.name for family in bins.families()}
