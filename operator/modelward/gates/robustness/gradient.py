"""Flips under FGSM and PGD, for models whose file is given and whose gradient the toolbox knows.

Of scikit-learn's models these are logistic regressions, alone or behind a StandardScaler, which leaves them
linear. The attack (Adversarial Robustness Toolbox) is made in units of spread, so that a step moves every
feature alike but constants, which have none, on the model of the file; what flips is then asked of the
endpoint.
"""

from copy import copy
from typing import Any, Final

import numpy as np
from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescent
from art.estimators.classification.scikitlearn import ScikitlearnLogisticRegression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from modelward.api.gateverdict import ErrorReason
from modelward.api.robustness import Gradient, Method
from modelward.gates import modelfile
from modelward.gates.dataset import Floats
from modelward.gates.failure import GateError
from modelward.gates.findings import Findings
from modelward.gates.robustness.flips import Flips, add
from modelward.gates.robustness.perturbation import Space
from modelward.gates.subject import Asked, Subject

ROWS: Final = 1000
"""Rows that are attacked; the gradient costs no request, the answer one."""
_PGD_STEPS: Final = 20
_STEP_SHARE: Final = 4
"""A step of PGD is this part of the whole change: enough to cross it five times."""


def check(findings: Findings, gates: tuple[Gradient, ...], subject: Subject) -> None:
    """Add the flips of every attack. Raises GateError."""
    space = Space(subject.data.medians, subject.data.spreads)
    linear = in_spreads(_logistic_regression(modelfile.load(subject)), space)
    rows = subject.data.rows[subject.draw(ROWS)]
    for gate in gates:
        attacked = _attacked(gate, linear, space, rows)
        found = _flips(subject.candidate, space, rows, attacked)
        beside = None if subject.stable is None else _flips(subject.stable, space, rows, attacked)
        name = f"{gate.method} {gate.size}"
        add(findings, subject, name, (gate.max_flips, gate.max_flips_above_stable), (found, beside))


def _logistic_regression(estimator: Any) -> LogisticRegression:  # noqa: ANN401 - any estimator
    """Return an estimator as one logistic regression of unscaled rows. Raises GateError."""
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    *scalers, last = steps
    if not isinstance(last, LogisticRegression) or not all(
        isinstance(each, StandardScaler) for each in scalers
    ):
        kinds = " and ".join(type(step).__name__ for step in steps)
        message = (
            f"the gradient of {kinds} is not known, but that of LogisticRegression alone or behind a "
            "StandardScaler: leave out gradient; noise and perturbation are for every model"
        )
        raise GateError(ErrorReason.INVALID_MODEL, message)
    for scaler in reversed(scalers):
        scales = np.ones(last.coef_.shape[1]) if scaler.scale_ is None else scaler.scale_
        means = np.zeros(last.coef_.shape[1]) if scaler.mean_ is None else scaler.mean_
        last = _moved(last, last.coef_ / scales, -means / scales)
    return last


def in_spreads(model: LogisticRegression, space: Space) -> LogisticRegression:
    """Return the same model of rows in units of spread."""
    units = np.where(space.movable, space.spreads, 1.0)
    return _moved(model, model.coef_ * units, space.centre)


def _moved(model: LogisticRegression, coefficients: Floats, shift: Floats) -> LogisticRegression:
    """Return the model of rows that were moved by `shift` before the old coefficients met them."""
    moved = copy(model)
    moved.intercept_ = model.intercept_ + model.coef_ @ shift
    moved.coef_ = coefficients
    return moved


def _attacked(gate: Gradient, model: LogisticRegression, space: Space, rows: Floats) -> Floats:
    classifier = ScikitlearnLogisticRegression(model=model)
    size = float(gate.size)
    if gate.method is Method.FGSM:
        attack = FastGradientMethod(classifier, eps=size, batch_size=ROWS)
    else:
        attack = ProjectedGradientDescent(
            classifier,
            eps=size,
            eps_step=size / _STEP_SHARE,
            max_iter=_PGD_STEPS,
            batch_size=ROWS,
            verbose=False,
        )
    return np.asarray(attack.generate(space.scaled(rows), mask=space.movable.astype(np.float32)))


def _flips(asked: Asked, space: Space, rows: Floats, attacked: Floats) -> Flips:
    before = asked.model.predict(rows).decided
    after = asked.model.predict(space.rows(attacked)).decided
    return Flips(float((before != after).mean()), "")
