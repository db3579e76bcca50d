"""Validation data as the gates that ask the model need them: a matrix of numbers, and labels.

Text is kept as codes, the positions of its categories, and decoded when a request is made. Rows without a
value in a feature or the label are left out: what a model makes of missing values is asked on purpose
(robustness), not by accident.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from modelward.api.binning import category_of
from modelward.api.gates import Validation
from modelward.api.gateverdict import ErrorReason
from modelward.api.inference import Answers
from modelward.gates.failure import GateError
from modelward.gates.tables import read_table

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

MIN_ROWS: Final = 50
"""Complete rows below which nothing is measured."""
MAX_CLASSES: Final = 100
_NORMAL_IQR: Final = 1.349
"""Interquartile range of a standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of the model."""

    name: str
    categories: tuple[str, ...] | None
    """Of text, whose codes are positions here; None for numbers."""
    spread: float
    """Interquartile range / 1.349; the standard deviation where that is 0. 0 for text and constants."""
    median: float
    """Of codes: the most frequent."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Complete rows.

    Args:
        features: one for each column of `rows`.
        rows: shape (rows, features), float64.
        labels: shape (rows,): text of each class, or numbers where the model answers with values.
        frame: the same rows with every column of the file.
        left_out: rows that were not complete.
    """

    features: tuple[Feature, ...]
    rows: Floats
    labels: npt.NDArray[np.object_] | Floats
    frame: pd.DataFrame
    left_out: int

    @property
    def spreads(self) -> Floats:
        """Spread of each feature, shape (features,)."""
        return np.array([feature.spread for feature in self.features])

    @property
    def medians(self) -> Floats:
        """Median of each feature, shape (features,)."""
        return np.array([feature.median for feature in self.features])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(feature.name for feature in self.features)

    def position(self, name: str, field: str) -> int:
        """Return the position of a feature. Raises GateError, which names the field that asks for it."""
        if name not in self.names:
            raise GateError(ErrorReason.INVALID_DATA, unknown_column(name, self.names, field))
        return self.names.index(name)


def read_dataset(validation: Validation, answers: Answers, folder: Path) -> Dataset:
    """Read the validation data. Raises GateError."""
    frame = read_table(validation.uri, folder)
    names = feature_names(validation, frame)
    complete = frame[[*names, validation.labels]].notna().all(axis=1).to_numpy()
    kept = frame[complete].reset_index(drop=True)
    if len(kept) < MIN_ROWS:
        message = (
            f"{validation.uri}: {len(kept)} of {len(frame)} rows have a value in every feature and a label; "
            f"at least {MIN_ROWS} are needed"
        )
        raise GateError(ErrorReason.INVALID_DATA, message)
    encoded = [_encode(name, kept[name]) for name in names]
    return Dataset(
        features=tuple(feature for feature, _ in encoded),
        rows=np.column_stack([values for _, values in encoded]),
        labels=_labels(kept[validation.labels], validation, answers),
        frame=kept,
        left_out=len(frame) - len(kept),
    )


def feature_names(validation: Validation, frame: pd.DataFrame) -> list[str]:
    """Return the names of the features, all of which are columns, as the label is. Raises GateError."""
    columns = list(frame.columns)
    if validation.labels not in columns:
        message = unknown_column(validation.labels, columns, "validation.labels")
        raise GateError(ErrorReason.INVALID_DATA, message)
    if validation.features is None:
        return [column for column in columns if column != validation.labels]
    for name in validation.features:
        if name not in columns:
            message = unknown_column(name, columns, "validation.features")
            raise GateError(ErrorReason.INVALID_DATA, message)
    return list(validation.features)


def unknown_column(name: str, columns: Sequence[str], field: str) -> str:
    """Say that a column is not there, and which are."""
    shown = ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")  # noqa: PLR2004 - as many as fit
    return f"{field}: there is no column {name!r}; the validation data have {shown}"


def _encode(name: str, column: "pd.Series[object]") -> tuple[Feature, Floats]:
    if is_numeric_dtype(column) or is_bool_dtype(column):
        values = _finite(f"feature {name!r}", column)
        low, median, high = np.percentile(values, [25, 50, 75])
        spread = (high - low) / _NORMAL_IQR or float(values.std())
        return Feature(name, None, float(spread), float(median)), values
    texts = column.astype(str).to_numpy()
    categories, codes, counts = np.unique(texts, return_inverse=True, return_counts=True)
    feature = Feature(name, tuple(map(str, categories)), 0.0, float(counts.argmax()))
    return feature, codes.astype(np.float64)


def _finite(what: str, column: "pd.Series[object]") -> Floats:
    values: Floats = column.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        message = f"{what} is infinite in complete row {row + 1}; write a number or leave it empty"
        raise GateError(ErrorReason.INVALID_DATA, message)
    return values


def _labels(
    column: "pd.Series[object]", validation: Validation, answers: Answers
) -> "npt.NDArray[np.object_] | Floats":
    if answers is Answers.VALUES:
        if not is_numeric_dtype(column):
            message = f"the labels in {validation.labels!r} are no numbers; write inference.answers: Labels"
            raise GateError(ErrorReason.INVALID_DATA, message)
        return _finite(f"label {validation.labels!r}", column)
    labels = np.array([category_of(value) for value in column.to_list()], dtype=object)
    classes = len(set(labels))
    if classes > MAX_CLASSES:
        message = (
            f"the labels in {validation.labels!r} are of {classes} classes, at most {MAX_CLASSES} are taken; "
            "write inference.answers: Values if the model answers with numbers"
        )
        raise GateError(ErrorReason.INVALID_DATA, message)
    return labels
