"""What a model says, through its endpoint: batches, classes, probabilities, values, and servers that fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest

from bench.gates.files import gate_file, subject
from bench.gates.known import GOOD, serving, table
from modelward.api.gateverdict import ErrorReason
from modelward.gates.failure import GateError
from tests.integration.gates.servers import Handler, running

pytestmark = pytest.mark.integration

GATE = {"name": "calm", "robustness": {"noise": [{"size": "0.1", "maxFlips": "10%"}]}}


@contextmanager
def answering(answers: list[tuple[int, object]]) -> Iterator[str]:
    """Serve these answers, one after the other, the last for ever."""

    class Answering(Handler):
        def respond(self, _asked: bytes) -> tuple[int, bytes]:
            status, content = answers.pop(0) if len(answers) > 1 else answers[0]
            return status, content if isinstance(content, bytes) else orjson.dumps(content)

    with running(Answering) as address:
        yield address


def output(values: list[Any], width: int = 1) -> dict[str, Any]:
    """Return an answer of protocol v2."""
    shape = [len(values) // width, width]
    return {"outputs": [{"name": "y", "shape": shape, "datatype": "FP64", "data": values}]}


def test_batches_come_back_in_order(tables: Path, good: str) -> None:
    """Rows asked in batches must have the answers that they have alone, and be counted."""
    asked = subject(gate_file(GATE, batchRows=7), tables, good)
    assert np.array_equal(asked.candidate.predictions.decided, GOOD.predict(asked.data.rows))
    endpoint = asked.candidate.model.endpoint
    assert (endpoint.requests, endpoint.predictions) == (-(-1000 // 7), 1000)


def test_text_labels_are_classes(tmp_path: Path) -> None:
    """A model that answers with text must be read by the labels' own text."""
    rows = table(100, 0)
    rows["label"] = np.where(rows["label"] == 1, "up", "down")
    rows.to_csv(tmp_path / "validation.csv", index=False)

    class Texts:
        def predict(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.str_]:
            return np.where(GOOD.predict(rows) == 1, "up", "down")

    with serving(Texts()) as address:
        asked = subject(gate_file(GATE), tmp_path, address)
    assert asked.candidate.model.classes == ("down", "up")
    assert np.array_equal(asked.candidate.predictions.decided, GOOD.predict(asked.data.rows))


def test_probabilities_decide(tables: Path) -> None:
    """One probability is that of the second class, several are of each in order; the largest decides."""
    with answering([(200, output([0.2, 0.7] * 500))]) as one:
        asked = subject(gate_file(GATE, answers="Probabilities"), tables, one)
    assert asked.candidate.predictions.decided[:2].tolist() == [0, 1]
    assert asked.candidate.predictions.scores[0].tolist() == pytest.approx([0.8, 0.2, 0])
    with answering([(200, output([0.9, 0.1] * 1000, width=2))]) as two:
        asked = subject(gate_file(GATE, answers="Probabilities", classes=["1", "0"]), tables, two)
    assert asked.candidate.model.classes == ("1", "0")
    assert set(asked.candidate.predictions.decided) == {0}


def test_a_class_that_no_label_has_is_another(tables: Path) -> None:
    """An answer beyond the labels' classes must be a class of its own, unlike each of them."""
    with answering([(200, output([0, 7] * 500))]) as address:
        asked = subject(gate_file(GATE), tables, address)
    assert set(asked.candidate.predictions.decided) == {0, 2}
    assert asked.candidate.predictions.scores[1].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("inference", "answer", "said"),
    [
        ({}, (200, output([7] * 1000)), "answers with '7', and the labels are 0, 1: write the labels as"),
        ({}, (200, output([0.5, 0.5] * 1000, width=2)), "write inference.answers: Probabilities"),
        (
            {"answers": "Probabilities"},
            (200, output([7] * 1000)),
            "no probabilities: write inference.answers",
        ),
        (
            {"answers": "Probabilities"},
            (200, output([0.2, 0.3, 0.5] * 1000, width=3)),
            "the probabilities of 3 classes, the labels are of 2: 0, 1; write inference.classes",
        ),
        ({}, (404, {"error": "no model"}), 'answers 404: {"error":"no model"}'),
        ({}, (200, b"<html>"), "answers with no predictions for 1000 rows"),
        ({}, (200, output([1] * 999)), "has the shape"),
        ({}, (200, output([{"class": 1}] * 1000)), "answers with no predictions for 1000 rows"),
        ({"answers": "Probabilities"}, (200, output([None] * 1000)), "no number in 1000 of 1000 places"),
    ],
)
def test_answers_that_are_no_predictions_are_errors(
    tables: Path, inference: dict[str, Any], answer: tuple[int, object], said: str
) -> None:
    """Whatever is no prediction must end the gate with what came and what to write."""
    with answering([answer]) as address, pytest.raises(GateError) as caught:
        subject(gate_file(GATE, **inference), tables, address)
    assert caught.value.reason is ErrorReason.ENDPOINT
    assert said in str(caught.value)


def test_a_busy_server_is_asked_again(tables: Path) -> None:
    """503 and 429 are answers of a server that is busy, not of a model that fails."""
    answers: list[tuple[int, object]] = [(503, b""), (429, b""), (200, output([0, 1] * 500))]
    with answering(answers) as address:
        asked = subject(gate_file(GATE), tables, address)
    assert set(asked.candidate.predictions.decided) == {0, 1}


def test_no_server_is_an_error(tables: Path) -> None:
    """An endpoint that nobody listens at, or that is no address, must be an error, soon."""
    for address, said in (
        ("http://127.0.0.1:9", "does not answer"),
        ("localhost:80", "write http://HOST:PORT"),
    ):
        with pytest.raises(GateError, match=said):
            subject(gate_file(GATE), tables, address)


def test_values_are_compared_by_their_size(tables: Path) -> None:
    """A model of numbers has no classes: its value is its score and its decision."""

    class Sum:
        def predict(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return np.asarray(rows.sum(axis=1))

    with serving(Sum()) as address:
        asked = subject(gate_file(GATE, answers="Values"), tables, address)
    assert asked.candidate.model.classes == ()
    assert asked.candidate.predictions.decided == pytest.approx(asked.data.rows.sum(axis=1))
