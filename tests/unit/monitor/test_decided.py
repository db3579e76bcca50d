"""What a model that answers with probabilities has decided."""

import pytest

from modelward.api.monitorconfig import AccuracyObjectiveConfig
from modelward.monitor.decided import UndecidedError, decided
from modelward.monitor.receipts import Predicted, Prediction

PLAIN = AccuracyObjectiveConfig(name="plain", config="1")
HALF = AccuracyObjectiveConfig(name="half", config="1", threshold=0.5)
BEST = AccuracyObjectiveConfig(name="best", config="1", argmax=True)
NAMED = AccuracyObjectiveConfig(name="named", config="1", argmax=True, classes=("cat", "dog"))


@pytest.mark.parametrize(
    ("predicted", "objective", "expected"),
    [
        (0.3, PLAIN, 0.3),
        ("cat", PLAIN, "cat"),
        (0.5, HALF, 1),
        (0.49, HALF, 0),
        ("0.7", HALF, 1),
        ((0.4, 0.6), HALF, 1),
        ((0.6, 0.4), HALF, 0),
        ((0.1, 0.7, 0.2), BEST, 1),
        ((0.5, 0.5), BEST, 0),
        ((0.1, 0.9), NAMED, "dog"),
        ("dog", NAMED, "dog"),
        (2, BEST, 2),
        (0, NAMED, "cat"),
        (1.0, NAMED, "dog"),
        (5, AccuracyObjectiveConfig(name="n", config="1", argmax=True, classes=("3", "5")), "5"),
    ],
)
def test_a_class_is_read_out(
    predicted: Predicted, objective: AccuracyObjectiveConfig, expected: Prediction
) -> None:
    """By threshold, by the highest score, by name; a class that is one already stays."""
    assert decided(predicted, objective) == expected


@pytest.mark.parametrize(
    ("predicted", "objective", "problem"),
    [
        ((0.4, 0.6), PLAIN, "the answer has 2 numbers a row; write argmax or probabilityThreshold"),
        ((0.4, 0.5, 0.1), HALF, "a prediction is one probability from 0 to 1, or two scores"),
        (2, HALF, "a prediction is one probability from 0 to 1"),
        (True, HALF, "a prediction is one probability from 0 to 1"),
        (2, NAMED, "2 is no class of objective named; send a name of its classes, or a number from 0 to 1"),
        (0.5, NAMED, "0.5 is no class of objective named"),
        (float("inf"), NAMED, "inf is no class of objective named"),
        ("cat", HALF, "objective half has a probability threshold"),
        ((0.1, 0.2, 0.7), NAMED, "the answer has 3 scores, objective named names 2 classes; name as many"),
    ],
)
def test_what_cannot_be_read_is_told(
    predicted: Predicted, objective: AccuracyObjectiveConfig, problem: str
) -> None:
    """A prediction that does not fit the objective is no label's opponent, good or bad."""
    with pytest.raises(UndecidedError, match=problem):
        decided(predicted, objective)
