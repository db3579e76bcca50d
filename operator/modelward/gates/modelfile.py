"""Loads a model's file where a gate can do better with it than through the endpoint alone.

The file is one that joblib or pickle wrote, and loading it runs what it says: a gate does so only when the
team names the file, in a process that has the rights of the gate and no more.
"""

import io
from typing import Any, Final

import joblib
import numpy as np

from modelward.api.binning import category_of
from modelward.api.gateverdict import ErrorReason
from modelward.gates.failure import GateError
from modelward.gates.subject import Subject
from modelward.gates.tables import read_bytes

_ROWS_COMPARED: Final = 200
_AGREEMENT: Final = 0.99


def load(subject: Subject) -> Any:  # noqa: ANN401 - scikit-learn's estimators have no common type
    """Return the estimator in the candidate's file.

    Raises:
        GateError: there is no file, it holds no estimator, or it predicts other than the endpoint does.
    """
    uri = subject.model.of_file()
    content = read_bytes(uri, subject.folder)
    try:
        estimator = joblib.load(io.BytesIO(content))
        rows = subject.draw(_ROWS_COMPARED)
        says = estimator.predict(subject.data.rows[rows])
    except Exception as error:  # unpickling runs code of any library
        first = (str(error).splitlines() or [""])[0]
        message = f"{uri} is no estimator that predicts these rows: {type(error).__name__}: {first}"
        raise GateError(ErrorReason.INVALID_MODEL, message) from error
    decided = subject.candidate.predictions.decided[rows]
    classes = subject.candidate.model.classes
    if classes:
        known = {name: position for position, name in enumerate(classes)}
        same = np.array([known.get(category_of(value)) for value in np.asarray(says).tolist()]) == decided
    else:
        same = np.isclose(np.asarray(says, dtype=np.float64).ravel(), decided, rtol=1e-3, atol=1e-6)
    if same.mean() < _AGREEMENT:
        message = (
            f"{uri} predicts other than the endpoint for {int((~same).sum())} of {len(rows)} rows: "
            "name the file that is served"
        )
        raise GateError(ErrorReason.INVALID_MODEL, message)
    return estimator
