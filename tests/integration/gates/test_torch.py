"""Gradients of PyTorch models: shares of flips that are known beforehand, and what is refused.

PyTorch is 5 GB, so that these tests run by themselves: `make test-torch` installs it.
"""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from bench.gates.known import FEATURES, GOOD, serving
from modelward.api.robustness import Method
from modelward.gates.failure import GateError
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

torch = pytest.importorskip("torch", reason="5 GB: make test-torch installs it")
pytestmark = pytest.mark.integration

WIDTH = len(FEATURES)


def dense(weights: Any, bias: Any) -> Any:
    """Return a layer of weights of shape (outputs, inputs)."""
    layer = torch.nn.Linear(*np.shape(weights)[::-1])
    layer.weight.data = torch.tensor(weights, dtype=torch.float32)
    layer.bias.data = torch.tensor(bias, dtype=torch.float32)
    return layer


def linear(model: LogisticRegression, head: str, scale: float = 1) -> Any:
    """Return a logistic regression as a PyTorch model with this head."""
    weights, bias = model.coef_ * scale, model.intercept_ * scale
    if head in {"softmax", "logits"} and len(weights) == 1:
        weights, bias = np.vstack([-weights / 2, weights / 2]), np.hstack([-bias / 2, bias / 2])
    last = {"sigmoid": [torch.nn.Sigmoid()], "softmax": [torch.nn.Softmax(dim=1)]}.get(head, [])
    return torch.nn.Sequential(dense(weights, bias), *last).eval()


def scripted(model: Any, path: Path) -> Path:
    """Write a model as TorchScript."""
    torch.jit.save(torch.jit.script(model), path)
    return path


def traced(model: Any, path: Path) -> Path:
    """Write a model as TorchScript that was traced, and frozen."""
    torch.jit.save(torch.jit.freeze(torch.jit.trace(model, torch.zeros(2, WIDTH))), path)
    return path


def exported(model: Any, path: Path) -> Path:
    """Write a model as torch.export does."""
    rows = torch.export.Dim("rows")
    torch.export.save(torch.export.export(model, (torch.zeros(2, WIDTH),), dynamic_shapes=({0: rows},)), path)
    return path


@pytest.mark.parametrize("save", [scripted, traced, exported])
@pytest.mark.parametrize("head", ["sigmoid", "logit", "softmax", "logits"])
def test_linear_models_flip_as_their_margins_say(
    save: Callable[[Any, Path], Path], head: str, tables: Path, tmp_path: Path
) -> None:
    """A linear network's share is known, and that of the same logistic regression, whatever it says."""
    model = fitted()
    with serving(model) as address:
        asked = subject_of(save(linear(model, head), tmp_path / "model.pt"), address, tables)
        shares = attacked(asked)
    assert shares[Method.FGSM] == pytest.approx(reachable(asked, model), abs=0.01)
    assert shares == pytest.approx(logistic_shares(model, tables, tmp_path), abs=0.002)


@pytest.mark.parametrize("head", ["softmax", "logits"])
def test_three_classes_flip_as_those_of_a_logistic_regression(head: str, tmp_path: Path) -> None:
    """Of several classes the direction is that of the cross-entropy of all."""
    model = three_classes(tmp_path)
    with serving(model) as address:
        shares = attacked(subject_of(scripted(linear(model, head), tmp_path / "model.pt"), address, tmp_path))
    assert shares == pytest.approx(logistic_shares(model, tmp_path, tmp_path), abs=0.002)
    assert shares[Method.FGSM] > 0.1


def test_bends_are_followed_in_the_models_own_numbers(tmp_path: Path) -> None:
    """Each row moves to its own boundary: where age is -1 or 1, whichever is nearer; here in float64."""
    ages = np.zeros((2, WIDTH))
    ages[:, 0] = [1, -1]
    network = torch.nn.Sequential(dense(ages, [0, 0]), torch.nn.ReLU(), dense([[1, 1]], [-1])).double()
    with serving(bent(tmp_path)) as address:
        asked = subject_of(scripted(network, tmp_path / "model.pt"), address, tmp_path)
        shares = attacked(asked)
    assert shares[Method.FGSM] == pytest.approx(bent_reachable(asked), abs=0.02)
    assert shares[Method.PGD] == pytest.approx(shares[Method.FGSM], abs=0.005)


