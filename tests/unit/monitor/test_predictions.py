"""Predictions read out of v2 inference responses."""

import gzip
import json
import math
import struct
from typing import Any

import pytest

from modelward.api.monitorconfig import AccuracyObjectiveConfig
from modelward.monitor.predictions import MAX_INFLATED_BYTES, Wanted, read, read_binary, wanted


def body(*outputs: Any) -> bytes:
    """A response with these outputs."""
    return json.dumps({"outputs": list(outputs)}).encode()


def output(data: Any, shape: list[Any], name: str = "out", datatype: str = "FP64") -> dict[str, Any]:
    """One output."""
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


CLASS = output([0, 1], [2, 1], "predict", "INT64")
SCORES = output([0.7, 0.3, 0.2, 0.8], [2, 2], "predict_proba")
READ_SCORES = (((0.7, 0.3), (0.2, 0.8)), 2)


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


@pytest.mark.parametrize(
    ("answer", "of", "expected"),
    [
        (body(CLASS, SCORES), Wanted.PREDICTION, ((0, 1), 2)),
        (body(CLASS, SCORES), Wanted.SCORES, READ_SCORES),
        (body(CLASS, SCORES), Wanted.PROBABILITY, READ_SCORES),
        (body(CLASS, output([9, 9], [1, 2], "first"), SCORES), Wanted.SCORES, READ_SCORES),
        (body(CLASS, SCORES | {"name": "scores"}), Wanted.SCORES, READ_SCORES),
        (body(CLASS), Wanted.SCORES, ((0, 1), 2)),
        (body(CLASS), Wanted.PROBABILITY, None),
        (body(output(["no"], [1], "predict", "BYTES")), Wanted.PROBABILITY, None),
        (body(CLASS, output([0.4, 1], [2], "p")), Wanted.PROBABILITY, ((0.4, 1), 2)),
        (body(), Wanted.SCORES, None),
    ],
)
def test_an_objective_of_scores_gets_scores(answer: bytes, of: Wanted, expected: Any) -> None:
    """Beside a class the scores are taken; where a probability is judged a bare class is nothing."""
    assert read(answer, None, of) == expected


def test_binary_scores() -> None:
    """Scores are found among binary tensors too, and a bare class is no probability."""
    scores = struct.pack("<2d", 0.25, 0.75)
    named = {"name": "predict", "shape": [1], "datatype": "INT64", "parameters": {"binary_data_size": 8}}
    proba = {"name": "predict_proba", "shape": [1, 2], "datatype": "FP64"}
    both = body(named, proba | {"parameters": {"binary_data_size": 16}})
    binary = both + struct.pack("<q", 1) + scores
    assert read_binary(binary, None, len(both)) == ((1,), 1)
    assert read_binary(binary, None, len(both), Wanted.PROBABILITY) == (((0.25, 0.75),), 1)
    one = body(named)
    assert read_binary(one + struct.pack("<q", 1), None, len(one), Wanted.PROBABILITY) is None


@pytest.mark.parametrize(("datatype", "form"), [("FP16", "e"), ("FP32", "f"), ("FP64", "d"), ("INT32", "i")])
@pytest.mark.parametrize("encoding", [None, b"gzip"])
def test_a_binary_matrix_is_read_by_rows(datatype: str, form: str, encoding: bytes | None) -> None:
    """The scores of each row are one prediction, packed or not; JSON's length is that before packing."""
    data = struct.pack(f"<9{form}", *range(9))
    text = body(
        {
            "name": "scores",
            "shape": [3, 3],
            "datatype": datatype,
            "parameters": {"binary_data_size": len(data)},
        }
    )
    whole = text + data if encoding is None else gzip.compress(text + data)
    assert read_binary(whole, encoding, len(text)) == (((0, 1, 2), (3, 4, 5), (6, 7, 8)), 3)
    assert read_binary(whole[: len(whole) // 2], encoding, len(text)) is None
    assert read_binary(whole, b"br", len(text)) is None


@pytest.mark.parametrize("shape", [[2], [1, 2]])
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_binary_answer_that_is_no_number(shape: list[int], number: float) -> None:
    """It is none that a receipt could hold."""
    text = body({"name": "p", "shape": shape, "datatype": "FP32", "parameters": {"binary_data_size": 8}})
    assert read_binary(text + struct.pack("<2f", 1, number), None, len(text)) is None


def test_wanted() -> None:
    """A threshold wants probabilities, argmax alone scores; beside a plain objective the prediction."""
    plain = AccuracyObjectiveConfig(name="plain", config="1")
    half = AccuracyObjectiveConfig(name="half", config="1", threshold=0.5)
    best = AccuracyObjectiveConfig(name="best", config="1", argmax=True)
    assert [wanted(of) for of in ([], [plain], [best], [best, plain], [best, half])] == [
        Wanted.PREDICTION,
        Wanted.PREDICTION,
        Wanted.SCORES,
        Wanted.PREDICTION,
        Wanted.PROBABILITY,
    ]
