"""What tests of Keras and of PyTorch models share: the linear model, and what an attack must flip."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from bench.gates.files import gate_file
from bench.gates.known import FEATURES, GOOD, serving, table
from modelward.api.robustness import Gradient, Method
from modelward.gates.failure import GateError
from modelward.gates.findings import Findings
from modelward.gates.robustness import gradient
from modelward.gates.subject import Addresses, Subject, read_subject

NOISE = {"name": "calm", "robustness": {"noise": [{"size": "0.1", "maxFlips": "10%"}]}}
SIZE = 0.2


class Decided:
    """A model that is served: classes of what it says of rows."""

    def __init__(self, decide: Callable[[npt.NDArray[np.float64]], npt.NDArray[Any]]) -> None:
        self.predict = decide


def fitted() -> LogisticRegression:
    """Return a logistic regression of the good model's table."""
    train = table(3000, 10_000)
    return LogisticRegression().fit(train[list(FEATURES)].to_numpy(), train["label"])


def three_classes(folder: Path) -> LogisticRegression:
    """Write a table of three classes that lie side by side, and return a logistic regression of them."""
    rows = table(3000, 10_000)[list(FEATURES)].to_numpy()
    model = LogisticRegression().fit(rows, np.digitize(rows @ np.array(GOOD.weights), [-1, 1]))
    _write(folder, lambda validation: model.predict(validation[list(FEATURES)].to_numpy()))
    return model


def bent(folder: Path) -> Decided:
    """Write a table whose class is 1 where age is beyond -1 or 1, and return the model that knows it."""
    _write(folder, lambda validation: (np.abs(validation["age"]) > 1).astype(int))
    return Decided(lambda rows: (np.abs(rows[:, 0]) > 1).astype(int))


def bent_reachable(subject: Subject, size: float = SIZE) -> float:
    """Return the share of rows that FGSM flips of that model."""
    nearness = np.abs(np.abs(subject.data.rows[:, 0]) - 1)
    return float((nearness < size * subject.data.spreads[0]).mean())


def _write(folder: Path, labels: Callable[[pd.DataFrame], Any]) -> None:
    validation = table(2000, 1)
    validation["label"] = labels(validation)
    validation.to_csv(folder / "validation.csv", index=False)


def reachable(subject: Subject, model: LogisticRegression, size: float = SIZE) -> float:
    """Return the share of rows that FGSM flips of a linear model: nearer than the size times |w|."""
    margins = np.abs(model.decision_function(subject.data.rows))
    return float((margins < size * np.abs(model.coef_[0] * subject.data.spreads).sum()).mean())


def attacked(subject: Subject, size: float = SIZE, max_flips: str = "1%") -> Mapping[Method, float]:
    """Return what each method flips."""
    shares = {}
    for method in Method:
        findings = Findings()
        gate = Gradient.model_validate({"method": method, "size": str(size), "maxFlips": max_flips})
        gradient.check(findings, (gate,), subject)
        assert findings.checks[0].name == f"flips under {method} {size}"
        shares[method] = findings.checks[0].value
    return shares


def subject_of(model: Path, address: str, tables: Path, **inference: Any) -> Subject:
    """Return what is measured of a served model and its file."""
    file = gate_file(NOISE, **inference)
    return read_subject(file, Addresses(address, None, model.as_uri()), tables, 0)


def refused(path: Path, model: Any, tables: Path, **inference: Any) -> str:
    """Return what is said of a file that cannot be attacked."""
    with serving(model) as address:
        asked = subject_of(path, address, tables, **inference)
        with pytest.raises(GateError) as raised:
            attacked(asked)
    assert raised.value.reason == "InvalidModel"
    return str(raised.value)


def logistic_shares(model: LogisticRegression, tables: Path, folder: Path) -> Mapping[Method, float]:
    """Return what each method flips of a logistic regression whose file joblib wrote."""
    joblib.dump(model, folder / "logistic.joblib")
    with serving(model) as address:
        return attacked(subject_of(folder / "logistic.joblib", address, tables))
