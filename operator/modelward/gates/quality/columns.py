"""Types, ranges, categories and missing values of columns, by a pandera schema.

The schema is what is written in the gate; columns that are not written there are inferred from the profile:
the type of each feature, the range of its numbers, its categories where the profile has all of them, and
its share of missing values. Other rows of the same kind go beyond the range of the training rows, and miss
more values, by chance: of that as many are allowed as chance alone reaches in one run of a hundred.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from modelward.api.binning import category_of
from modelward.api.gateverdict import MAX_NAMED
from modelward.api.profile import CategoricalColumn, NumericColumn, Profile
from modelward.api.quality import Column, ColumnType
from modelward.gates.findings import Findings
from modelward.gates.quality.chance import Missing, most_beyond
from modelward.gates.quality.shift import FALSE_ALARMS_PER_RUN

Values: TypeAlias = "pd.Series[Any]"


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers of one column in the training data.

    Args:
        name: of the column.
        low: the smallest.
        high: the largest.
        rows: how many there were.
    """

    name: str
    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of columns.

    Args:
        columns: each with its type, range, categories and missing values.
        of_any_value: names of columns of which only missing values are asked: categories beyond those that
            a profile lists.
        ranges: of inferred columns.
        missing: of inferred columns, which their own `max_missing` says nothing of.
    """

    columns: tuple[Column, ...]
    of_any_value: frozenset[str]
    ranges: tuple[Range, ...]
    missing: tuple[Missing, ...]


def wanted(written: Sequence[Column], profile: Profile | None) -> Wanted:
    """Return what is asked of columns: as written, and of other features as the profile has them."""
    names = {column.name for column in written}
    others = [column for column in profile.features if column.name not in names] if profile else []
    rows = profile.data.rows if profile else 0
    return Wanted(
        columns=(*written, *map(_inferred, others)),
        of_any_value=frozenset(
            column.name for column in others if isinstance(column, CategoricalColumn) and column.other
        ),
        ranges=tuple(
            Range(column.name, column.minimum, column.maximum, rows - column.missing)
            for column in others
            if isinstance(column, NumericColumn)
        ),
        missing=tuple(Missing(column.name, column.missing, rows) for column in others),
    )


def _inferred(column: NumericColumn | CategoricalColumn) -> Column:
    if isinstance(column, NumericColumn):
        return Column(name=column.name, type=ColumnType.INTEGER if column.integer else ColumnType.NUMBER)
    categories = None if column.other else column.categories
    return Column(name=column.name, type=ColumnType.STRING, categories=categories)


def check(findings: Findings, frame: pd.DataFrame, asked: Wanted) -> None:
    """Add how many columns are absent, lack values or have wrong ones, and each of them with its rows."""
    absent = [column.name for column in asked.columns if column.name not in frame.columns]
    if asked.columns:
        findings.at_most("missing columns", len(absent), 0, message=", ".join(absent[:MAX_NAMED]))
    present = [column for column in asked.columns if column.name in frame.columns]
    if present:
        _check_missing(findings, frame, present, asked.missing)
        _check_values(
            findings, frame, [column for column in present if column.name not in asked.of_any_value]
        )
    ranges = [each for each in asked.ranges if each.name in frame.columns]
    if ranges:
        _check_ranges(findings, frame, ranges)


def _check_missing(
    findings: Findings, frame: pd.DataFrame, columns: Sequence[Column], inferred: Sequence[Missing]
) -> None:
    shares = {column.name: float(frame[column.name].isna().mean()) for column in columns}
    tail = FALSE_ALARMS_PER_RUN / max(1, len(inferred))
    limits = {column.name: float(column.max_missing) for column in columns} | {
        each.name: each.limit(len(frame), tail) for each in inferred
    }
    wrong = [column for column in columns if shares[column.name] > limits[column.name]]
    for column in wrong[:MAX_NAMED]:
        positions = np.flatnonzero(frame[column.name].isna()).tolist()
        findings.at_most(
            "missing values",
            shares[column.name],
            limits[column.name],
            subject=column.name,
            message=named_rows(positions),
        )
    findings.at_most("columns with missing values", len(wrong), 0, message=_names(wrong))


def _check_values(findings: Findings, frame: pd.DataFrame, columns: Sequence[Column]) -> None:
    failures = _failures(frame, columns)
    by_column = {column.name: failures[failures["column"] == column.name] for column in columns}
    wrong = [column for column in columns if len(by_column[column.name])]
    for column in wrong[:MAX_NAMED]:
        cases = by_column[column.name]
        findings.at_most("wrong values", len(cases), 0, subject=column.name, message=_told(cases))
    findings.at_most("columns with wrong values", len(wrong), 0, message=_names(wrong))


def _check_ranges(findings: Findings, frame: pd.DataFrame, ranges: Sequence[Range]) -> None:
    tail = FALSE_ALARMS_PER_RUN / (2 * len(ranges))
    wrong = []
    for each in ranges:
        numbers = _numbers(frame[each.name])
        limit = most_beyond(int(numbers.notna().sum()), each.rows, tail)
        for side, bound, beyond in (
            ("below", each.low, numbers < each.low),
            ("above", each.high, numbers > each.high),
        ):
            if (count := int(beyond.sum())) > limit:
                wrong.append((f"rows {side} the training data", count, limit, each.name, bound, beyond))
    for name, count, limit, column, bound, beyond in wrong[:MAX_NAMED]:
        message = f"{bound:g} is the last there; {named_rows(np.flatnonzero(beyond).tolist())}"
        findings.at_most(name, count, limit, subject=column, message=message)
    names = list(dict.fromkeys(column for _, _, _, column, _, _ in wrong))
    findings.at_most("columns beyond the training data", len(names), 0, message=", ".join(names[:MAX_NAMED]))


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(column.name for column in columns[:MAX_NAMED])


def _failures(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return pandera's failure cases, each row once."""
    schema = pa.DataFrameSchema({column.name: _schema(column) for column in columns})
    try:
        schema.validate(frame[[column.name for column in columns]], lazy=True)
    except SchemaErrors as error:
        return error.failure_cases.drop_duplicates(["column", "index"])
    return pd.DataFrame({"column": [], "check": [], "failure_case": [], "index": []})


