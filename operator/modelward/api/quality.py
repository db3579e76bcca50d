"""`dataQuality` of a gate: what the data must be like that a candidate is held against.

Data are rows of a table; what is asked of them is asked of the validation data, beside a sample of the
training data or the profile made of it.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Final, TypeAlias

from pydantic import Field

from modelward.api.base import APIType
from modelward.api.quantities import (
    DecimalString,
    Percentage,
    SignedDecimalString,
    decimal_above,
    percentage_between,
)
from modelward.api.rules import Distinct, Rule, matches

MAX_COLUMNS: Final = 500
MAX_CATEGORIES: Final = 100

ColumnName: TypeAlias = Annotated[str, Field(min_length=1, max_length=128)]
DataURI: TypeAlias = Annotated[
    str,
    Field(max_length=1024),
    matches(
        r"((s3|gs|abfs|https?)://[^\s/?#]+/\S+|file:///\S+|[^\s:?#]+)\.(csv|csv\.gz|parquet)",
        "not the address of a table: write s3://BUCKET/PATH, gs://BUCKET/PATH, abfs://CONTAINER/PATH, "
        "https://HOST/PATH, file:///PATH or a path beside this file, ending in .csv, .csv.gz or .parquet",
    ),
]


class ColumnType(StrEnum):
    """What the values of a column are."""

    NUMBER = "Number"
    INTEGER = "Integer"
    """Whole numbers, however they are stored: 2.0 is one."""
    STRING = "String"
    BOOLEAN = "Boolean"


class Column(APIType):
    """What the values of one column must be."""

    name: ColumnName
    """As the header has it."""
    type: ColumnType
    min: SignedDecimalString | None = None
    """Smallest value, in quotes."""
    max: SignedDecimalString | None = None
    """Largest value, in quotes."""
    categories: (
        Annotated[
            tuple[Annotated[str, Field(max_length=128)], ...], Field(min_length=1, max_length=MAX_CATEGORIES)
        ]
        | None
    ) = None
    """The only values there may be."""
    max_missing: Percentage = Decimal(0)
    """Largest share of rows without a value."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(has(self.min) || has(self.max)) || self.type in ['Number', 'Integer']",
            "only numbers have a smallest and a largest value: leave out min and max, or write type: Number",
            lambda column: (
                (column.min is None and column.max is None)
                or column.type in {ColumnType.NUMBER, ColumnType.INTEGER}
            ),
        ),
        Rule(
            "!has(self.categories) || self.type == 'String'",
            "only text has categories: write type: String, or min and max",
            lambda column: column.categories is None or column.type is ColumnType.STRING,
        ),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "no value could be right: write a min of at most max",
            lambda column: column.min is None or column.max is None or column.min <= column.max,
        ),
    )


class Shift(APIType):
    """How far the data may be from those that the model was trained on."""

    psi: Annotated[DecimalString, decimal_above(Decimal(0), Decimal(100))] = Decimal("0.2")
    """Largest population stability index of a feature or of the labels, in quotes.

    The value that chance alone reaches once in a hundred runs is allowed where it is larger.
    """


class DataQuality(APIType):
    """The validation data are as they should be.

    Each check is made where it is written; minRows and the types of columns always.
    """

    columns: Annotated[
        tuple[Column, ...],
        Field(max_length=MAX_COLUMNS),
        Distinct("two columns have the same name: write each once", key="name"),
    ] = ()
    """What is asked of columns. Others are not looked at, unless there is a profile."""
    profile: (
        Annotated[
            str,
            Field(max_length=1024),
            matches(
                r"((s3|gs|abfs|https?)://[^\s/?#]+/\S+|file:///\S+|[^\s:?#]+)\.json",
                "not the address of a profile: write s3://BUCKET/PATH.json, file:///PATH.json or a path "
                "beside this file, as `modelward profile --out` wrote it",
            ),
        ]
        | None
    ) = None
    """The profile of the training data, from which the columns that are not written are inferred."""
    min_rows: Annotated[int, Field(ge=1, le=1_000_000_000)] = 100
    """Fewest rows."""
    max_duplicates: Percentage | None = None
    """Largest share of rows that are there already, labels included."""
    max_leakage: Percentage | None = None
    """Largest share of rows whose features are also a row of the training data, which must be given."""
    min_class_share: Annotated[Percentage, percentage_between(Decimal(0), Decimal("0.5"))] | None = None
    """Smallest share of rows that each label must have."""
    shift: Shift | None = None
    """Distance from the training data or the profile, one of which must be given."""
