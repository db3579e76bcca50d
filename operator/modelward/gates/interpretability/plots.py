"""Figures of the gate interpretability: the SHAP summary, importances and partial dependence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from modelward.gates.figures import CANDIDATE, STABLE, Bars, Draw, Plot, bars, figure, legend, panels
from modelward.gates.interpretability.dependence import Dependence
from modelward.gates.interpretability.importance import Importance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_FEATURES: Final = 20
_LOW: Final = "#2166ac"
_HIGH: Final = "#b2182b"


@dataclass(frozen=True, slots=True)
class Curves:
    """The dependence of predictions on one feature."""

    name: str
    candidate: Dependence
    stable: Dependence | None


def importances(names: Sequence[str], candidate: Importance, stable: Importance | None) -> list[Plot]:
    """Return the importance of features, and the SHAP value of each row."""
    order = [int(place) for place in np.argsort(-candidate.shares, kind="stable")[:_MOST_FEATURES]]
    shown = [names[place] for place in order]
    series = [Bars("candidate", candidate.shares[order].tolist())]
    if stable is not None:
        series.append(Bars("stable", stable.shares[order].tolist(), STABLE))
    beside = ", candidate beside stable" if stable is not None else ""
    strongest = f"{shown[0]} matters most, with {candidate.shares[order[0]]:.1%} of all importance."
    return [
        bars(
            "Importance of features",
            f"Share of all importance of each feature{beside}. {strongest}",
            shown,
            series,
            [None] * len(shown),
        ),
        _summary(names, order, candidate),
    ]


def _summary(names: Sequence[str], order: Sequence[int], candidate: Importance) -> Plot:
    """A point for each row: where its feature moves the prediction, coloured by the feature's value."""
    rows = [
        (names[place], *(f"{value:.4g}" for value in np.percentile(candidate.values[:, place], [5, 50, 95])))
        for place in order
    ]

    def draw(axes: "Axes") -> None:
        generator = np.random.default_rng(0)
        for line, place in enumerate(order):
            values, inputs = candidate.values[:, place], candidate.rows[:, place]
            ranks = inputs.argsort().argsort() / max(1, len(inputs) - 1)
            heights = line + generator.uniform(-0.28, 0.28, len(values))
            axes.scatter(values, heights, c=ranks, cmap="coolwarm", s=7, linewidths=0, rasterized=True)
        axes.axvline(0, color="#555555", linewidth=0.8)
        axes.set_yticks(range(len(order)), [names[place] for place in order])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("SHAP value: how far the feature moves the prediction")
        for color, label in ((_LOW, "low value"), (_HIGH, "high value")):
            axes.scatter([], [], color=color, s=20, label=label)
        legend(axes)

    header = ("feature", "5th percentile", "median", "95th percentile")
    alt = f"SHAP values of {len(candidate.values)} rows for each feature; {candidate.method}."
    return figure("SHAP summary", alt, (header, rows), 1.0 + 0.34 * len(order), draw)


def dependences(curves: Sequence[Curves]) -> list[Plot]:
    """Return the partial dependence of predictions on features; nothing if there are none."""
    if not curves:
        return []
    rows = [
        (each.name, label, " ".join(f"{value:.4g}" for value in found.mean))
        for each in curves
        for label, found in (("candidate", each.candidate), ("stable", each.stable))
        if found is not None
    ]
    names = ", ".join(each.name for each in curves)
    alt = f"Mean prediction as one feature moves and all others stay: {names}."
    table = (("feature", "model", "mean prediction along the feature"), rows)
    return [panels("Partial dependence", alt, table, [_drawn(each) for each in curves])]


def _drawn(curves: Curves) -> Draw:
    def draw(axes: "Axes") -> None:
        lines = (("candidate", curves.candidate, CANDIDATE, "-"), ("stable", curves.stable, STABLE, "--"))
        for label, found, color, style in lines:
            if found is not None:
                axes.plot(found.grid, found.mean, style, color=color, label=label)
        axes.set_xlabel(curves.name)
        legend(axes)

    return draw
