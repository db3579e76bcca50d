"""Reads the tensors of Open Inference Protocol v2 messages, as JSON or with binary data. Pure.

Sources: Open Inference Protocol v2 ("Inference Request JSON Object", "Tensor Data": `data` is flat or nested,
in row-major order) and its Binary Tensor Data Extension (Inference-Header-Content-Length names the length of
the JSON; tensors with parameters.binary_data_size follow it in order, little endian, elements of BYTES each
after their length in 4 bytes).
"""

import struct
from collections.abc import Sequence
from typing import Final, cast

import orjson

from modelward.monitor.drift.columns import Tensor

PREFERRED_OUTPUT: Final = "predict"
"""MLServer's scikit-learn runtime gives it beside `predict_proba`."""
MAX_ELEMENTS: Final = 1_000_000
MAX_DEPTH: Final = 16
"""Of nested data: more dimensions than a tensor of features has."""
_FORMATS: Final = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
_LENGTH: Final = struct.Struct("<I")


class TensorError(Exception):
    """A message that is no v2 message; the text says where."""


def read(body: bytes, json_bytes: int | None, key: str) -> list[Tensor]:
    """The tensors under `key` ("inputs" or "outputs"), their data flat. Raises TensorError.

    Args:
        body: the whole body, without framing and coding.
        json_bytes: length of its JSON where binary data follows; None: it is all JSON.
        key: which tensors.
    """
    text = body if json_bytes is None else body[:json_bytes]
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise TensorError(f"no JSON: {error}") from error
    found = message.get(key) if isinstance(message, dict) else None
    if not isinstance(found, list):
        raise TensorError(f"no list under {key}")
    position = len(text)
    tensors = []
    for number, tensor in enumerate(found):
        if not isinstance(tensor, dict):
            raise TensorError(f"{key}/{number} is no object")
        shape = tensor.get("shape")
        if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
            raise TensorError(f"{key}/{number}/shape is no list of sizes")
        parameters = tensor.get("parameters")
        size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
        if size is None:
            data = flat(tensor.get("data"))
        elif type(size) is int and 0 <= size <= len(body) - position:
            data = _binary(body[position : position + size], str(tensor.get("datatype")))
            position += size
        else:
            raise TensorError(f"{key}/{number}: {size} bytes of binary data are not there")
        tensors.append(Tensor(str(tensor.get("name")), tuple(shape), data))
    return tensors


def flat(data: object) -> list[object]:
    """The elements of nested or flat data, in row-major order. Raises TensorError if too many or deep."""
    if not isinstance(data, list):
        return []
    elements: list[object] = data
    depth = 1
    while any(type(element) is list for element in elements):
        flatter: list[object] = []
        for element in elements:
            if isinstance(element, list):
                flatter.extend(element)
            else:
                flatter.append(element)
        elements = flatter
        if len(elements) > MAX_ELEMENTS:
            raise TensorError(f"more than {MAX_ELEMENTS} elements")
        depth += 1
        if depth > MAX_DEPTH:
            raise TensorError(f"data of more than {MAX_DEPTH} dimensions")
    return elements


def predictions(outputs: Sequence[Tensor]) -> Sequence[object]:
    """One prediction a row, of the output `predict` or else the first; empty if that has several numbers."""
    if not outputs:
        return []
    chosen = next((output for output in outputs if output.name == PREFERRED_OUTPUT), outputs[0])
    rows = chosen.shape[0] if chosen.shape else 0
    return chosen.data if rows == len(chosen.data) else []


def of_rows(found: object) -> Sequence[object]:
    """The predictions that a JSON pointer names: one value, or a list of one for each row."""
    if isinstance(found, (dict, type(None))):
        return []
    if not isinstance(found, list):
        return [found]
    rows = [row[0] if isinstance(row, list) and len(row) == 1 else row for row in found]
    return [] if any(isinstance(row, (list, dict)) for row in rows) else rows


def _binary(data: bytes, datatype: str) -> list[object]:
    if datatype == "BYTES":
        return _texts(data)
    form = _FORMATS.get(datatype)
    if form is None:
        raise TensorError(f"datatype {datatype} is not read")
    count, left = divmod(len(data), struct.calcsize(form))
    if left or count > MAX_ELEMENTS:
        raise TensorError(f"{len(data)} bytes are no {datatype} tensor of at most {MAX_ELEMENTS} elements")
    return list(cast("tuple[object, ...]", struct.unpack(f"<{count}{form}", data)))


def _texts(data: bytes) -> list[object]:
    texts: list[object] = []
    position = 0
    while position < len(data):
        if position + _LENGTH.size > len(data):
            raise TensorError("a BYTES tensor is broken off")
        (size,) = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        if size > len(data) - position:
            raise TensorError("a BYTES tensor is broken off")
        texts.append(data[position : position + size].decode(errors="replace"))
        position += size
    return texts