def _schema(column: Column) -> pa.Column:
    checks = [pa.Check(_TYPES[column.type], name=f"is no {column.type.lower()}")]
    if column.categories is not None:
        allowed = frozenset(column.categories)
        # Of whatever type: a category may be written as a number.
        checks = [pa.Check(lambda values: values.map(category_of).isin(allowed), name="is no known category")]
    if column.min is not None:
        low = float(column.min)
        checks.append(pa.Check(lambda values: ~(_numbers(values) < low), name=f"is below {low:g}"))
    if column.max is not None:
        high = float(column.max)
        checks.append(pa.Check(lambda values: ~(_numbers(values) > high), name=f"is above {high:g}"))
    return pa.Column(None, checks, nullable=True)


def _numbers(values: Values) -> Values:
    """Numbers, and texts that spell one; NaN for others, which are no number and in no wrong range."""
    return pd.to_numeric(values, errors="coerce")


def _is_number(values: Values) -> Values:
    return np.isfinite(_numbers(values).astype(np.float64))


def _is_integer(values: Values) -> Values:
    return _is_number(values) & (_numbers(values) % 1 == 0)


def _is_text(values: Values) -> Values:
    return values.map(lambda value: isinstance(value, str))


def _is_boolean(values: Values) -> Values:
    return values.map(category_of).str.lower().isin(("true", "false", "0", "1"))


_TYPES: Final = {
    ColumnType.NUMBER: _is_number,
    ColumnType.INTEGER: _is_integer,
    ColumnType.STRING: _is_text,
    ColumnType.BOOLEAN: _is_boolean,
}


def _told(wrong: pd.DataFrame) -> str:
    """Say which rows are wrong and how, the first ones by name."""
    if wrong.empty:
        return ""
    cases = wrong.sort_values("index").head(MAX_NAMED)
    named = [
        f"row {int(row) + 1} {check} ({str(case)[:40]})"
        for row, check, case in zip(cases["index"], cases["check"], cases["failure_case"], strict=True)
    ]
    more = len(wrong) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "")


def named_rows(positions: Sequence[int]) -> str:
    """Name rows by their number in the file, the first being 1; at most 20."""
    if not positions:
        return ""
    named = ", ".join(str(int(position) + 1) for position in positions[:MAX_NAMED])
    more = len(positions) - MAX_NAMED
    return f"rows {named}" + (f" and {more} more" if more > 0 else "")
