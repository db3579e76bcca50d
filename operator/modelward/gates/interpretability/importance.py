"""Global importance of features: mean absolute SHAP values, as shares.

By the permutation explainer (Lundberg & Lee 2017, with antithetic sampling of orders: Mitchell et al. 2022)
through the endpoint, or by the exact tree explainer (Lundberg et al. 2020) where the model's file is given
and holds a tree or an ensemble of trees.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shap
from sklearn import ensemble, tree

from modelward.api.interpretability import Interpretability
from modelward.gates.dataset import Floats
from modelward.gates.endpoint.predictor import Predictor
from modelward.gates.subject import Subject

_TREES: Final = (
    tree.DecisionTreeClassifier,
    tree.DecisionTreeRegressor,
    tree.ExtraTreeClassifier,
    tree.ExtraTreeRegressor,
    ensemble.RandomForestClassifier,
    ensemble.RandomForestRegressor,
    ensemble.ExtraTreesClassifier,
    ensemble.ExtraTreesRegressor,
    ensemble.GradientBoostingClassifier,
    ensemble.GradientBoostingRegressor,
    ensemble.HistGradientBoostingClassifier,
    ensemble.HistGradientBoostingRegressor,
)


@dataclass(frozen=True, slots=True)
class Importance:
    """How much each feature matters.

    Args:
        values: shape (rows, features): SHAP values of one output: the value, the last class of two, or the
            class that features move most.
        shares: shape (features,): mean absolute SHAP value over rows and outputs, as shares of their sum;
            all 0 for a model that answers the same whatever it is given.
        rows: shape (rows, features): what was explained.
        method: in words.
    """

    values: Floats
    shares: Floats
    rows: Floats
    method: str


@dataclass(frozen=True, slots=True)
class Explained:
    """Which rows are explained, against which."""

    rows: Floats
    background: Floats
    permutations: int
    seed: int


def explained(subject: Subject, gate: Interpretability) -> Explained:
    """Draw rows to explain, and others as their background."""
    drawn = subject.draw(gate.rows + gate.background)
    order = subject.generator("background").permutation(drawn)
    background = min(gate.background, len(order) // 2)
    rows = subject.data.rows
    return Explained(rows[order[background:]], rows[order[:background]], gate.permutations, subject.seed)


def through_endpoint(model: Predictor, asked: Explained) -> Importance:
    """Explain a model by what it answers. Raises GateError."""
    features = asked.rows.shape[1]
    masker = shap.maskers.Independent(asked.background, max_samples=len(asked.background))
    explainer = shap.explainers.Permutation(model.scores, masker, seed=asked.seed)
    found = explainer(asked.rows, max_evals=asked.permutations * (2 * features + 1), silent=True)
    evaluated = f"{asked.permutations} orders of the features, {len(asked.background)} background rows"
    return _summed(
        np.asarray(found.values), asked.rows, f"SHAP permutation explainer through the endpoint, {evaluated}"
    )


def of_trees(estimator: Any, asked: Explained) -> Importance | None:  # noqa: ANN401 - any estimator
    """Explain a model of trees by its file; None if it is another kind of model, or splits by categories."""
    if not isinstance(estimator, _TREES):
        return None
    if getattr(estimator, "is_categorical_", None) is not None:  # SHAP takes such a split for one by size
        return None
    boosted = isinstance(
        estimator, (ensemble.GradientBoostingClassifier, ensemble.HistGradientBoostingClassifier)
    )
    if boosted and len(estimator.classes_) > 2:  # noqa: PLR2004 - SHAP explains boosted trees of two classes
        return None
    explainer = shap.TreeExplainer(
        estimator,
        data=asked.background,
        feature_perturbation="interventional",
        model_output="probability" if boosted else "raw",
    )
    values = np.asarray(explainer.shap_values(asked.rows, check_additivity=False))
    return _summed(values, asked.rows, f"exact SHAP values of trees, {len(asked.background)} background rows")


def _summed(values: npt.NDArray[np.float64], rows: Floats, method: str) -> Importance:
    outputs = values if values.ndim == 3 else values[:, :, None]  # noqa: PLR2004 - rows, features, outputs
    by_output = np.abs(outputs).mean(axis=0)
    means = by_output.mean(axis=1)
    total = float(means.sum())
    shares = means / total if total > 0 else np.zeros_like(means)
    strongest = by_output.sum(axis=0)
    # Of two classes one mirrors the other: take the last that is as strong as any.
    chosen = int(np.flatnonzero(strongest >= strongest.max() * (1 - 1e-9))[-1])
    return Importance(outputs[:, :, chosen], shares, rows, method)
