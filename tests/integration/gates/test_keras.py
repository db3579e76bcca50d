"""Gradients of Keras models: shares of flips that are known beforehand, and what is refused."""

import importlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from bench.gates.files import gate_file
from bench.gates.known import FEATURES, GOOD, serving
from modelward.api.gateverdict import RunVerdict
from modelward.api.robustness import Method
from modelward.gates.failure import GateError
from modelward.gates.interpretability import gate as interpretability
from modelward.gates.subject import Addresses, read_subject
from tests.integration.gates.networks import (
    Decided,
    attacked,
    bent,
    bent_reachable,
    fitted,
    logistic_shares,
    reachable,
    refused,
    subject_of,
    three_classes,
)

if sys.version_info >= (3, 14):
    pytest.skip("TensorFlow has no wheels for this Python", allow_module_level=True)
keras = importlib.import_module("keras")
pytestmark = pytest.mark.integration

WIDTH = len(FEATURES)


def built(*layers: Any, features: int = WIDTH) -> Any:
    """Return a Keras model of rows."""
    return keras.Sequential([keras.Input((features,)), *layers])


def linear(model: LogisticRegression, head: str, scale: float = 1) -> Any:
    """Return a logistic regression as a Keras model with this head."""
    weights, bias = model.coef_.T * scale, model.intercept_ * scale
    if head in {"softmax", "logits"} and weights.shape[1] == 1:
        weights, bias = np.hstack([-weights / 2, weights / 2]), np.hstack([-bias / 2, bias / 2])
    activation = {"logit": None, "logits": None}.get(head, head)
    network = built(keras.layers.Dense(weights.shape[1], activation=activation))
    network.layers[0].set_weights([weights, bias])
    return network


def saved(model: Any, folder: Path) -> Path:
    """Write a model's file."""
    model.save(folder / "model.keras")
    return folder / "model.keras"


@pytest.mark.parametrize("head", ["sigmoid", "logit", "softmax", "logits"])
def test_linear_models_flip_as_their_margins_say(head: str, tables: Path, tmp_path: Path) -> None:
    """A linear network's share is known, and that of the same logistic regression, whatever it says."""
    model = fitted()
    with serving(model) as address:
        asked = subject_of(saved(linear(model, head), tmp_path), address, tables)
        shares = attacked(asked)
    assert shares[Method.FGSM] == pytest.approx(reachable(asked, model), abs=0.01)
    assert shares == pytest.approx(logistic_shares(model, tables, tmp_path), abs=0.002)


@pytest.mark.parametrize("head", ["softmax", "logits"])
def test_three_classes_flip_as_those_of_a_logistic_regression(head: str, tmp_path: Path) -> None:
    """Of several classes the direction is that of the cross-entropy of all."""
    model = three_classes(tmp_path)
    with serving(model) as address:
        shares = attacked(subject_of(saved(linear(model, head), tmp_path), address, tmp_path))
    assert shares == pytest.approx(logistic_shares(model, tmp_path, tmp_path), abs=0.002)
    assert shares[Method.FGSM] > 0.1


def test_bends_are_followed(tmp_path: Path) -> None:
    """Each row moves to its own boundary: where age is -1 or 1, whichever is nearer."""
    network = built(keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1, activation="sigmoid"))
    ages = np.zeros((WIDTH, 2))
    ages[0] = [1, -1]
    network.layers[0].set_weights([ages, np.zeros(2)])
    network.layers[1].set_weights([np.ones((2, 1)), np.array([-1.0])])
    with serving(bent(tmp_path)) as address:
        asked = subject_of(saved(network, tmp_path), address, tmp_path)
        shares = attacked(asked)
    assert shares[Method.FGSM] == pytest.approx(bent_reachable(asked), abs=0.02)
    assert shares[Method.PGD] == pytest.approx(shares[Method.FGSM], abs=0.005)


def test_a_sure_model_flips_as_a_hesitant_one(tables: Path, tmp_path: Path) -> None:
    """A model whose probabilities are all rounded to 0 and 1 is attacked by what is below its sigmoid."""
    model = fitted()
    with serving(model) as address:
        asked = subject_of(saved(linear(model, "sigmoid", scale=1000), tmp_path), address, tables)
        shares = attacked(asked)
    assert shares[Method.FGSM] == pytest.approx(reachable(asked, model), abs=0.01)


def test_no_gradient_is_no_pass(tables: Path, tmp_path: Path) -> None:
    """Rows whose probability is rounded to 1 cannot be moved, which must not pass for their not flipping."""
    model = fitted()
    network = linear(model, "sigmoid", scale=1000)
    network.add(keras.layers.Reshape((1,)))  # so that what is below the sigmoid is not found
    with serving(model) as address:
        asked = subject_of(saved(network, tmp_path), address, tables)
        with pytest.raises(GateError, match=r"no gradient at .*% of the rows"):
            attacked(asked, max_flips="20%")


