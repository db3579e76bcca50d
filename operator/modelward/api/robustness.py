"""`robustness` of a gate: how little may change a model's predictions, and for which rows it is poor.

Sizes of changes are in units of each feature's spread: its interquartile range / 1.349, which is the
standard deviation of a normal distribution. A prediction *flips* when the class changes; of a model that
answers with values, when the value moves by more than `tolerance` spreads of the labels.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from modelward.api.base import APIType
from modelward.api.quality import ColumnName
from modelward.api.quantities import (
    DecimalString,
    Percentage,
    SignedDecimalString,
    decimal_above,
    decimal_within,
    percentage_between,
)
from modelward.api.rules import Distinct, Rule


class _FlipLimits(APIType):
    max_flips: Percentage
    """Largest share of predictions that may flip."""
    max_flips_above_stable: Percentage | None = None
    """Largest number of percentage points by which that share may exceed the stable revision's."""


class Noise(_FlipLimits):
    """Noise on every number at once, from a normal distribution."""

    size: Annotated[DecimalString, decimal_above(Decimal(0), Decimal(10))]
    """Standard deviation, in spreads of each feature, in quotes."""


class Replacement(StrEnum):
    """What a model is given for a value that is missing."""

    MEDIAN = "Median"
    """The feature's median, or its most frequent category."""
    ZERO = "Zero"
    """0, or empty text."""
    NULL = "Null"
    """JSON null, for servers that take it."""


class Missing(_FlipLimits):
    """Values missing at random."""

    share: Annotated[Percentage, percentage_between(Decimal(0), Decimal(1))]
    """Share of all values that go missing."""
    replacement: Replacement = Replacement.MEDIAN
    """What the model is given in their place."""


class Shifted(_FlipLimits):
    """Each number in turn moved for all rows, up and down; the worst feature counts."""

    size: Annotated[DecimalString, decimal_above(Decimal(0), Decimal(10))]
    """By how many spreads of the feature, in quotes."""


class _AccuracyLimits(APIType):
    min_accuracy: Percentage
    """Smallest share of right predictions; of values: within the tolerance of the label."""
    max_below_stable: Percentage | None = None
    """Largest number of percentage points by which it may fall short of the stable revision's."""


class Slice(_AccuracyLimits):
    """Rows that the team names: those with a category, or with a number in a range."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name in the verdict."""
    column: ColumnName
    """A feature, or another column of the validation data."""
    categories: Annotated[tuple[Annotated[str, Field(max_length=128)], ...], Field(max_length=100)] = ()
    """The column's values in the slice."""
    min: SignedDecimalString | None = None
    """Smallest number in the slice, in quotes."""
    max: SignedDecimalString | None = None
    """Numbers in the slice are below this, in quotes."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(size(self.categories) > 0) != (has(self.min) || has(self.max))",
            "which rows are meant is not said: write categories, or min and max, and not both",
            lambda part: bool(part.categories) != (part.min is not None or part.max is not None),
        ),
    )


class WorstSlice(_AccuracyLimits):
    """The slice on which the model is worst, found by a shallow tree on its errors.

    The tree is grown on one half of the rows and measured on the other, so that no slice is bad by luck.
    """

    min_share: Annotated[Percentage, percentage_between(Decimal(0), Decimal(1))] = Decimal("0.05")
    """Smallest share of rows that a slice has."""
    depth: Annotated[int, Field(ge=1, le=5)] = 3
    """Most conditions that describe a slice."""


class Perturbation(APIType):
    """The smallest change that flips a prediction, by HopSkipJump (Chen, Jordan & Wainwright 2020).

    Nearly every prediction of every model can be flipped; what tells a brittle model is how little it takes.
    """

    min_median: Annotated[DecimalString, decimal_above(Decimal(0), Decimal(1000))]
    """Smallest median over rows, of the Euclidean norm of the change in spreads, in quotes."""
    min_ratio_to_stable: Annotated[DecimalString, decimal_above(Decimal(0), Decimal(100))] | None = None
    """Smallest ratio of that median to the stable revision's, in quotes."""
    rows: Annotated[int, Field(ge=5, le=1000)] = 30
    """Rows that are tried."""
    iterations: Annotated[int, Field(ge=1, le=64)] = 8
    """Iterations of the search for each row."""


class Method(StrEnum):
    """How a change is made from the model's gradient."""

    FGSM = "FGSM"
    """Fast gradient sign method: one step (Goodfellow, Shlens & Szegedy 2015)."""
    PGD = "PGD"
    """Projected gradient descent: many small steps (Madry et al. 2018)."""


class Gradient(_FlipLimits):
    """Changes against the gradient of a model whose file is given."""

    method: Method
    size: Annotated[DecimalString, decimal_above(Decimal(0), Decimal(10))]
    """Largest change of each feature, in its spreads, in quotes."""


class Robustness(APIType):
    """Predictions hold under small changes of the input, and are right for all kinds of rows."""

    rows: Annotated[int, Field(ge=100, le=1_000_000)] = 2000
    """Rows on which flips are counted, drawn at random. Slices are measured on all rows."""
    tolerance: Annotated[DecimalString, decimal_within(Decimal(0), Decimal(10))] = Decimal("0.1")
    """Of a model that answers with values: largest difference that is none, in spreads of the labels."""
    noise: Annotated[tuple[Noise, ...], Field(max_length=10)] = ()
    """Normal noise on all numbers at once."""
    missing: Annotated[tuple[Missing, ...], Field(max_length=10)] = ()
    """Values missing at random."""
    shifted: Annotated[tuple[Shifted, ...], Field(max_length=10)] = ()
    """Each number in turn moved for all rows."""
    slices: Annotated[
        tuple[Slice, ...],
        Field(max_length=50),
        Distinct("two slices have the same name: write a name of its own for each", key="name"),
    ] = ()
    """Rows on which accuracy is measured apart."""
    worst_slice: WorstSlice | None = None
    perturbation: Perturbation | None = None
    gradient: Annotated[tuple[Gradient, ...], Field(max_length=10)] = ()
    """Attacks on the model's file: inference.modelFile, or --model of `modelward gate run`."""

    @property
    def compares_with_stable(self) -> bool:
        """Whether a limit is beside what the stable revision does."""
        changes = (*self.noise, *self.missing, *self.shifted, *self.gradient)
        parts = (*self.slices, *((self.worst_slice,) if self.worst_slice else ()))
        return (
            any(change.max_flips_above_stable is not None for change in changes)
            or any(part.max_below_stable is not None for part in parts)
            or (self.perturbation is not None and self.perturbation.min_ratio_to_stable is not None)
        )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "size(self.noise) + size(self.missing) + size(self.shifted) + size(self.slices) + "
            "size(self.gradient) > 0 || has(self.worstSlice) || has(self.perturbation)",
            "nothing is asked of the model: write noise, missing, shifted, slices, worstSlice, perturbation "
            "or gradient",
            lambda gate: any(
                (
                    gate.noise,
                    gate.missing,
                    gate.shifted,
                    gate.slices,
                    gate.worst_slice,
                    gate.perturbation,
                    gate.gradient,
                )
            ),
        ),
    )
