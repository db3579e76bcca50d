"""What a model decided, where it answered with probabilities: the class that an objective reads out of them.

An answer's row is a scalar, or scores: one number for each class. A probability threshold makes 1 or 0 of a
scalar, or of the second of two scores; argmax takes the class with the highest score, the first of equals.
A class that is there already stays, and one given by its number gets its name.
"""

import math
from typing import Final

from modelward.api.monitorconfig import AccuracyObjectiveConfig
from modelward.monitor.receipts import Predicted, Prediction

_BINARY: Final = 2
_ROUNDING: Final = 1e-5
"""By so much a probability may pass 0 or 1: servers compute with 32 bits."""


class UndecidedError(Exception):
    """A prediction can't be read as the objective asks for it; the text says why and what to do."""


def decided(predicted: Predicted, objective: AccuracyObjectiveConfig) -> Prediction:
    """The prediction that a label is compared with.

    Raises:
        UndecidedError: scores where none are asked for, or no scores or probability where they are.
    """
    if objective.threshold is not None:
        return int(_probability(predicted, objective.name) >= objective.threshold)
    if not objective.argmax:
        if isinstance(predicted, tuple):
            message = (
                f"the answer has {len(predicted)} numbers a row; write argmax or probabilityThreshold into "
                f"objective {objective.name}, or send the prediction with the label"
            )
            raise UndecidedError(message)
        return predicted
    if not isinstance(predicted, tuple):
        return _named(predicted, objective)
    best = max(range(len(predicted)), key=predicted.__getitem__)
    if not objective.classes:
        return best
    if len(objective.classes) != len(predicted):
        message = (
            f"the answer has {len(predicted)} scores, objective {objective.name} names "
            f"{len(objective.classes)} classes; name as many"
        )
        raise UndecidedError(message)
    return objective.classes[best]


def _named(predicted: Prediction, objective: AccuracyObjectiveConfig) -> Prediction:
    """A class, by its name where the objective names it."""
    if not objective.classes or isinstance(predicted, (bool, str)):
        return predicted
    number = int(predicted) if math.isfinite(predicted) and predicted == int(predicted) else None
    if str(number) in objective.classes:
        return str(number)
    if number is None or not 0 <= number < len(objective.classes):
        message = (
            f"{predicted} is no class of objective {objective.name}; send a name of its classes, or a number "
            f"from 0 to {len(objective.classes) - 1}"
        )
        raise UndecidedError(message)
    return objective.classes[number]


def _probability(predicted: Predicted, objective: str) -> float:
    number = None
    if isinstance(predicted, tuple):
        if len(predicted) == _BINARY:
            number = predicted[1]
    elif not isinstance(predicted, bool):
        number = as_number(predicted)
    if number is None or not -_ROUNDING <= number <= 1 + _ROUNDING:
        message = (
            f"objective {objective} has a probability threshold; "
            "a prediction is one probability from 0 to 1, or two scores"
        )
        raise UndecidedError(message)
    return number


def as_number(value: Prediction | None) -> float | None:
    """The number that is meant; None if it is none."""
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return None