def test_the_same_file_and_seed_give_the_same_shares(tables: Path, tmp_path: Path) -> None:
    """A network that is loaded anew flips the very same rows."""
    keras.utils.set_random_seed(1)
    network = built(
        keras.layers.Dense(16, activation="relu"), keras.layers.Dropout(0.5), keras.layers.Dense(2)
    )

    def decide(rows: Any) -> Any:
        return np.asarray(network(rows)).argmax(axis=1)

    path = saved(network, tmp_path)
    with serving(Decided(decide)) as address:
        first, second = (attacked(subject_of(path, address, tables)) for _ in range(2))
    assert first == second
    assert first[Method.FGSM] > 0


def test_a_run_gives_the_same_verdict_in_another_process(tables: Path, tmp_path: Path) -> None:
    """A gate on a Keras model keeps within the memory that a gate has, and says the same again."""
    model = fitted()
    path = saved(linear(model, "softmax"), tmp_path)
    attacks = [{"method": method, "size": "0.2", "maxFlips": "40%"} for method in Method]
    file = gate_file({"name": "calm", "robustness": {"gradient": attacks}}, modelFile=path.name)
    (tables / "networks.yaml").write_text(yaml.safe_dump(file.model_dump(mode="json", by_alias=True)))
    said = []
    with serving(model) as address:
        for _ in range(2):
            words = ["--file", str(tables / "networks.yaml"), "--endpoint", address, "--model", str(tmp_path)]
            command = [sys.executable, "-m", "modelward.gates", *words, "--output", str(tmp_path / "out")]
            assert subprocess.run(command, check=False).returncode == 0
            written = RunVerdict.model_validate_json((tmp_path / "out" / "verdict.json").read_bytes())
            said.append([(check.name, check.value) for check in written.gates[0].checks])
    assert said[0] == said[1]
    assert [name for name, _ in said[0]] == ["flips under FGSM 0.2", "flips under PGD 0.2"]


def test_models_of_other_rows_are_refused(tables: Path, tmp_path: Path) -> None:
    """What a model takes must be the rows: one input, so many features, of numbers with a gradient."""
    three = saved(built(keras.layers.Dense(1), features=3), tmp_path)
    assert "takes inputs of shape (None, 3), and the rows have 4 features" in refused(three, GOOD, tables)
    whole = keras.Sequential([keras.Input((WIDTH,), dtype="int32"), keras.layers.Embedding(9, 1)])
    assert "of whole numbers there is no gradient" in refused(saved(whole, tmp_path), GOOD, tables)
    inputs = [keras.Input((1,)) for _ in range(2)]
    two = keras.Model(inputs, keras.layers.Add()(inputs))
    assert "takes inputs of shape (None, 1), (None, 1)" in refused(saved(two, tmp_path), GOOD, tables)


def test_models_of_other_answers_are_refused(tables: Path, tmp_path: Path) -> None:
    """What a model answers with must be its classes, and those of the endpoint."""
    five = refused(saved(built(keras.layers.Dense(5)), tmp_path), GOOD, tables)
    assert "with shape (200, 5), and the classes are 2: 0, 1" in five
    model = fitted()
    model.coef_ = -model.coef_
    other = refused(saved(linear(model, "sigmoid"), tmp_path), GOOD, tables)
    assert "predicts other than the endpoint for " in other
    assert "name the file that is served" in other
    linear_values = Decided(lambda rows: rows @ np.array(GOOD.weights))
    values = refused(saved(built(keras.layers.Dense(1)), tmp_path), linear_values, tables, answers="Values")
    assert "answers with values" in values


def test_code_in_a_file_is_not_run(tables: Path, tmp_path: Path) -> None:
    """A Lambda holds code of its maker's, and a damaged file no model: neither is loaded."""
    network = built(keras.layers.Lambda(lambda rows: rows[:, :1]), keras.layers.Dense(1))
    assert "without code of yours (a Lambda" in refused(saved(network, tmp_path), GOOD, tables)
    with zipfile.ZipFile(tmp_path / "damaged.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("metadata.json", "{}")
    assert "cannot be loaded by Keras" in refused(tmp_path / "damaged.keras", GOOD, tables)


def test_importances_do_not_need_tensorflow(
    tables: Path, good: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network holds no trees: it is explained through the endpoint, and its file is not loaded for that."""
    path = saved(linear(fitted(), "sigmoid"), tmp_path)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    few = {"rows": 20, "background": 10, "permutations": 1}
    gate = {"name": "why", "interpretability": {**few, "forbidden": [{"feature": "postcode"}]}}
    file = gate_file(gate, modelFile=path.name)
    asked = read_subject(file, Addresses(good, None, tmp_path.as_uri()), tables, 0)
    (asked_for,) = file.gates
    assert asked_for.interpretability is not None
    findings = interpretability.run(asked_for.interpretability, asked)
    assert "endpoint" in findings.checks[0].message
