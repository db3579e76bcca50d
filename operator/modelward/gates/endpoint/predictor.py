"""What the model decides for rows: classes or values, made of its server's answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from modelward.api.binning import category_of
from modelward.api.gateverdict import ErrorReason
from modelward.api.inference import Answers, Inference
from modelward.gates.dataset import Dataset, Feature, Floats
from modelward.gates.endpoint.client import Answer, Endpoint
from modelward.gates.endpoint.http import PlainJSON
from modelward.gates.endpoint.v2 import OpenInference
from modelward.gates.failure import GateError

_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the model says of rows.

    Args:
        scores: shape (rows, outputs): probability of each class (1 for a class that it answers with), and of
            any other class last; of values, the value.
        decided: shape (rows,): position of the class; of values, the value.
    """

    scores: Floats
    decided: Floats


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model behind an endpoint.

    Args:
        endpoint: where it is asked.
        answers: what its server answers with.
        classes: text of each class, in the order of its probabilities; empty for values.
    """

    endpoint: Endpoint
    answers: Answers
    classes: tuple[str, ...]

    def predict(self, rows: Floats) -> Predictions:
        """Return what the model says of rows of shape (rows, features). Raises GateError."""
        return self.read(self.endpoint.ask(rows))

    def read(self, answer: Answer) -> Predictions:
        """Return what the server's answers say. Raises GateError."""
        match self.answers:
            case Answers.VALUES:
                values = self._numbers(answer)
                return Predictions(values[:, None], values)
            case Answers.LABELS:
                decided = self._positions(answer)
                return Predictions(np.eye(len(self.classes) + 1)[decided.astype(np.int64)], decided)
            case Answers.PROBABILITIES:
                scores = self._probabilities(answer)
                return Predictions(scores, scores.argmax(axis=1).astype(np.float64))

    def scores(self, rows: Floats) -> Floats:
        """Return `predict(rows).scores`: what explainers ask for."""
        return self.predict(rows).scores

    def _numbers(self, answer: Answer) -> Floats:
        if answer.ndim != 1:
            message = f"the model answers with {answer.shape[1]} values for each row, and one is expected"
            raise GateError(ErrorReason.ENDPOINT, f"{message}; name the output in inference.output")
        return _finite(answer)

    def _positions(self, answer: Answer) -> Floats:
        if answer.ndim != 1:
            message = (
                f"the model answers with {answer.shape[1]} values for each row, and one label is expected"
            )
            raise GateError(ErrorReason.ENDPOINT, f"{message}; write inference.answers: Probabilities")
        known = {name: position for position, name in enumerate(self.classes)}
        other = len(self.classes)
        return np.array([known.get(category_of(value), other) for value in answer.tolist()], dtype=np.float64)

    def _probabilities(self, answer: Answer) -> Floats:
        values = _finite(answer)
        if values.min() < -_TOLERANCE or values.max() > 1 + _TOLERANCE:
            message = (
                "the model answers with numbers that are no probabilities: write inference.answers: Labels"
            )
            raise GateError(ErrorReason.ENDPOINT, message)
        scores = np.column_stack([1 - values, values]) if values.ndim == 1 else values
        if scores.shape[1] != len(self.classes):
            message = (
                f"the model answers with the probabilities of {scores.shape[1]} classes, the labels are of "
                f"{len(self.classes)}: {', '.join(self.classes[:20])}; write inference.classes in its order"
            )
            raise GateError(ErrorReason.ENDPOINT, message)
        return np.column_stack([scores, np.zeros(len(scores))])


def connect(url: str, inference: Inference, features: Sequence[Feature]) -> Endpoint:
    """Return the endpoint of an address; nothing is sent yet. Raises GateError."""
    dialect = (OpenInference if inference.protocol == "v2" else PlainJSON)(inference, features)
    return Endpoint(url, dialect, inference.batch_rows)


def predictor(url: str, inference: Inference, data: Dataset) -> tuple[Predictor, Predictions]:
    """Return a model and what it says of the validation data, from which its classes are known.

    Raises:
        GateError: its answers are no predictions, or none is a class that the labels have.
    """
    endpoint = connect(url, inference, data.features)
    if inference.answers is Answers.VALUES:
        model = Predictor(endpoint, inference.answers, ())
        return model, model.predict(data.rows)
    classes = inference.classes or _in_order(set(map(str, data.labels)))
    model = Predictor(endpoint, inference.answers, classes)
    answer = endpoint.ask(data.rows)
    found = model.read(answer)
    if (found.decided == len(classes)).all():
        said = category_of(answer.tolist()[0])
        message = (
            f"{url} answers with {said!r}, and the labels are {', '.join(classes[:20])}: "
            "write the labels as the model answers, or what it answers with in inference.answers"
        )
        raise GateError(ErrorReason.ENDPOINT, message)
    return model, found


def _in_order(classes: set[str]) -> tuple[str, ...]:
    """Return classes as scikit-learn orders them: numbers by size, else by text."""
    try:
        return tuple(sorted(classes, key=float))
    except ValueError:
        return tuple(sorted(classes))


def _finite(answer: Answer) -> Floats:
    try:
        values = answer.astype(np.float64)
    except (TypeError, ValueError) as error:
        first = answer.ravel()[0]
        message = f"the model answers with {first!r}, which is no number: write inference.answers: Labels"
        raise GateError(ErrorReason.ENDPOINT, message) from error
    if not np.isfinite(values).all():
        missing = int((~np.isfinite(values)).sum())
        message = f"the model answers with no number in {missing} of {values.size} places"
        raise GateError(ErrorReason.ENDPOINT, message)
    return values
