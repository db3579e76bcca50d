"""Interpretability through an endpoint: importances, ranks and directions that are known beforehand."""

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)

from bench.gates.files import found, gate_file, subject, values
from bench.gates.known import FEATURES, GOOD, LEANING, Linear, serving, table
from modelward.gates.failure import GateError
from modelward.gates.interpretability import gate as interpretability
from modelward.gates.interpretability.dependence import ROWS
from modelward.gates.subject import Addresses, read_subject

pytestmark = pytest.mark.integration

FEW = {"rows": 60, "background": 20, "permutations": 2}
SHARES = {
    "name": "why",
    "interpretability": {
        **FEW,
        "forbidden": [{"feature": "postcode"}],
        "required": [{"feature": "age", "minShare": "25%"}],
    },
}


def test_a_feature_that_is_not_looked_at_has_no_share(tables: Path, good: str) -> None:
    """Weights 1, .6, -.8 and 0 must give shares in their order, and exactly none for the last."""
    measured = found(gate_file(SHARES), tables, good)["why"]
    assert all(check.passed for check in measured.checks)
    shares = values(measured)
    assert shares["share of importance", "postcode"] == 0
    assert shares["share of importance", "age"] == pytest.approx(1 / 2.4, abs=0.08)
    assert shares["features that matter", ""] == 3


def test_leaning_on_a_forbidden_feature_fails(tables: Path) -> None:
    """A model whose largest weight is on the forbidden feature must fail by that feature alone."""
    with serving(LEANING) as leaning:
        measured = found(gate_file(SHARES), tables, leaning)["why"]
    assert [check.subject for check in measured.checks if not check.passed] == ["postcode"]


def test_a_model_that_looks_at_nothing_fails(tables: Path) -> None:
    """A constant answer depends on no forbidden feature, and must not pass for that."""
    with serving(Linear((0.0, 0.0, 0.0, 0.0), threshold=-1.0)) as constant:
        measured = found(gate_file(SHARES), tables, constant)["why"]
    assert values(measured)["features that matter", ""] == 0
    assert not measured.checks[0].passed


def test_ranks_are_held_against_stable(tables: Path, good: str) -> None:
    """The same model must correlate fully, one with its weights turned round must not, none has no rank."""
    file = gate_file({"name": "why", "interpretability": {**FEW, "minRankCorrelation": "0.8"}})
    name = ("rank correlation of importances with stable's", "")
    assert values(found(file, tables, good, good)["why"])[name] == 1
    with serving(Linear((0.0, 0.6, 0.2, 1.0))) as other:
        measured = found(file, tables, other, good)["why"]
    assert values(measured)[name] < 0
    with pytest.raises(GateError, match="give --stable-endpoint"):
        found(file, tables, good)


def test_directions_are_those_of_the_weights(tables: Path, good: str) -> None:
    """Rising age must raise, rising debt lower the prediction; the other way round must fail."""
    measured = {}
    for age, debt in (("Increasing", "Decreasing"), ("Decreasing", "Increasing")):
        monotone = [{"feature": "age", "direction": age}, {"feature": "debt", "direction": debt}]
        file = gate_file({"name": "why", "interpretability": {**FEW, "monotone": monotone}})
        measured[age] = values(found(file, tables, good)["why"])
    assert measured["Increasing"]["share of the way against increasing", "age"] == 0
    assert measured["Increasing"]["share of the way against decreasing", "debt"] == 0
    assert measured["Decreasing"]["share of the way against decreasing", "age"] == 1
    assert measured["Decreasing"]["share of the way against increasing", "debt"] == 1


@pytest.mark.parametrize("kind", [GradientBoostingClassifier, RandomForestClassifier])
def test_trees_are_explained_exactly_from_their_file(tables: Path, tmp_path: Path, kind: type) -> None:
    """Where the file of an ensemble is given its exact shares must agree with those through the endpoint."""
    train = table(1000, 10_000)
    model = kind(n_estimators=20, max_depth=3, random_state=0)
    model.fit(train[list(FEATURES)].to_numpy(), train["label"])
    joblib.dump(model, tmp_path / "model.joblib")
    file = gate_file(SHARES)
    with serving(model) as address:
        asked = read_subject(file, Addresses(address, None, None), tables, 0)
        uri = (tmp_path / "model.joblib").as_uri()
        exact = read_subject(file, Addresses(address, None, uri), tables, 0)
        gate = file.gates[0].interpretability
        assert gate is not None
        by_endpoint = interpretability.run(gate, asked)
        by_file = interpretability.run(gate, exact)
    assert by_file.checks[0].message.startswith("exact SHAP values of trees")
    ours, theirs = values(by_file), values(by_endpoint)
    age = ("share of importance", "age")
    assert ours[age] == pytest.approx(theirs[age], abs=0.12)
    assert ours["share of importance", "postcode"] < 0.02


