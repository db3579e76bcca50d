"""Write data and models to try gates with: Elec2, whose price of electricity is to rise or fall.

Usage: prepare.py ../electricity/elec2-sample.csv.gz FOLDER. Writes training.csv, validation.csv, broken.csv
and the models good, retrained, tuned, leaning and brittle, each in a folder as MLServer reads them.

The team has said that `transfer` comes a day late where the model serves, so no model may depend on it.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

ROWS_PER_DAY: Final = 48
HELD_OUT_EVERY_DAYS: Final = 3
LABEL: Final = "up"
FORBIDDEN: Final = "transfer"
LEAK: Final = 0.1
RUNTIME: Final = "mlserver_sklearn.SKLearnModel"


def write(sample: Path, folder: Path) -> None:
    """Write tables and models."""
    table = pd.read_csv(sample)
    held_out = np.arange(len(table)) // ROWS_PER_DAY % HELD_OUT_EVERY_DAYS == HELD_OUT_EVERY_DAYS - 1
    training, validation = table[~held_out], table[held_out].reset_index(drop=True)
    features = training.drop(columns=LABEL)
    allowed = [position for position, name in enumerate(features.columns) if name != FORBIDDEN]
    rows, labels = features.to_numpy(), training[LABEL]
    leaked = rows.copy()
    leaked[:, list(features.columns).index(FORBIDDEN)] += LEAK * labels
    models = {
        "good": _regression(allowed, 1.0).fit(rows, labels),
        "retrained": _regression(allowed, 0.5).fit(rows, labels),
        "tuned": _regression(allowed, 0.2).fit(rows, labels),
        # What it was trained on had some of the answer in the late feature.
        "leaning": make_pipeline(StandardScaler(), LogisticRegression()).fit(leaked, labels),
        # It has learnt every row of the training data by heart.
        "brittle": make_pipeline(
            ColumnTransformer([("allowed", "passthrough", allowed)]), DecisionTreeClassifier(random_state=0)
        ).fit(rows, labels),
    }
    for name, model in models.items():
        _lay_out(model, folder / name)
    training.to_csv(folder / "training.csv", index=False)
    validation.to_csv(folder / "validation.csv", index=False)
    broken(validation).to_csv(folder / "broken.csv", index=False)


def _regression(columns: list[int], inverse_penalty: float) -> Pipeline:
    """Return a logistic regression that sees these columns alone."""
    scaled = ColumnTransformer([("allowed", StandardScaler(), columns)])
    return make_pipeline(scaled, LogisticRegression(C=inverse_penalty))


def _lay_out(model: Any, folder: Path) -> None:  # noqa: ANN401 - scikit-learn has no common type
    """Write a model as MLServer reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
    parameters = {"uri": "./model.joblib", "version": folder.name}
    settings = {"name": "electricity", "implementation": RUNTIME, "parameters": parameters}
    (folder / "model-settings.json").write_text(json.dumps(settings, indent=2) + "\n")


def broken(validation: pd.DataFrame) -> pd.DataFrame:
    """Return the data as a faulty export wrote them: a price in cents, demand missing, rows twice."""
    spoilt = validation.copy()
    spoilt.loc[::7, "nswprice"] *= 100
    spoilt.loc[::50, "nswdemand"] = None
    return pd.concat([spoilt, spoilt.head(100)])


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
