"""Predictions read out of v2 inference responses."""

import gzip
import json
from typing import Any

import pytest

from modelward.monitor.predictions import MAX_INFLATED_BYTES, read


def body(*outputs: Any) -> bytes:
    """A response with these outputs."""
    return json.dumps({"outputs": list(outputs)}).encode()


def output(data: Any, shape: list[Any], name: str = "out") -> dict[str, Any]:
    """One output."""
    return {"name": name, "shape": shape, "datatype": "FP64", "data": data}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (body(output([1], [1, 1])), ((1,), 1)),
        (body(output([0.5, "a", True], [3])), ((0.5, "a", True), 3)),
        (body(output([[1], [2]], [2, 1])), ((1, 2), 2)),
        (body(output(list(range(10)), [10])), (tuple(range(8)), 10)),
        (body(output([0.1, 0.9], [1, 2], "predict_proba"), output([1], [1], "predict")), ((1,), 1)),
        (body(output([0.1, 0.9], [1, 2])), (((0.1, 0.9),), 1)),
        (body(output([0.1, 0.9, 1, 0], [2, 2])), (((0.1, 0.9), (1, 0)), 2)),
        (body(output([[0.1, 0.9], [1, 0]], [2, 2])), (((0.1, 0.9), (1, 0)), 2)),
        (body(output([0.5] * 20, [10, 2])), (((0.5, 0.5),) * 8, 10)),
        (body(output([0.1] * 21, [1, 21])), None),
        (body(output([0.1, 0.9, 1], [2, 2])), None),
        (body(output([0.1, "a"], [1, 2])), None),
        (body(output([[0.1], [1, 0]], [2, 2])), None),
        (body(output([0.1], [-1, 2])), None),
        (body(output([0.1], ["1", 2])), None),
        (body(output([], [0])), None),
        (body(output([None], [1])), None),
        (body(output([{}], [1])), None),
        (body(output("x", [1])), None),
        (body(output([1], [])), None),
        (body(), None),
        (body(3), None),
        (b'{"outputs": 3}', None),
        (b"[]", None),
        (b"no json", None),
    ],
)
def test_read(answer: bytes, expected: Any) -> None:
    """One prediction or a row of scores per row of the output `predict`, or of the first; else none."""
    assert read(answer, None) == expected


def test_gzip() -> None:
    """A gzipped answer is unpacked, within a bound; another coding is not read."""
    plain = body(output([1], [1]))
    assert read(gzip.compress(plain), b"gzip") == ((1,), 1)
    assert read(gzip.compress(plain + b" " * MAX_INFLATED_BYTES), b"gzip") == ((1,), 1)
    assert read(gzip.compress(b" " * MAX_INFLATED_BYTES + plain), b"gzip") is None
    assert read(plain, b"gzip") is None
    assert read(plain, b"br") is None
    assert read(plain, b"identity") == ((1,), 1)
