"""Write data and models to try gates with: Elec2, whose price of electricity is to rise or fall.

Usage: prepare.py ../electricity/elec2-sample.csv.gz FOLDER. Writes training.csv, validation.csv, broken.csv
and the models good.joblib, leaning.joblib and brittle.joblib.

The team has said that `transfer` comes a day late where the model serves, so no model may depend on it.
"""

import sys
from pathlib import Path
from typing import Final

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

ROWS_PER_DAY: Final = 48
HELD_OUT_EVERY_DAYS: Final = 3
LABEL: Final = "up"
FORBIDDEN: Final = "transfer"
LEAK: Final = 0.1


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
        "good": make_pipeline(
            ColumnTransformer([("allowed", StandardScaler(), allowed)]), LogisticRegression()
        ).fit(rows, labels),
        # What it was trained on had some of the answer in the late feature.
        "leaning": make_pipeline(StandardScaler(), LogisticRegression()).fit(leaked, labels),
        # It has learnt every row of the training data by heart.
        "brittle": DecisionTreeClassifier(random_state=0).fit(rows, labels),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        joblib.dump(model, folder / f"{name}.joblib")
    training.to_csv(folder / "training.csv", index=False)
    validation.to_csv(folder / "validation.csv", index=False)
    broken(validation).to_csv(folder / "broken.csv", index=False)


def broken(validation: pd.DataFrame) -> pd.DataFrame:
    """Return the data as a faulty export wrote them: a price in cents, demand missing, rows twice."""
    spoilt = validation.copy()
    spoilt.loc[::7, "nswprice"] *= 100
    spoilt.loc[::50, "nswdemand"] = None
    return pd.concat([spoilt, spoilt.head(100)])


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
