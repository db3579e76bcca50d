"""Bins of inputs and predictions: how the monitor is told of them, and which value falls into which.

The profile (profile.py) counts the training data and the monitor counts the traffic with the same two
functions, `number_of` and `category_of`, so that a value means the same in both.
"""

import math
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_BINS: Final = 20
"""Bins of one feature, besides `other` and `missing`."""
DEFAULT_BINS: Final = 10
LEAST_BINS: Final = 3
"""So that a value that most rows have can have a bin of its own."""
MAX_BINNED_FEATURES: Final = 50
"""Features that a monitor counts; a profile may have more, and then its first ones are counted."""
MAX_COLUMNS: Final = 4096
MAX_NAME_CHARACTERS: Final = 128
MAX_CATEGORY_CHARACTERS: Final = 64

BIN_OTHER: Final = "other"
"""A category that the profile does not list, or what is no number where there should be one."""
BIN_MISSING: Final = "missing"
"""Null, NaN or empty text."""

_SINGLE_PRECISION: Final = 2.0**-23
"""Relative distance of neighbours in single precision."""
_LEAST_SINGLE: Final = 2.0**-126
_LARGEST: Final = sys.float_info.max


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Binned(_Schema):
    name: str = Field(min_length=1, max_length=MAX_NAME_CHARACTERS)
    column: int = Field(default=0, ge=0, lt=MAX_COLUMNS)
    """Position among all columns of the model's input, where a request has them in one unnamed tensor."""
    reference: tuple[int, ...]
    """The profile's counts: bin by bin, then `other` and `missing`."""

    @property
    def bins(self) -> int:
        """Number of bins besides `other` and `missing`."""
        raise NotImplementedError

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the bins, in the order of `reference`: their numbers, then `other` and `missing`."""
        return bin_labels(self.bins)

    @model_validator(mode="after")
    def _has_a_count_for_each_bin(self) -> "_Binned":
        if len(self.reference) != self.bins + 2 or min(self.reference) < 0:
            msg = (
                f"feature {self.name}: {len(self.reference)} counts for {self.bins} bins; "
                "write one count of 0 or more for each bin, for other and for missing"
            )
            raise ValueError(msg)
        return self


class NumericBins(_Binned):
    """Bin 0 is up to the first edge, bin i above edge i-1 and up to edge i, the last above the last edge."""

    kind: Literal["numeric"] = "numeric"
    edges: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = Field(max_length=MAX_BINS - 1)

    @property
    def bins(self) -> int:
        """Number of bins besides `other` and `missing`."""
        return len(self.edges) + 1

    @model_validator(mode="after")
    def _edges_rise(self) -> "NumericBins":
        if any(low >= high for low, high in pairwise(self.edges)):
            msg = f"feature {self.name}: the edges of bins must rise, each above the one before it"
            raise ValueError(msg)
        return self

    def bin_of(self, value: object) -> int:
        """Position in `labels` of the bin of a value as JSON has it."""
        number = number_of(value)
        if number is None:
            return self.bins + (1 if is_missing(value) else 0)
        return self.bins + 1 if math.isnan(number) else bisect_left(self.edges, number)


class CategoricalBins(_Binned):
    """A bin for each category."""

    kind: Literal["categorical"] = "categorical"
    categories: tuple[Annotated[str, Field(max_length=MAX_CATEGORY_CHARACTERS)], ...] = Field(
        min_length=1, max_length=MAX_BINS
    )

    @property
    def bins(self) -> int:
        """Number of bins besides `other` and `missing`."""
        return len(self.categories)

    @model_validator(mode="after")
    def _categories_are_unique(self) -> "CategoricalBins":
        if len(set(self.categories)) != len(self.categories):
            msg = f"feature {self.name}: a category is there twice; write each once"
            raise ValueError(msg)
        return self

    def bin_of(self, value: object) -> int:
        """Position in `labels` of the bin of a value as JSON has it."""
        if is_missing(value):
            return self.bins + 1
        category = category_of(value)
        return self.categories.index(category) if category in self.categories else self.bins


FeatureBins = Annotated[NumericBins | CategoricalBins, Field(discriminator="kind")]


class EventValues(StrEnum):
    """Which values of an input are events of a detector."""

    MISSING = "Missing"
    UNLISTED = "Unlisted"
    BELOW = "Below"
    ABOVE = "Above"


class ValueEvents(_Schema):
    """Values of one feature that are counted as a detector's events."""

    detector: str = Field(min_length=1)
    config: str = Field(min_length=1)
    """Hash of the definition: a label of the counts."""
    feature: str = Field(min_length=1, max_length=MAX_NAME_CHARACTERS)
    values: EventValues
    bound: float | None = None
    """Of Below and Above."""


class DriftConfig(_Schema):
    """What the monitor counts of inputs and predictions; `drift` in monitor.json."""

    profile: str = Field(min_length=1, max_length=64)
    """Hash of the profile: a label of the counts, so that those of two profiles never mix."""
    columns: int = Field(ge=1, le=MAX_COLUMNS)
    """Columns of the model's input; the width of a request's one unnamed tensor."""
    features: tuple[FeatureBins, ...] = Field(max_length=MAX_BINNED_FEATURES)
    prediction: FeatureBins | None = None
    events: tuple[ValueEvents, ...] | None = None
    """Absent without any: earlier monitors know no such field."""


def bin_labels(bins: int) -> tuple[str, ...]:
    """Values of the label `bin` for so many bins: two digits each, then `other` and `missing`."""
    return (*(f"{number:02d}" for number in range(bins)), BIN_OTHER, BIN_MISSING)


def own_bins(quantiles: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Two edges around each value that two or more of some equally spaced quantiles are.

    So many rows have just this value; were it an edge only, what leaves it for the side where it stands would
    move within its bin, unseen. Between the edges is nothing but this number, also as a client in single
    precision sends it.
    """
    return tuple(_around(value) for value, times in sorted(Counter(quantiles).items()) if times > 1)


def bin_edges(quantiles: Sequence[float]) -> tuple[float, ...]:
    """Edges of bins from quantiles at equal distances, each once; values that dominate have own bins."""
    own = own_bins(quantiles)
    apart = {value for value in quantiles if not any(low <= value <= high for low, high in own)}
    return tuple(sorted(apart.union(*own)))


def _around(value: float) -> tuple[float, float]:
    value = min(max(value, -_LARGEST), _LARGEST)
    apart = max(abs(value) * _SINGLE_PRECISION, _LEAST_SINGLE)
    if value.is_integer():
        apart = min(apart, 0.5)
    below = min(value - apart, math.nextafter(value, -math.inf))
    return max(below, -_LARGEST), min(value + apart, _LARGEST)


def is_missing(value: object) -> bool:
    """Whether a value is none: null, NaN or empty text."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def number_of(value: object) -> float | None:
    """The number that a JSON value is, or that a text spells; None if it is none. True is 1."""
    if not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def category_of(value: object) -> str:
    """The category that a JSON value is: text as it stands, 1.0 as "1", true as "true", cut to its bound."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)[:MAX_CATEGORY_CHARACTERS]
