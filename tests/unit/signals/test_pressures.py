"""What Prometheus answers of pods that lack something, as decisions know of it."""

from modelward.decide.observation import PodPressure, PressureKind
from modelward.signals.answers import Series
from modelward.signals.key import Key
from modelward.signals.pressures import read_pressures


def series(value: float, **labels: str) -> Series:
    """One series of one moment."""
    return Series({"namespace": "ns", "deployment": "shop", "revision": "shop-a"} | labels, ((5.0, value),))


def test_pressures_are_sorted_by_deployment() -> None:
    """Each with its revision, kind and value; another kind than ours is passed over."""
    found = read_pressures(
        [
            series(0.5, pressure="Throttled"),
            series(1.5, pressure="Restarts", revision="shop-b"),
            series(0.95, pressure="Memory", deployment="other", revision="other-a"),
            series(1, pressure="Sleepy"),
            series(1),
        ]
    )
    assert found == {
        Key("ns", "shop"): (
            PodPressure("shop-a", PressureKind.THROTTLED, 0.5),
            PodPressure("shop-b", PressureKind.RESTARTS, 1.5),
        ),
        Key("ns", "other"): (PodPressure("other-a", PressureKind.MEMORY, 0.95),),
    }
