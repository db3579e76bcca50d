"""Train the four versions of the electricity model and lay them out as MLServer reads them.

The model predicts, every half hour, whether the price of electricity in New South Wales will be above
its average of the last day (the Elec2 data, see README.md). Every third day of the sample is held out and
replayed as live traffic by replay.py; the others are for training.

1. logistic regression: good enough to serve.
2. the same, but its training script read the columns in another order: the two states are exchanged.
   It loads, answers quickly, and is wrong more often. Nothing but the labels shows it.
3. the model of version 1, in a server that asks a slow feature store on every other request.
4. gradient boosting: better than version 1.

Usage: train.py SAMPLE.csv.gz OUTPUT_FOLDER. Needs scikit-learn; writes OUTPUT_FOLDER/{1,2,3,4}.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROWS_PER_DAY: Final = 48
HELD_OUT_EVERY_DAYS: Final = 3
SEED: Final = 0
COLUMNS: Final = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
EXCHANGED: Final = ("period", "vicprice", "vicdemand", "nswprice", "nswdemand", "transfer")
SCIKIT_LEARN: Final = "mlserver_sklearn.SKLearnModel"
SLOW: Final = "slow_features.SlowFeatures"


@dataclass(frozen=True, slots=True)
class Split:
    """Training and held-out rows: features of shape (rows, 6), labels of shape (rows,), 0 or 1."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def split(sample: Path) -> Split:
    """Split the sample by whole days, so that no held-out half hour has its neighbours in training."""
    table = np.loadtxt(sample, delimiter=",", skiprows=1)
    held_out = np.arange(len(table)) // ROWS_PER_DAY % HELD_OUT_EVERY_DAYS == HELD_OUT_EVERY_DAYS - 1
    x, y = table[:, :-1], table[:, -1].astype(np.int64)
    return Split(x[~held_out], y[~held_out], x[held_out], y[held_out])


def versions(data: Split) -> Mapping[str, tuple[Any, str]]:
    """Return each version's fitted classifier and the MLServer runtime that serves it."""
    good = make_pipeline(StandardScaler(), LogisticRegression()).fit(data.train_x, data.train_y)
    exchanged = data.train_x[:, [COLUMNS.index(name) for name in EXCHANGED]]
    wrong = make_pipeline(StandardScaler(), LogisticRegression()).fit(exchanged, data.train_y)
    better = GradientBoostingClassifier(random_state=SEED).fit(data.train_x, data.train_y)
    return {
        "1": (good, SCIKIT_LEARN),
        "2": (wrong, SCIKIT_LEARN),
        "3": (good, SLOW),
        "4": (better, SCIKIT_LEARN),
    }


def write(folder: Path, classifier: Any, runtime: str) -> None:  # noqa: ANN401 - scikit-learn has no common type
    """Write one version in MLServer's layout."""
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(classifier, folder / "model.joblib")
    parameters = {"uri": "./model.joblib", "version": folder.name}
    settings = {"name": "electricity", "implementation": runtime, "parameters": parameters}
    (folder / "model-settings.json").write_text(json.dumps(settings, indent=2) + "\n")
    if runtime == SLOW:
        shutil.copy(Path(__file__).with_name("slow_features.py"), folder)


def main(sample: Path, output: Path) -> None:
    """Write every version and print how often each is right on the held-out days."""
    data = split(sample)
    for version, (classifier, runtime) in versions(data).items():
        write(output / version, classifier, runtime)
        right = classifier.score(data.test_x, data.test_y)
        print(f"version {version}: right on {right:.1%} of {len(data.test_y)} held-out half hours")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