def test_no_gradient_is_no_pass(tables: Path, tmp_path: Path) -> None:
    """A sure model passes by its logits alone: where a sigmoid rounds them to 1 nothing can be said."""
    model = fitted()
    with serving(model) as address:
        path = scripted(linear(model, "logit", scale=1000), tmp_path / "logit.pt")
        asked = subject_of(path, address, tables)
        assert attacked(asked)[Method.FGSM] == pytest.approx(reachable(asked, model), abs=0.01)
        path = scripted(linear(model, "sigmoid", scale=1000), tmp_path / "sigmoid.pt")
        with pytest.raises(GateError, match=r"no gradient at .*% of the rows"):
            attacked(subject_of(path, address, tables), max_flips="20%")


def test_a_model_that_was_saved_while_training_is_asked_as_one_that_serves(
    tables: Path, tmp_path: Path
) -> None:
    """Dropout of a scripted model is off, and the same file gives the same shares."""
    torch.manual_seed(1)
    network = torch.nn.Sequential(
        torch.nn.Linear(WIDTH, 16), torch.nn.ReLU(), torch.nn.Dropout(0.9), torch.nn.Linear(16, 2)
    )
    path = scripted(network.train(), tmp_path / "model.pt")
    network.eval()

    def decide(rows: Any) -> Any:
        return network(torch.tensor(rows, dtype=torch.float32)).detach().numpy().argmax(axis=1)

    with serving(Decided(decide)) as address:
        first, second = (attacked(subject_of(path, address, tables)) for _ in range(2))
    assert first == second
    assert first[Method.FGSM] > 0


def test_models_of_other_rows_are_refused(tables: Path, tmp_path: Path) -> None:
    """What a model takes must be the rows: as many features, and any number of rows."""
    path = tmp_path / "model.pt"
    three = refused(scripted(torch.nn.Linear(3, 1), path), GOOD, tables)
    assert "does not answer 200 rows of 4 features of torch.float32" in three
    assert "RuntimeError: addmm: mat1 and mat2 shapes cannot be multiplied (200x4 and 3x1)" in three
    fixed = torch.export.export(torch.nn.Linear(WIDTH, 1), (torch.zeros(2, WIDTH),))
    torch.export.save(fixed, path)
    assert "give it dynamic_shapes): AssertionError: Guard failed" in refused(path, GOOD, tables)


class Pair(torch.nn.Module):  # type: ignore[misc, name-defined] # seen as Any
    """Answers with two tensors."""

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[name-defined] # the same
        """Return rows twice."""
        return rows, rows


class Step(torch.nn.Module):  # type: ignore[misc, name-defined] # seen as Any
    """Answers with classes, which have no gradient."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined] # the same
        """Return 1 where the first feature is above 0."""
        return (rows[:, 0] > 0).float()


def test_models_of_other_answers_are_refused(tables: Path, tmp_path: Path) -> None:
    """What a model answers with must be its classes, with a gradient, and those of the endpoint."""
    path = tmp_path / "model.pt"
    five = refused(scripted(torch.nn.Linear(WIDTH, 5), path), GOOD, tables)
    assert "with shape (200, 5), and the classes are 2: 0, 1" in five
    assert "answers with a tuple, and one tensor is needed" in refused(scripted(Pair(), path), GOOD, tables)
    assert "has no gradient" in refused(scripted(Step(), path), GOOD, tables)
    model = fitted()
    model.coef_ = -model.coef_
    other = refused(scripted(linear(model, "logits"), path), GOOD, tables)
    assert "predicts other than the endpoint for " in other
    linear_values = Decided(lambda rows: rows @ np.array(GOOD.weights))
    values = refused(scripted(torch.nn.Linear(WIDTH, 1), path), linear_values, tables, answers="Values")
    assert "answers with values" in values


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickles_within_an_export_are_not_run(tables: Path, tmp_path: Path) -> None:
    """torch.export's archives have pickles, such as of the rows that it was exported with: none is run."""
    path, ran = exported(torch.nn.Linear(WIDTH, 1), tmp_path / "model.pt2"), tmp_path / "ran"
    made = tmp_path / "made.pt2"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(made, "w") as target:
        for name in source.namelist():
            pickled = name.endswith("sample_inputs/model.pt")
            written = io.BytesIO()
            torch.save(Touch(ran), written)
            target.writestr(name, written.getvalue() if pickled else source.read(name))
    refused(made, GOOD, tables)
    assert not ran.exists()


def test_pickles_are_not_read(tables: Path, tmp_path: Path) -> None:
    """What torch.save writes needs the model's class, and reading it runs what it says."""
    torch.save(torch.nn.Linear(WIDTH, 1), tmp_path / "model.pt")
    said = refused(tmp_path / "model.pt", GOOD, tables)
    assert "is what torch.save wrote" in said
    assert "torch.export.save" in said
