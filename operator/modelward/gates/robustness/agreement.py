"""When two predictions are the same, and when one is right."""

from decimal import Decimal

import numpy as np
import numpy.typing as npt

from modelward.api.inference import Answers
from modelward.gates.dataset import Dataset, Floats
from modelward.gates.endpoint.predictor import Predictor
from modelward.gates.subject import Asked

_NORMAL_IQR = 1.349


def flipped(
    model: Predictor, before: Floats, after: Floats, largest_difference: float
) -> npt.NDArray[np.bool_]:
    """Return which predictions have flipped: another class, or a value further away than that."""
    if model.answers is Answers.VALUES:
        return np.asarray(np.abs(after - before) > largest_difference)
    return np.asarray(after != before)


def largest_difference(data: Dataset, tolerance: Decimal) -> float:
    """Return how far apart two values may be that agree: so many spreads of the labels; 0 for classes."""
    if data.labels.dtype == object:
        return 0.0
    low, high = np.percentile(data.labels.astype(np.float64), [25, 75])
    spread = (high - low) / _NORMAL_IQR or float(data.labels.astype(np.float64).std())
    return float(tolerance) * float(spread)


def right(asked: Asked, data: Dataset, largest: float) -> npt.NDArray[np.bool_]:
    """Return for which rows a model says what the label says."""
    decided = asked.predictions.decided
    if asked.model.answers is Answers.VALUES:
        return np.abs(decided - data.labels.astype(np.float64)) <= largest
    names = np.array([*asked.model.classes, None], dtype=object)
    return np.asarray(names[decided.astype(np.int64)] == data.labels, dtype=np.bool_)
