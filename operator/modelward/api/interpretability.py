"""`interpretability` of a gate: what a model's predictions may and must depend on."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from modelward.api.base import APIType
from modelward.api.quality import ColumnName
from modelward.api.quantities import DecimalString, Percentage, decimal_within
from modelward.api.rules import ListMap, Rule


class Forbidden(APIType):
    """A feature that must not matter."""

    feature: ColumnName
    """Its column."""
    max_share: Percentage = Decimal("0.02")
    """Largest share of all importance that it may have."""


class Required(APIType):
    """A feature that must matter."""

    feature: ColumnName
    """Its column."""
    min_share: Percentage = Decimal("0.05")
    """Smallest share of all importance that it must have."""


class Direction(StrEnum):
    """Where predictions go as a feature rises."""

    INCREASING = "Increasing"
    DECREASING = "Decreasing"


class Monotone(APIType):
    """A feature whose rise must move predictions one way, all else as it is."""

    feature: ColumnName
    """Its column."""
    direction: Direction
    max_violation: Percentage = Decimal("0.05")
    """Largest share of the partial dependence's way up and down that may go the other way."""
    label: Annotated[str, Field(max_length=128)] | None = None
    """The class whose probability is meant; default: the last of two. Required where there are more."""


class Interpretability(APIType):
    """Predictions depend on what they should.

    Importance is the mean absolute SHAP value of a feature, as a share of all features'; the model is asked
    through its endpoint. Of `rows` rows each is explained by `permutations` orders of the features, against
    `background` other rows.
    """

    rows: Annotated[int, Field(ge=10, le=10_000)] = 200
    """Rows that are explained."""
    background: Annotated[int, Field(ge=1, le=1000)] = 20
    """Rows that stand for a feature's absence."""
    permutations: Annotated[int, Field(ge=1, le=100)] = 4
    """Orders of the features tried for each row, each forwards and backwards."""
    forbidden: Annotated[tuple[Forbidden, ...], ListMap("feature"), Field(max_length=100)] = ()
    """Features that must not matter."""
    required: Annotated[tuple[Required, ...], ListMap("feature"), Field(max_length=100)] = ()
    """Features that must matter."""
    min_rank_correlation: Annotated[DecimalString, decimal_within(Decimal(0), Decimal(1))] | None = None
    """Smallest rank correlation (Spearman) with the importances of the stable revision, in quotes."""
    monotone: Annotated[tuple[Monotone, ...], ListMap("feature"), Field(max_length=100)] = ()
    """Features of a known direction."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "size(self.forbidden) + size(self.required) + size(self.monotone) > 0 || "
            "has(self.minRankCorrelation)",
            "nothing is asked of the model: write forbidden, required, monotone or minRankCorrelation",
            lambda gate: bool(
                gate.forbidden or gate.required or gate.monotone or gate.min_rank_correlation is not None
            ),
        ),
    )
