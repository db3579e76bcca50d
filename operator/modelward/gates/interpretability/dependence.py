"""Partial dependence: the mean prediction as one feature moves and all others stay (Friedman 2001)."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence

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


class _Output(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """One output of a model, as the estimator that scikit-learn asks for."""

    def __init__(self, model: Predictor | None = None, output: int = 0) -> None:
        self.model = model
        self.output = output

    def fit(self, _rows: Floats, _labels: Floats) -> "_Output":
        """Do nothing: the model is trained already."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, rows: Floats) -> Floats:
        """Ask the model."""
        if self.model is None:
            raise TypeError("there is no model to ask")
        return self.model.scores(np.asarray(rows, dtype=np.float64))[:, self.output]


def along(model: Predictor, rows: Floats, feature: int, output: int) -> Dependence:
    """Return the dependence of one output on a feature that is no constant. Raises GateError."""
    found: Any = partial_dependence(
        _Output(model, output),
        rows,
        [feature],
        kind="average",
        method="brute",
        grid_resolution=GRID,
        percentiles=RANGE,
    )
    return Dependence(np.asarray(found["grid_values"][0], dtype=np.float64), np.asarray(found["average"][0]))
