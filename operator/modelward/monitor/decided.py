"""What a model decided, where it answered with probabilities: the class that an objective reads out of them.

An answer's row is a scalar, or scores: one number for each class. A probability threshold makes 1 or 0 of a
scalar, or of the second of two scores; argmax takes the class with the highest score, the first of equals.
"""

from modelward.api.monitorconfig import AccuracyObjectiveConfig
from modelward.monitor.receipts import Predicted, Prediction

_BINARY = 2


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
        return predicted  # the class itself, from a sender who knows it
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


def _probability(predicted: Predicted, objective: str) -> float:
    if isinstance(predicted, tuple):
        if len(predicted) == _BINARY:
            return predicted[1]
    else:
        number = as_number(predicted)
        if number is not None:
            return number
    message = (
        f"objective {objective} has a probability threshold; a prediction is one probability, or two scores"
    )
    raise UndecidedError(message)


def as_number(value: Prediction | None) -> float | None:
    """The number that is meant; None if it is none."""
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return None
