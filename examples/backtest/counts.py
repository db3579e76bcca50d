"""Count, day by day, how often a model that is never trained again is right about the price of electricity.

The model is trained on the first sixth of the Elec2 stream (157 days of 48 half hours); every later day
becomes one line of counts.csv. Needs scikit-learn.

Usage: counts.py ELEC2.csv, the whole stream: a header, then for each half hour the six features of
examples/electricity/README.md and the label, 0 or 1 (OpenML data set 151, without `date` and `day`).
"""

import csv
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

ROWS_PER_DAY: Final = 48
TRAINING_SHARE: Final = 1 / 6
FIRST_DAY: Final = datetime(1996, 5, 7, tzinfo=UTC)
SEED: Final = 0


def main() -> None:
    """Write counts.csv beside this file."""
    table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1)
    days = len(table) // ROWS_PER_DAY
    training_days = int(days * TRAINING_SHARE)
    x, y = table[:, :-1], table[:, -1].astype(np.int64)
    seen = training_days * ROWS_PER_DAY
    model = GradientBoostingClassifier(random_state=SEED).fit(x[:seen], y[:seen])
    right = model.predict(x[: days * ROWS_PER_DAY]) == y[: days * ROWS_PER_DAY]
    with Path(__file__).with_name("counts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["time", "revision", "objective", "good", "total"])
        for day in range(training_days, days):
            good = np.count_nonzero(right[day * ROWS_PER_DAY : (day + 1) * ROWS_PER_DAY])
            end = FIRST_DAY + timedelta(days=day + 1)
            writer.writerow([f"{end:%Y-%m-%dT%H:%M:%SZ}", "first-sixth", "accuracy", good, ROWS_PER_DAY])


if __name__ == "__main__":
    main()
