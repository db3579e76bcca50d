"""The four versions of the electricity model differ as the example says."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import joblib
import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "electricity"
SAMPLE = EXAMPLE / "elec2-sample.csv.gz"

pytestmark = pytest.mark.integration


def script(name: str) -> ModuleType:
    """Load a script of the example, which is no package."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train every version once."""
    folder = tmp_path_factory.mktemp("trained")
    script("train").main(SAMPLE, folder)
    return folder


@pytest.fixture(scope="module")
def accuracy(trained: Path) -> dict[str, float]:
    """Return how often each version is right on the traffic that replay.py sends."""
    rows = script("replay").held_out(SAMPLE)
    features, labels = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    return {
        folder.name: float((joblib.load(folder / "model.joblib").predict(features) == labels).mean())
        for folder in trained.iterdir()
    }


def test_the_good_version_meets_the_objective(accuracy: dict[str, float]) -> None:
    """Version 1 is right often enough for the 65% that the example asks for, with room to spare."""
    assert accuracy["1"] > 0.70


def test_the_wrong_version_is_clearly_worse(accuracy: dict[str, float]) -> None:
    """Version 2 loses at least 20 points, yet it answers every request."""
    assert accuracy["1"] - accuracy["2"] > 0.20


def test_the_slow_version_is_as_good(accuracy: dict[str, float]) -> None:
    """Version 3 differs in nothing but its runtime."""
    assert accuracy["3"] == accuracy["1"]


def test_the_better_version_is_better(accuracy: dict[str, float]) -> None:
    """Version 4 is an improvement."""
    assert accuracy["4"] > accuracy["1"]


def test_each_version_says_which_it_is(trained: Path) -> None:
    """Answers carry the version that gave them, and the slow one brings its runtime along."""
    settings = {
        folder.name: json.loads((folder / "model-settings.json").read_text()) for folder in trained.iterdir()
    }
    assert {each["parameters"]["version"] for each in settings.values()} == {"1", "2", "3", "4"}
    assert settings["3"]["implementation"] == "slow_features.SlowFeatures"
    assert (trained / "3" / "slow_features.py").exists()
