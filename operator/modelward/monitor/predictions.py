"""Reads the predictions out of an answer, for the receipt.

Of a v2 inference response the output named `predict` is taken (MLServer's scikit-learn runtime gives it
beside `predict_proba`), else the first; one prediction per row. Of an output with a few numbers per row
each row is taken whole, as the scores of classes; with more it is left out. Source: Open Inference
Protocol v2, "Inference Response JSON Object". Of a plain server's answer it is what a JSON pointer names.
"""

import gzip
import zlib
from typing import Final

import orjson

from modelward.monitor import pointers, tensors
from modelward.monitor.receipts import MAX_PREDICTIONS, MAX_SCORES, Predicted, is_row_of_scores

MAX_BODY_BYTES: Final = 16 * 1024
"""Longest answer that is held to be read."""
MAX_INFLATED_BYTES: Final = 128 * 1024
_SCALARS: Final = frozenset({str, int, float, bool})
_MATRIX: Final = 2
_PREFERRED_OUTPUT: Final = "predict"


def read(body: bytes, encoding: bytes | None) -> tuple[tuple[Predicted, ...], int] | None:
    """The first MAX_PREDICTIONS predictions of `body` and how many it has; None when there are none to read.

    `encoding` is the Content-Encoding header; other codings than gzip are not read.
    """
    try:
        answer = orjson.loads(_plain(body, encoding))
    except (orjson.JSONDecodeError, zlib.error, gzip.BadGzipFile, EOFError):
        return None
    outputs = answer.get("outputs") if isinstance(answer, dict) else None
    if not isinstance(outputs, list) or not outputs:
        return None
    chosen = None
    for output in outputs:
        if not isinstance(output, dict):
            return None
        if output.get("name") == _PREFERRED_OUTPUT:
            chosen = output
            break
    output = outputs[0] if chosen is None else chosen
    return _first(output.get("data"), output.get("shape"))


def read_binary(body: bytes, json_bytes: int) -> tuple[tuple[Predicted, ...], int] | None:
    """As `read`, of an answer whose first `json_bytes` are JSON and the rest binary tensors."""
    try:
        values = tensors.predictions(tensors.read(body, json_bytes, "outputs"))
    except tensors.TensorError:
        return None
    return _first(values, [len(values)])


def read_at(body: bytes, encoding: bytes | None, pointer: str) -> tuple[tuple[Predicted, ...], int] | None:
    """As `read`, of a plain server's JSON, whose predictions are where `pointer` (RFC 6901) says."""
    try:
        answer = orjson.loads(_plain(body, encoding))
    except (orjson.JSONDecodeError, zlib.error, gzip.BadGzipFile, EOFError):
        return None
    values = tensors.of_rows(pointers.find(answer, pointer))
    return _first(values, [len(values)])


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
