"""Finds a model's features in a request: its rows, as a column of values for each feature of the profile.

Three ways to write them are read:

* named tensors (Open Inference Protocol v2): one of shape [rows] or [rows, 1] for each feature;
* one tensor of shape [rows, columns] with as many columns as the profile has, in the profile's order,
  whatever its name (a single row may have the shape [columns]);
* JSON with names: an object {feature: value}, a list of them, or either under `instances` or `inputs`.

What is in none of these forms has no column, and the caller counts it as such. Where one feature of the
profile is found, another that is not there is missing in every row, and so is each feature in a row that is
null. Columns are of one length: a tensor of one value beside longer ones holds for all rows, as a server that
answers has broadcast it; one that is otherwise too short is missing in the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from modelward.api.binning import DriftConfig

_ROWS_UNDER: Final = ("instances", "inputs")
_MATRIX: Final = 2


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input of a v2 request, its data flat in row-major order."""

    name: str
    shape: tuple[int, ...]
    data: Sequence[object]


def of_tensors(tensors: Sequence[Tensor], config: DriftConfig) -> Mapping[str, Sequence[object]]:
    """Columns by feature of the inputs of a v2 request; those of a broken tensor are missing."""
    names = {feature.name for feature in config.features}
    named = {tensor.name: tensor.data for tensor in tensors if tensor.name in names and _is_column(tensor)}
    if named:
        longest = max(map(len, named.values()))
        return {feature.name: _of_length(longest, named.get(feature.name, ())) for feature in config.features}
    for tensor in tensors:
        rows = _rows(tensor, config.columns)
        if rows is not None and len(tensor.data) == rows * config.columns:
            return {
                feature.name: tensor.data[feature.column :: config.columns] for feature in config.features
            }
    return {}


def of_json(body: object, config: DriftConfig) -> Mapping[str, Sequence[object]]:
    """Columns by feature of a decoded JSON body; a feature that a row does not have is missing in it."""
    if isinstance(body, dict):
        under = next((body[key] for key in _ROWS_UNDER if isinstance(body.get(key), (list, dict))), None)
        body = body if under is None else under
    rows = body if isinstance(body, list) else [body]
    if any(isinstance(row, dict) for row in rows):
        objects: list[dict[str, object]] = [row or {} for row in rows if isinstance(row, (dict, type(None)))]
        if not any(feature.name in row for feature in config.features for row in objects):
            return {}
        return {feature.name: [row.get(feature.name) for row in objects] for feature in config.features}
    absent = [None] * config.columns
    matrix = [absent if row is None else row for row in rows if row is None or _is_row(row, config.columns)]
    if all(row is absent for row in matrix):
        return {}
    return {feature.name: [row[feature.column] for row in matrix] for feature in config.features}


def _of_length(rows: int, column: Sequence[object]) -> Sequence[object]:
    """A column with a value for each of so many rows; None where it has none."""
    if len(column) == rows:
        return column
    if len(column) == 1:
        return [column[0]] * rows
    return [*column, *[None] * (rows - len(column))]


def _is_row(row: object, columns: int) -> TypeGuard[list[object]]:
    return isinstance(row, list) and len(row) == columns


def _is_column(tensor: Tensor) -> bool:
    rows = tensor.shape[0] if tensor.shape else 0
    return tensor.shape in {(rows,), (rows, 1)} and len(tensor.data) == rows


def _rows(tensor: Tensor, columns: int) -> int | None:
    if len(tensor.shape) == _MATRIX and tensor.shape[1] == columns:
        return tensor.shape[0]
    return 1 if tensor.shape == (columns,) else None
