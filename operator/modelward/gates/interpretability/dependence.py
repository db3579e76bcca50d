"""Partial dependence: the mean prediction as one feature moves and all others stay (Friedman 2001)."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from modelward.api.interpretability import Direction
from modelward.gates.dataset import Floats
from modelward.gates.endpoint.predictor import Predictor

GRID: Final = 20
RANGE: Final = (0.05, 0.95)
"""Quantiles of the feature between which it is moved."""
ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class Dependence:
    """The mean prediction along a feature.

    Args:
        grid: shape (points,): values of the feature.
        mean: shape (points,): mean of the output over rows.
    """

    grid: Floats
    mean: Floats

    def violation(self, direction: Direction) -> float:
        """Share of the way up and down that goes against a direction; 0 for a flat curve."""
        steps = np.diff(self.mean)
        way = float(np.abs(steps).sum())
        if way <= 0:
            return 0.0
        against = -steps if direction is Direction.INCREASING else steps
        return float(against.clip(min=0).sum()) / way


def along(model: Predictor, rows: Floats, feature: int, output: int, values: Floats) -> Dependence:
    """Return the dependence of one output on a feature that moves through values. Raises GateError."""
    means = []
    for value in values:
        moved = rows.copy()
        moved[:, feature] = value
        means.append(model.scores(moved)[:, output].mean())
    return Dependence(values, np.array(means))


def grid(values: Floats) -> Floats:
    """Return what a feature of these values is moved through: its own where they are few, else even steps.

    Shape (points,), rising; one point only where all values are the same.
    """
    own = np.unique(values)
    if len(own) <= GRID:
        return own
    low, high = np.quantile(values, RANGE)
    if low == high:  # one value dominates, and all others are beyond the quantiles
        low, high = own[0], own[-1]
    return np.linspace(low, high, GRID)
