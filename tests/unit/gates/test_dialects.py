"""Requests and answers of the protocols, byte for byte what servers know."""

import numpy as np
import orjson
import pytest

from modelward.api.inference import Inference
from modelward.gates.dataset import Feature
from modelward.gates.endpoint.http import PlainJSON
from modelward.gates.endpoint.v2 import OpenInference
from modelward.gates.failure import GateError

NUMBER = Feature("height", None, 1.0, 0.0)
TEXT = Feature("colour", ("blue", "red"), 0.0, 0.0)
ROWS = np.array([[1.5, 0.0], [np.nan, 1.0]])


def sent(dialect: OpenInference | PlainJSON, rows: np.ndarray = ROWS) -> object:
    """Return a request as a server reads it."""
    return orjson.loads(orjson.dumps(dialect.request(rows), option=orjson.OPT_SERIALIZE_NUMPY))


def test_a_matrix_is_one_tensor() -> None:
    """Rows must be one input of two axes, flat in row-major order, a missing value null."""
    inference = Inference.model_validate({"model": "a%b", "input": "x", "datatype": "FP32", "output": "y"})
    dialect = OpenInference(inference, [NUMBER, NUMBER])
    assert dialect.path == "/v2/models/a%25b/infer"
    assert sent(dialect) == {
        "inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1.5, 0.0, None, 1.0]}],
        "outputs": [{"name": "y"}],
    }


def test_columns_are_named_tensors() -> None:
    """Each feature must be an input of its name, text as BYTES."""
    dialect = OpenInference(Inference.model_validate({"model": "m", "layout": "Columns"}), [NUMBER, TEXT])
    assert sent(dialect) == {
        "inputs": [
            {"name": "height", "shape": [2, 1], "datatype": "FP64", "data": [1.5, None]},
            {"name": "colour", "shape": [2, 1], "datatype": "BYTES", "data": ["blue", "red"]},
        ]
    }


def test_text_in_a_matrix_is_refused() -> None:
    """A matrix of numbers has no place for text: the error must say what to write."""
    with pytest.raises(GateError, match=r"'colour' is text.*write inference\.layout: Columns"):
        OpenInference(Inference.model_validate({"model": "m"}), [NUMBER, TEXT])


@pytest.mark.parametrize(
    ("shape", "data", "expected"),
    [
        ([2], [0, 1], [0, 1]),
        ([2, 1], [0, 1], [0, 1]),
        ([2, 1], [[0], [1]], [0, 1]),
        ([2, 2], [0.9, 0.1, 0.2, 0.8], [[0.9, 0.1], [0.2, 0.8]]),
    ],
)
def test_answers_have_one_row_each(shape: list[int], data: list[object], expected: list[object]) -> None:
    """Every shape that servers answer with must be read by rows."""
    dialect = OpenInference(Inference.model_validate({"model": "m"}), [NUMBER])
    body = {"outputs": [{"name": "y", "shape": shape, "datatype": "FP64", "data": data}]}
    assert dialect.answer(body, 2).tolist() == expected


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "no list of outputs"),
        ({"error": "x"}, "no list of outputs"),
        ({"outputs": [{"name": "y", "shape": [3], "datatype": "FP64", "data": [1, 2, 3]}]}, "has the shape"),
        ({"outputs": [{"name": "y", "shape": [2], "datatype": "FP64"}]}, "has the shape"),
        (
            {"outputs": [{"name": "z", "shape": [2], "datatype": "FP64", "data": [1, 2]}]},
            "no output 'y' but z",
        ),
        (
            {"outputs": [{"name": "y", "shape": [2], "datatype": "FP64", "data": ["a", 2]}]},
            "could not convert",
        ),
    ],
)
def test_what_is_no_answer_is_said(body: object, said: str) -> None:
    """Anything but a prediction for each row must be an error that says what came."""
    dialect = OpenInference(Inference.model_validate({"model": "m", "output": "y"}), [NUMBER])
    with pytest.raises(ValueError, match=said):
        dialect.answer(body, 2)


def test_plain_json_is_put_and_found_by_pointers() -> None:
    """Rows must go where the pointer says, answers be found there, names unescaped."""
    pointers = {"path": "/predict", "rows": "/data/a~1b", "answers": "/out"}
    dialect = PlainJSON(Inference.model_validate({"protocol": "http", "pointers": pointers}), [NUMBER, TEXT])
    assert dialect.path == "/predict"
    assert sent(dialect) == {"data": {"a/b": [[1.5, "blue"], [None, "red"]]}}
    assert dialect.answer({"out": ["yes", "no"]}, 2).tolist() == ["yes", "no"]
    assert dialect.answer({"out": [[0.1], [0.9]]}, 2).tolist() == [0.1, 0.9]
    with pytest.raises(ValueError, match="no list of 2 at '/out'"):
        dialect.answer({"out": [1]}, 2)
