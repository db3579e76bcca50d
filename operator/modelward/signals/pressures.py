"""What Prometheus answers of pods that lack something, as decisions know of it. Pure."""

from collections.abc import Iterable, Mapping

from modelward.decide.observation import PodPressure, PressureKind
from modelward.render.infrastructure_promql import PRESSURE_LABEL
from modelward.signals.answers import Series
from modelward.signals.key import Key

_KINDS = {kind.value: kind for kind in PressureKind}


def read_pressures(answer: Iterable[Series]) -> Mapping[Key, tuple[PodPressure, ...]]:
    """Return the pressures of each deployment, in the order of the answer; other kinds are left out."""
    found: dict[Key, tuple[PodPressure, ...]] = {}
    for series in answer:
        labels = series.labels
        kind = _KINDS.get(labels.get(PRESSURE_LABEL, ""))
        if kind is None or not series.points:
            continue
        key = Key(labels.get("namespace", ""), labels.get("deployment", ""))
        pressure = PodPressure(labels.get("revision", ""), kind, series.points[-1][1])
        found[key] = (*found.get(key, ()), pressure)
    return found
