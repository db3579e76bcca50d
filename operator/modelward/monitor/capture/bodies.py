"""Reads the bodies of a sampled exchange: its features as columns, and all its predictions. Pure."""

import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from modelward.api.monitorconfig import MonitorConfig, ServerProtocol
from modelward.monitor import pointers, tensors
from modelward.monitor.capture.messages import Facts
from modelward.monitor.drift import columns


class UnreadableError(Exception):
    """A body that is not what its headers say, or in a form that is not read."""


@dataclass(frozen=True, slots=True)
class Table:
    """What a model was given and what it answered."""

    columns: Mapping[str, Sequence[object]]
    """By feature one value for each row."""
    predictions: Sequence[object]
    """One for each row; empty if they can't be read."""


def read(facts: Facts, request: bytes, answer: bytes, config: MonitorConfig) -> Table:
    """The exchange's content; the configuration has a profile. Raises UnreadableError."""
    assert config.drift is not None  # noqa: S101 - nothing is sampled without
    try:
        limit = config.capture.max_body_bytes
        request = _inflated(
            without_chunks(request) if facts.request_is_chunked else request, facts.request_encoding, limit
        )
        answer = _inflated(
            without_chunks(answer) if facts.answer_is_chunked else answer, facts.answer_encoding, limit
        )
        if config.server.protocol is ServerProtocol.V2:
            given = tensors.read(request, facts.request_json_bytes, "inputs")
            answered = tensors.read(answer, facts.answer_json_bytes, "outputs")
            return Table(columns.of_tensors(given, config.drift), tensors.predictions(answered))
        pointer = config.server.prediction
        found = None if pointer is None else pointers.find(orjson.loads(answer), pointer)
        return Table(columns.of_json(orjson.loads(request), config.drift), tensors.of_rows(found))
    except (tensors.TensorError, orjson.JSONDecodeError) as error:
        raise UnreadableError(str(error)) from error


def _inflated(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """A body without its coding, of at most `max_bytes`. Raises UnreadableError."""
    coding = encoding.strip().lower()
    if coding in {"", "identity"}:
        return body
    if coding not in {"gzip", "x-gzip"}:
        raise UnreadableError(f"content coding {coding!r} is not read")
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = inflate.decompress(body, max_bytes)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableError(str(error)) from error
    if inflate.unconsumed_tail or not inflate.eof:
        raise UnreadableError(f"the gzip body is broken off or has more than {max_bytes} bytes unpacked")
    return content


def without_chunks(wire: bytes) -> bytes:
    """The content of a chunked body, whose framing was checked as it passed (../bodies.py).

    Raises UnreadableError for one that is broken off.
    """
    pieces: list[bytes] = []
    position = 0
    while True:
        end = wire.find(b"\r\n", position)
        if end < 0:
            raise UnreadableError("the chunked body is broken off")
        try:
            size = int(wire[position:end].partition(b";")[0], 16)
        except ValueError as error:
            raise UnreadableError(f"no chunk size: {error}") from error
        if not size:
            return b"".join(pieces)
        position = end + 2
        pieces.append(wire[position : position + size])
        position += size + 2
