"""Logistic regressions of scikit-learn's as what FGSM and PGD attack.

They may be alone or behind a StandardScaler, which leaves them linear.
"""

from copy import copy
from typing import Any

import numpy as np
from art.estimators.classification.scikitlearn import ScikitlearnLogisticRegression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from modelward.gates import modelfile
from modelward.gates.dataset import Floats
from modelward.gates.modelfile import ModelFile
from modelward.gates.robustness.perturbation import Space
from modelward.gates.subject import Subject


def classifier(subject: Subject, file: ModelFile, space: Space) -> ScikitlearnLogisticRegression:
    """Return the model of a file that joblib wrote, of rows in spreads.

    Raises:
        GateError: it predicts other than the endpoint, or is no logistic regression.
    """
    estimator = modelfile.load(subject, file)
    return ScikitlearnLogisticRegression(model=_in_spreads(_logistic_regression(estimator, file), space))


def _logistic_regression(estimator: Any, file: ModelFile) -> LogisticRegression:  # noqa: ANN401 - any estimator
    """Return an estimator as one logistic regression of unscaled rows. Raises GateError."""
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    *scalers, last = steps
    if not isinstance(last, LogisticRegression) or not all(
        isinstance(each, StandardScaler) for each in scalers
    ):
        kinds = " and ".join(type(step).__name__ for step in steps)
        raise file.invalid(
            f"cannot be attacked: the gradient of {kinds} is not known, but that of LogisticRegression alone "
            "or behind a StandardScaler, of Keras and of PyTorch: leave out gradient; noise and perturbation "
            "are for every model"
        )
    for scaler in reversed(scalers):
        scales = np.ones(last.coef_.shape[1]) if scaler.scale_ is None else scaler.scale_
        means = np.zeros(last.coef_.shape[1]) if scaler.mean_ is None else scaler.mean_
        last = _moved(last, last.coef_ / scales, -means / scales)
    return last


def _in_spreads(model: LogisticRegression, space: Space) -> LogisticRegression:
    """Return the same model of rows in units of spread."""
    return _moved(model, model.coef_ * space.units, space.centre)


def _moved(model: LogisticRegression, coefficients: Floats, shift: Floats) -> LogisticRegression:
    """Return the model of rows that were moved by `shift` before the old coefficients met them."""
    moved = copy(model)
    moved.intercept_ = model.intercept_ + model.coef_ @ shift
    moved.coef_ = coefficients
    return moved
