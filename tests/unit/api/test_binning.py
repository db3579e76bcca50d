"""Which value falls into which bin."""

import math

import pytest
from pydantic import ValidationError

from modelward.api.binning import CategoricalBins, NumericBins, category_of

NUMERIC = NumericBins(name="price", edges=(0.0, 1.0), reference=(1, 1, 1, 0, 0))
CATEGORICAL = CategoricalBins(name="day", categories=("1", "true", "monday"), reference=(1, 1, 1, 0, 0))


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (-5, "00"),
        (0.0, "00"),
        (0.5, "01"),
        (1, "01"),
        (True, "01"),
        ("1.5", "02"),
        (math.inf, "02"),
        ("monday", "other"),
        ([1], "other"),
        (None, "missing"),
        ("", "missing"),
        (math.nan, "missing"),
        ("NaN", "missing"),
    ],
)
def test_a_number_falls_into_the_bin_up_to_the_next_edge(value: object, label: str) -> None:
    """A bin holds its upper edge; what is no number is other, and what is nothing is missing."""
    assert NUMERIC.labels[NUMERIC.bin_of(value)] == label


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (1, "00"),
        (1.0, "00"),
        ("1", "00"),
        (True, "01"),
        ("monday", "02"),
        ("tuesday", "other"),
        (1.5, "other"),
        (None, "missing"),
        (math.nan, "missing"),
    ],
)
def test_a_category_is_the_same_however_it_is_written(value: object, label: str) -> None:
    """Whole numbers and their text are one category; what the profile does not list is other."""
    assert CATEGORICAL.labels[CATEGORICAL.bin_of(value)] == label


def test_a_long_category_is_cut() -> None:
    """A category has a bounded length, in the profile and in the traffic alike."""
    assert category_of("x" * 1000) == "x" * 64


def test_bins_that_contradict_themselves_are_refused() -> None:
    """Edges rise, categories are unique, and there is a count for each bin, for other and for missing."""
    with pytest.raises(ValidationError, match="edges of bins must rise"):
        NumericBins(name="price", edges=(1.0, 1.0), reference=(1, 1, 1, 0, 0))
    with pytest.raises(ValidationError, match="there twice"):
        CategoricalBins(name="day", categories=("a", "a"), reference=(1, 1, 0, 0))
    with pytest.raises(ValidationError, match="4 counts for 3 bins"):
        NumericBins(name="price", edges=(0.0, 1.0), reference=(1, 1, 1, 0))
