"""Reads the predictions out of an answer, for the receipt.

Of a v2 inference response the output named `predict` is taken (MLServer's scikit-learn runtime gives it
beside `predict_proba`), else the first; one prediction per row. Where an objective judges scores it is
`predict_proba`, else the first output with scores. Of an output with a few numbers per row each row is
taken whole, as the scores of classes; with more it is left out. Source: Open Inference Protocol v2,
"Inference Response JSON Object". Of a plain server's answer it is what a JSON pointer names.
"""

import gzip
import math
import zlib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import orjson

from modelward.api.monitorconfig import AccuracyObjectiveConfig, ObjectiveConfig
from modelward.monitor import pointers, tensors
from modelward.monitor.receipts import MAX_PREDICTIONS, MAX_SCORES, Predicted, is_row_of_scores

MAX_BODY_BYTES: Final = 16 * 1024
"""Longest answer that is held to be read."""
MAX_INFLATED_BYTES: Final = 128 * 1024
_SCALARS: Final = frozenset({str, int, float, bool})
_MATRIX: Final = 2
_PREFERRED_OUTPUT: Final = "predict"
_PREFERRED_SCORES: Final = "predict_proba"
_FRACTIONS: Final = ("FP", "BF")
"""How the datatypes begin whose values can be probabilities."""


class Wanted(StrEnum):
    """Which output of several the objectives judge."""

    PREDICTION = "prediction"
    SCORES = "scores"
    """Scores of classes, else the prediction, which is a class then."""
    PROBABILITY = "probability"
    """Scores or a probability, never a class: it was decided by another threshold."""


class _Output:
    __slots__ = ("data", "is_fraction", "name", "shape")

    def __init__(self, name: object, data: object, shape: object, is_fraction: bool) -> None:  # noqa: FBT001 - a fact
        self.name = name
        self.data = data
        self.shape = shape
        self.is_fraction = is_fraction
        """Its values can be probabilities; integers and texts are classes."""


def wanted(objectives: Iterable[ObjectiveConfig]) -> Wanted:
    """What `objectives` judge. An answer's receipt holds one output, so one of them may decide for all."""
    accuracy = [each for each in objectives if isinstance(each, AccuracyObjectiveConfig)]
    if any(each.threshold is not None for each in accuracy):
        return Wanted.PROBABILITY
    if accuracy and all(each.argmax for each in accuracy):
        return Wanted.SCORES
    return Wanted.PREDICTION


def read(
    body: bytes, encoding: bytes | None, of: Wanted = Wanted.PREDICTION
) -> tuple[tuple[Predicted, ...], int] | None:
    """The first MAX_PREDICTIONS predictions of `body` and how many it has; None when there are none to read.

    `encoding` is the Content-Encoding header; other codings than gzip are not read.
    """
    try:
        answer = orjson.loads(_plain(body, encoding))
    except (orjson.JSONDecodeError, zlib.error, gzip.BadGzipFile, EOFError):
        return None
    found = answer.get("outputs") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        return None
    outputs = []
    for output in found:
        if not isinstance(output, dict):
            return None
        is_fraction = str(output.get("datatype")).startswith(_FRACTIONS)
        outputs.append(_Output(output.get("name"), output.get("data"), output.get("shape"), is_fraction))
    return _of_outputs(outputs, of)


def read_binary(
    body: bytes, encoding: bytes | None, json_bytes: int, of: Wanted = Wanted.PREDICTION
) -> tuple[tuple[Predicted, ...], int] | None:
    """As `read`, of an answer whose first `json_bytes` are JSON, once unpacked, and the rest binary tensors.

    None also where one of the predictions is no finite number, which a receipt's JSON can't hold.
    """
    try:
        found = tensors.read(_plain(body, encoding), json_bytes, "outputs")
    except (tensors.TensorError, zlib.error, gzip.BadGzipFile, EOFError):
        return None
    outputs = [
        _Output(each.name, each.data, [*each.shape], all(type(value) is float for value in each.data[:1]))
        for each in found
    ]
    read = _of_outputs(outputs, of)
    return None if read is None or not all(map(_is_finite, read[0])) else read


def _is_finite(predicted: Predicted) -> bool:
    if isinstance(predicted, tuple):
        return all(map(math.isfinite, predicted))
    return isinstance(predicted, str) or math.isfinite(predicted)


def read_at(body: bytes, encoding: bytes | None, pointer: str) -> tuple[tuple[Predicted, ...], int] | None:
    """As `read`, of a plain server's JSON, whose predictions are where `pointer` (RFC 6901) says."""
    try:
        answer = orjson.loads(_plain(body, encoding))
    except (orjson.JSONDecodeError, zlib.error, gzip.BadGzipFile, EOFError):
        return None
    values = tensors.of_rows(pointers.find(answer, pointer))
    return _first(values, [len(values)])


def _of_outputs(outputs: Sequence[_Output], of: Wanted) -> tuple[tuple[Predicted, ...], int] | None:
    """The predictions of the output that is wanted."""
    if not outputs:
        return None
    if of is not Wanted.PREDICTION:
        for output in sorted(outputs, key=lambda each: each.name != _PREFERRED_SCORES):
            read = _first(output.data, output.shape)
            if read is not None and isinstance(read[0][0], tuple):
                return read
    if of is Wanted.PROBABILITY:
        outputs = [each for each in outputs if each.is_fraction]
        preferred: str = _PREFERRED_SCORES
    else:
        preferred = _PREFERRED_OUTPUT
    for output in outputs:
        if output.name == preferred:
            return _first(output.data, output.shape)
    return _first(outputs[0].data, outputs[0].shape) if outputs else None


def _first(data: object, shape: object) -> tuple[tuple[Predicted, ...], int] | None:
    """The first rows of a tensor, flat or nested, and how many it has: a scalar each, or scores."""
    if isinstance(shape, list) and len(shape) == _MATRIX and shape[1] != 1:
        return _first_scores(data, shape[0], shape[1])
    if not isinstance(data, list) or not isinstance(shape, list) or not shape or shape[0] != len(data):
        return None
    values = data[:MAX_PREDICTIONS]
    while values and type(values[0]) is list:
        if any(type(value) is not list or len(value) != 1 for value in values):
            return None
        values = [value[0] for value in values]
    return (tuple(values), len(data)) if values and _SCALARS.issuperset(map(type, values)) else None


def _first_scores(data: object, rows: object, columns: object) -> tuple[tuple[Predicted, ...], int] | None:
    """As above, of a matrix."""
    if not isinstance(data, list) or not isinstance(rows, int) or not isinstance(columns, int):
        return None
    if rows < 1 or not 1 < columns <= MAX_SCORES:
        return None
    if len(data) == rows * columns:
        data = [data[at : at + columns] for at in range(0, min(rows, MAX_PREDICTIONS) * columns, columns)]
    elif len(data) != rows:
        return None
    values = data[:MAX_PREDICTIONS]
    if any(not is_row_of_scores(row) or len(row) != columns for row in values):
        return None
    return tuple(tuple(row) for row in values), rows


def _plain(body: bytes, encoding: bytes | None) -> bytes:
    if encoding is None or encoding.strip().lower() == b"identity":
        return body
    if encoding.strip().lower() == b"gzip":
        inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        return inflate.decompress(body, MAX_INFLATED_BYTES)
    return b""