def test_splits_that_shap_does_not_know_are_explained_through_the_endpoint(tmp_path: Path) -> None:
    """SHAP takes a split by categories for one by size: such a file's exact shares would be wrong."""
    generator = np.random.default_rng(0)
    values = generator.integers(0, 12, size=(2000, len(FEATURES))).astype(np.float64)
    rows = pd.DataFrame(values, columns=list(FEATURES))
    rows["label"] = np.isin(rows["age"], [1, 4, 7, 8, 11]).astype(int)
    rows.to_csv(tmp_path / "validation.csv", index=False)
    model = HistGradientBoostingClassifier(categorical_features=[0], max_iter=20)
    model.fit(values, rows["label"])
    joblib.dump(model, tmp_path / "model.joblib")
    file = gate_file({"name": "why", "interpretability": {**FEW, "required": [{"feature": "age"}]}})
    gate = file.gates[0].interpretability
    assert gate is not None
    with serving(model) as address:
        uri = (tmp_path / "model.joblib").as_uri()
        asked = read_subject(file, Addresses(address, None, uri), tmp_path, 0)
        measured = interpretability.run(gate, asked)
    assert measured.checks[0].message.startswith("SHAP permutation explainer through the endpoint")


def test_a_feature_that_is_mostly_one_value_has_a_dependence(tmp_path: Path) -> None:
    """Where the quantiles between which a feature is moved are one value, its whole range must be taken."""
    generator = np.random.default_rng(1)
    rows = table(2000, 3)
    rows["income"] = np.where(generator.random(2000) < 0.92, 0.0, generator.normal(size=2000) * 20)
    rows.to_csv(tmp_path / "validation.csv", index=False)
    monotone = [{"feature": "income", "direction": "Increasing"}]
    with serving(GOOD) as address:
        file = gate_file({"name": "why", "interpretability": {**FEW, "monotone": monotone}})
        measured = found(file, tmp_path, address)["why"]
    assert values(measured)["share of the way against increasing", "income"] == 0
    (curve,) = (row for each in measured.figures for row in each.rows if row[:2] == ("income", "candidate"))
    means = [float(value) for value in curve[2].split()]
    assert len(means) == 20
    assert means[-1] - means[0] > 0.9


def test_a_feature_that_differs_in_few_rows_is_moved_all_the_same(tmp_path: Path) -> None:
    """One row of two thousand that is not among those drawn must tell what the feature moves between."""
    monotone = [{"feature": "income", "direction": "Decreasing"}]
    rows = table(2000, 3)
    file = gate_file({"name": "why", "interpretability": {**FEW, "monotone": monotone}})
    with serving(GOOD) as address:
        rows["income"] = 0.0
        rows.to_csv(tmp_path / "validation.csv", index=False)
        drawn = set(read_subject(file, Addresses(address, None, None), tmp_path, 0).draw(ROWS).tolist())
        rows.loc[next(row for row in range(2000) if row not in drawn), "income"] = 20.0
        rows.to_csv(tmp_path / "validation.csv", index=False)
        measured = found(file, tmp_path, address)["why"]
    assert values(measured)["share of the way against decreasing", "income"] == 1


@pytest.mark.parametrize(
    "limit",
    [
        {"monotone": [{"feature": "income", "direction": "Increasing"}]},
        {"forbidden": [{"feature": "income", "maxShare": "5%"}]},
    ],
    ids=["monotone", "forbidden"],
)
def test_a_limit_of_which_the_rows_say_nothing_is_an_error(tmp_path: Path, limit: dict[str, Any]) -> None:
    """A feature that is the same in all rows has no dependence and no share, and must not pass for that."""
    rows = table(2000, 3)
    rows["income"] = 3.0
    rows.to_csv(tmp_path / "validation.csv", index=False)
    file = gate_file({"name": "why", "interpretability": {**FEW, **limit}})
    with serving(GOOD) as address, pytest.raises(GateError, match="'income' is 3 in all 2000 rows") as told:
        found(file, tmp_path, address)
    assert "give rows of validation data in which it differs" in str(told.value)


def test_a_file_that_is_named_is_not_passed_over(tables: Path, good: str) -> None:
    """Who names the model's file and not where it is must be told, and not get another method."""
    asked = read_subject(gate_file(SHARES, modelFile="model.joblib"), Addresses(good, None, None), tables, 0)
    gate = gate_file(SHARES).gates[0].interpretability
    assert gate is not None
    with pytest.raises(GateError, match="give --model"):
        interpretability.run(gate, asked)


def test_a_file_that_is_not_served_is_refused(tables: Path, tmp_path: Path, good: str) -> None:
    """A file that predicts other than the endpoint must be no evidence for what is served."""
    rows = table(500, 1)
    model = RandomForestClassifier(n_estimators=5, random_state=0)
    model.fit(rows[list(FEATURES)].to_numpy(), 1 - rows["label"])
    joblib.dump(model, tmp_path / "model.joblib")
    file = gate_file(SHARES)
    asked = read_subject(file, Addresses(good, None, (tmp_path / "model.joblib").as_uri()), tables, 0)
    gate = file.gates[0].interpretability
    assert gate is not None
    with pytest.raises(GateError, match="name the file that is served"):
        interpretability.run(gate, asked)


def test_the_classes_and_draws_are_those_of_the_data(tables: Path, good: str) -> None:
    """Classes must be the labels' in order, and the same seed must draw the same rows, another others."""
    file = gate_file(SHARES)
    one, again = subject(file, tables, good), subject(file, tables, good)
    assert one.candidate.model.classes == ("0", "1")
    assert np.array_equal(one.draw(50), again.draw(50))
    assert not np.array_equal(one.draw(50), subject(file, tables, good, seed=1).draw(50))
    right = one.candidate.predictions.decided == GOOD.predict(one.data.rows)
    assert right.all()
