"""Robustness through an endpoint: flips, slices and smallest changes that are known beforehand."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from bench.gates.files import found, gate_file, subject, values
from bench.gates.known import FEATURES, GOOD, Brittle, serving, table
from modelward.api.robustness import Gradient, Method, Perturbation
from modelward.gates.failure import GateError
from modelward.gates.findings import Findings
from modelward.gates.robustness import gradient
from modelward.gates.robustness.perturbation import sizes
from modelward.gates.subject import Addresses, read_subject
from tests.integration.gates.servers import Handler, running

pytestmark = pytest.mark.integration

WEIGHTS = np.array(GOOD.weights)
LENGTH = float(np.linalg.norm(WEIGHTS))
NOISE = {"name": "calm", "robustness": {"noise": [{"size": "0.1", "maxFlips": "10%"}]}}


Decide = Callable[[Mapping[str, list[Any]]], list[int]]


@contextmanager
def deciding(decide: Decide) -> Iterator[str]:
    """Serve a model of named columns, text among them; yield its address."""

    class Deciding(Handler):
        def respond(self, asked: bytes) -> tuple[int, bytes]:
            said = decide({column["name"]: column["data"] for column in orjson.loads(asked)["inputs"]})
            output = {"name": "y", "shape": [len(said)], "datatype": "INT64", "data": said}
            return 200, orjson.dumps({"outputs": [output]})

    with running(Deciding) as address:
        yield address


def test_noise_flips_what_is_near_the_boundary(tables: Path, good: str) -> None:
    """Of a linear model of normal inputs noise of size s flips the share arctan(s) / pi."""
    share = values(found(gate_file(NOISE), tables, good)["calm"])["flips under noise 0.1", ""]
    assert share == pytest.approx(np.arctan(0.1) / np.pi, abs=0.02)


@pytest.mark.parametrize("kind", ["noise", "shifted"])
def test_what_can_move_nothing_is_no_pass(tmp_path: Path, good: str, kind: str) -> None:
    """Where no feature is a number that varies, nothing was tried: that must be an error."""
    table(200, 1).assign(**dict.fromkeys(FEATURES, 1.0)).to_csv(tmp_path / "validation.csv", index=False)
    file = gate_file({"name": "calm", "robustness": {kind: [{"size": "0.1", "maxFlips": "10%"}]}})
    with pytest.raises(GateError, match="none can be moved"):
        found(file, tmp_path, good)


def test_an_infinite_label_is_no_measure(tmp_path: Path, good: str) -> None:
    """Of infinite labels no spread is known, so that nothing would count as a flip: it must be an error."""
    rows = table(200, 1).assign(label=0.0)
    rows.loc[3, "label"] = np.inf
    rows.to_csv(tmp_path / "validation.csv", index=False)
    with pytest.raises(GateError, match="label 'label' is infinite in complete row 4"):
        found(gate_file(NOISE, answers="Values"), tmp_path, good)


def test_a_brittle_model_flips_under_noise(tables: Path, good: str) -> None:
    """A model that is lost off its data must fail, also beside stable, though its accuracy is the same."""
    noise = [{"size": "0.1", "maxFlips": "10%", "maxFlipsAboveStable": "5%"}]
    file = gate_file({"name": "calm", "robustness": {"noise": noise}})
    with serving(Brittle(GOOD)) as brittle:
        asked = subject(file, tables, brittle)
        measured = found(file, tables, brittle, good)["calm"]
    labels = asked.data.labels == np.array(["0", "1"])[asked.candidate.predictions.decided.astype(int)]
    assert labels.mean() > 0.95
    assert [check.passed for check in measured.checks] == [False, False]
    assert measured.checks[0].value > 0.4


def test_missing_values_flip_as_often_as_they_matter(tables: Path, good: str) -> None:
    """Half of the values gone must flip many, a hundredth few; medians near 0 are as good as zeros here."""
    missing = [
        {"share": share, "replacement": kind, "maxFlips": "99%"}
        for share in ("1%", "50%")
        for kind in ("Median", "Zero")
    ]
    measured = values(
        found(gate_file({"name": "gaps", "robustness": {"missing": missing}}), tables, good)["gaps"]
    )
    assert measured["flips under 1% missing, median instead", ""] < 0.02
    assert measured["flips under 50% missing, median instead", ""] > 0.15
    assert measured["flips under 50% missing, zero instead", ""] == pytest.approx(
        measured["flips under 50% missing, median instead", ""], abs=0.05
    )


def test_null_is_given_to_the_server(tables: Path, good: str) -> None:
    """A server that takes no null must be an error of the gate, not a pass."""

    class Strict:
        def predict(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
            if np.isnan(rows).any():
                raise ValueError("a value is missing")
            return GOOD.predict(rows)

    missing = [{"share": "5%", "replacement": "Null", "maxFlips": "10%"}]
    file = gate_file({"name": "gaps", "robustness": {"missing": missing}})
    assert found(file, tables, good)["gaps"].checks[0].value < 0.2
    with serving(Strict()) as strict, pytest.raises(GateError, match="a value is missing"):
        found(file, tables, strict)


def test_the_feature_that_moves_most_is_named(tables: Path, good: str) -> None:
    """Moving each feature in turn must find the one of the largest weight, and its share."""
    shifted = [{"size": "0.5", "maxFlips": "5%"}]
    (check,) = found(gate_file({"name": "moved", "robustness": {"shifted": shifted}}), tables, good)[
        "moved"
    ].checks
    assert check.subject == "age"
    assert check.value == pytest.approx(norm.cdf(0.5 / LENGTH) - 0.5, abs=0.03)


def test_named_slices_have_the_accuracy_that_was_put_there(tmp_path: Path, good: str) -> None:
    """Labels turned round for one half of the ages must show in that slice, and in the worst one found."""
    rows = table(2000, 3)
    wrong = rows["age"] > 0
    rows.loc[wrong, "label"] = 1 - rows.loc[wrong, "label"]
    rows["region"] = np.where(wrong, "north", "south")
    rows.to_csv(tmp_path / "validation.csv", index=False)
    (tmp_path / "training.csv").write_text((tmp_path / "validation.csv").read_text())
    slices = [
        {"name": "old", "column": "age", "min": "0.001", "minAccuracy": "90%"},
        {"name": "young", "column": "age", "max": "0.001", "minAccuracy": "90%"},
        {"name": "south", "column": "region", "categories": ["south"], "minAccuracy": "90%"},
    ]
    robust = {"slices": slices, "worstSlice": {"minAccuracy": "50%", "maxBelowStable": "1%", "depth": 1}}
    file = gate_file({"name": "parts", "robustness": robust})
    file = file.model_copy(update={"validation": file.validation.model_copy(update={"features": FEATURES})})
    measured = found(file, tmp_path, good, good)["parts"]
    by_name = values(measured)
    assert by_name["accuracy on the slice", "old"] == pytest.approx(0.03, abs=0.02)
    assert by_name["accuracy on the slice", "young"] == pytest.approx(0.97, abs=0.02)
    assert by_name["accuracy on the slice", "south"] == by_name["accuracy on the slice", "young"]
    worst = next(check for check in measured.checks if check.name == "accuracy on the worst slice")
    assert worst.subject == "age > 0.005"
    assert worst.value < 0.1
    beside = next(check for check in measured.checks if check.name.endswith("below stable's"))
    assert (beside.value, beside.passed) == (0, True)


def test_a_slice_without_rows_is_no_pass(tables: Path, good: str) -> None:
    """A slice of too few rows, or of a column that is not there, must be an error that names it."""
    for part, said in (
        ({"name": "giants", "column": "age", "min": "50"}, "slice 'giants' has 0 rows"),
        (
            {"name": "tall", "column": "height", "min": "2"},
            "no column 'height'; the validation data have age",
        ),
    ):
        file = gate_file({"name": "parts", "robustness": {"slices": [{**part, "minAccuracy": "90%"}]}})
        with pytest.raises(GateError, match=said):
            found(file, tables, good)


def test_the_smallest_change_is_the_distance_to_the_boundary(tables: Path, good: str) -> None:
    """Of a linear model the size found for each row must be its distance, in spreads, to within a tenth."""
    asked = subject(gate_file(NOISE), tables, good)
    gate = Perturbation.model_validate({"minMedian": "0.1", "rows": 20, "iterations": 12})
    measured = sizes(gate, asked, asked.candidate)
    tried = asked.generator("attacked rows").permutation(asked.draw(5000))[:20]
    scaled = WEIGHTS * asked.data.spreads
    distances = np.abs(asked.data.rows[tried] @ WEIGHTS) / np.linalg.norm(scaled)
    assert np.all(measured >= distances - 1e-3)
    assert np.median(measured) == pytest.approx(np.median(distances), rel=0.1)
    assert np.array_equal(measured, sizes(gate, asked, asked.candidate))


def test_the_size_is_held_against_limit_and_stable(tables: Path, good: str) -> None:
    """A boundary that small steps reach must fail where a large one is asked for, and beside stable."""
    perturbation = {"minMedian": "0.3", "minRatioToStable": "0.8", "rows": 15, "iterations": 4}
    file = gate_file({"name": "near", "robustness": {"perturbation": perturbation}})
    with serving(Brittle(GOOD)) as brittle:
        measured = found(file, tables, brittle, good)["near"]
    assert [check.passed for check in measured.checks] == [False, False]
    assert [check.passed for check in found(file, tables, good, good)["near"].checks] == [True, True]


def test_a_model_that_decides_all_alike_has_no_smallest_change(tables: Path) -> None:
    """What nothing flips must be an error, not the most robust of models."""
    file = gate_file({"name": "near", "robustness": {"perturbation": {"minMedian": "0.1", "rows": 5}}})

    class One:
        def predict(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
            return np.ones(len(rows), dtype=np.int64)

    with serving(One()) as constant, pytest.raises(GateError, match="flips 5 of 5 rows"):
        found(file, tables, constant)


def test_half_of_the_rows_have_no_median_size(tmp_path: Path) -> None:
    """Where exactly half of the rows cannot be flipped their median is no number: an error that says so."""
    rows = table(50, 1)
    rows["postcode"] = np.where(np.arange(50) % 2, "walled", "open")
    rows["label"] = np.where(rows["postcode"] == "open", rows["age"] > 0, 0).astype(int)
    rows.to_csv(tmp_path / "validation.csv", index=False)

    def decide(column: Mapping[str, list[Any]]) -> list[int]:
        return [
            int(where == "open" and age > 0)
            for where, age in zip(column["postcode"], column["age"], strict=True)
        ]

    perturbation = {"minMedian": "0.1", "rows": 50, "iterations": 1}
    file = gate_file({"name": "near", "robustness": {"perturbation": perturbation}}, layout="Columns")
    with deciding(decide) as walled, pytest.raises(GateError, match="flips 25 of 50 rows"):
        found(file, tmp_path, walled)


def test_gradients_leave_constants_as_they_are(tables: Path, tmp_path: Path) -> None:
    """A feature that is a constant has no spread to be moved by, however much the model makes of it."""
    train = table(3000, 4)
    model = LogisticRegression()
    model.fit(train[list(FEATURES)].to_numpy(), (train["age"] + 3 * train["postcode"] > 0).astype(int))
    joblib.dump(model, tmp_path / "model.joblib")
    rows = pd.read_csv(tables / "validation.csv").assign(postcode=0.0)
    rows["label"] = model.predict(rows[list(FEATURES)].to_numpy())
    rows.to_csv(tmp_path / "validation.csv", index=False)
    with serving(model) as address:
        addresses = Addresses(address, None, (tmp_path / "model.joblib").as_uri())
        asked = read_subject(gate_file(NOISE), addresses, tmp_path, 0)
        margins = np.abs(model.decision_function(asked.data.rows))
        reach = 0.2 * np.abs(model.coef_[0] * asked.data.spreads).sum()
        for method in Method:
            findings = Findings()
            gate = Gradient.model_validate({"method": method, "size": "0.2", "maxFlips": "1%"})
            gradient.check(findings, (gate,), asked)
            assert findings.checks[0].value == pytest.approx((margins < reach).mean(), abs=0.01)


def test_gradients_flip_more_than_noise_of_their_size(tables: Path, tmp_path: Path) -> None:
    """FGSM moves every feature by its size against the boundary: of a linear model the share is known."""
    train = table(3000, 10_000)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(train[list(FEATURES)].to_numpy(), train["label"])
    joblib.dump(model, tmp_path / "model.joblib")
    with serving(model) as address:
        uri = (tmp_path / "model.joblib").as_uri()
        asked = read_subject(gate_file(NOISE), Addresses(address, None, uri), tables, 0)
        shares = {}
        for method in Method:
            findings = Findings()
            gate = Gradient.model_validate({"method": method, "size": "0.2", "maxFlips": "1%"})
            gradient.check(findings, (gate,), asked)
            shares[method] = findings.checks[0].value
    coefficients = model[-1].coef_[0] / model[0].scale_
    margins = np.abs(model.decision_function(asked.data.rows))
    reach = 0.2 * np.abs(coefficients * asked.data.spreads).sum()
    assert shares[Method.FGSM] == pytest.approx((margins < reach).mean(), abs=0.01)
    assert shares[Method.PGD] == pytest.approx(shares[Method.FGSM], abs=0.01)


def test_gradients_of_other_models_are_refused(tables: Path, tmp_path: Path) -> None:
    """A tree has no gradient, and no file is no model: both must be said."""
    train = table(1000, 1)
    model = DecisionTreeClassifier(max_depth=3).fit(train[list(FEATURES)].to_numpy(), train["label"])
    joblib.dump(model, tmp_path / "model.joblib")
    gates = (Gradient.model_validate({"method": "FGSM", "size": "0.2", "maxFlips": "1%"}),)
    with serving(model) as address:
        for uri, said in (
            ((tmp_path / "model.joblib").as_uri(), "gradient of DecisionTreeClassifier is not known"),
            (None, "give --model"),
        ):
            asked = read_subject(gate_file(NOISE), Addresses(address, None, uri), tables, 0)
            with pytest.raises(GateError, match=said):
                gradient.check(Findings(), gates, asked)
        file = gate_file(NOISE, modelFile="model.joblib")
        asked = read_subject(file, Addresses(address, None, tmp_path.as_uri()), tables, 0)
        with pytest.raises(GateError, match="gradient of DecisionTreeClassifier is not known"):
            gradient.check(Findings(), gates, asked)
