"""Makes a profile of a table, in one pass: every batch goes to every column's summary."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from modelward.api.binning import DEFAULT_BINS, LEAST_BINS, MAX_BINS, MAX_NAME_CHARACTERS
from modelward.api.profile import MAX_PROFILED_FEATURES, Column, Origin, Profile
from modelward.profile.columns import (
    ClassesOrNumbers,
    ColumnSummary,
    Numbers,
    UnusableColumnError,
    summary_of,
)
from modelward.profile.table import opened, sha256

_TOLD_CHARACTERS: Final = 30
Progress = Callable[[int, int | None], None]
"""Is told how many rows are done, and of how many, if that is known."""


class ProfileError(Exception):
    """No profile can be made; the text says why and what to write instead."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of the table are what."""

    features: tuple[str, ...] = ()
    """In the order of the model's input; none: all but label and prediction, in the table's order."""
    label: str | None = None
    prediction: str | None = None
    categorical: tuple[str, ...] = ()
    """Columns of numbers that are categories all the same."""
    bins: int = DEFAULT_BINS


def build(path: Path, wanted: Columns, progress: Progress) -> Profile:
    """Return the profile of a Parquet or CSV file.

    Raises:
        UnreadableTableError: the file can't be read.
        ProfileError: a column is missing or can't be used, or there are no rows.
    """
    if not LEAST_BINS <= wanted.bins <= MAX_BINS:
        raise ProfileError(f"{wanted.bins} bins: write {LEAST_BINS} to {MAX_BINS}")
    rows = 0
    with opened(path) as table:
        features = _features(table.schema, wanted)
        summaries = {name: _summary(table.schema, name, wanted) for name in _used(features, wanted)}
        for batch in table.batches:
            for name, summary in summaries.items():
                column = batch.column(name)
                is_encoded = pa.types.is_dictionary(column.type)
                summary.add(column.dictionary_decode() if is_encoded else column)
            rows += batch.num_rows
            progress(rows, table.rows)
    if not rows:
        raise ProfileError(f"{path} has no rows")
    found = {name: _column(summary, name, wanted.bins) for name, summary in summaries.items()}
    return Profile(
        data=Origin(file=path.name, sha256=sha256(path), rows=rows),
        features=tuple(found[name] for name in features),
        label=found[wanted.label] if wanted.label else None,
        prediction=found[wanted.prediction] if wanted.prediction else None,
    )


def _features(schema: pa.Schema, wanted: Columns) -> tuple[str, ...]:
    apart = {wanted.label, wanted.prediction}
    features = wanted.features or tuple(name for name in schema.names if name not in apart)
    for name in _used(features, wanted) + wanted.categorical:
        if schema.names.count(name) != 1:
            known = ", ".join(schema.names)
            raise ProfileError(f"{schema.names.count(name) or 'no'} column {name!r}; the table has: {known}")
        if not 0 < len(name) <= MAX_NAME_CHARACTERS:
            raise ProfileError(_unnameable(schema, name))
    if not features or len(features) > MAX_PROFILED_FEATURES:
        raise ProfileError(
            f"{len(features)} features: name 1 to {MAX_PROFILED_FEATURES} of them with --features"
        )
    if len(set(features)) != len(features):
        raise ProfileError("--features names a column twice; name each once")
    return features


def _unnameable(schema: pa.Schema, name: str) -> str:
    position = schema.names.index(name) + 1
    what = f"has a name of {len(name)} characters, {name[:_TOLD_CHARACTERS]}..." if name else "has no name"
    return (
        f"column {position} of the table {what}: name it in the table, in 1 to {MAX_NAME_CHARACTERS} "
        "characters, or name the features without it, with --features"
    )


def _used(features: Sequence[str], wanted: Columns) -> tuple[str, ...]:
    return (*features, *(name for name in (wanted.label, wanted.prediction) if name))


def _summary(schema: pa.Schema, name: str, wanted: Columns) -> ColumnSummary:
    try:
        summary = summary_of(schema.field(name).type, categorical=name in wanted.categorical)
    except UnusableColumnError as error:
        raise _unusable(name, error) from error
    return ClassesOrNumbers() if name == wanted.label and isinstance(summary, Numbers) else summary


def _column(summary: ColumnSummary, name: str, bins: int) -> Column:
    try:
        return summary.column(name, bins)
    except UnusableColumnError as error:
        raise _unusable(name, error) from error


def _unusable(name: str, error: UnusableColumnError) -> ProfileError:
    return ProfileError(f"column {name!r}: {error}; name the features without it, with --features")
