"""Count how often a model that is never trained again is right about electricity prices, and on what inputs.

The model is trained on the first sixth of the Elec2 stream (157 days of 48 half hours). Every later day is
one line of counts.csv, and every later week one line of bins.csv for each feature: how many of its values
lay between which tenths of the training data, which are the reference. Needs scikit-learn.

Usage: counts.py ELEC2.csv, the whole stream: a header, then for each half hour the six features of
examples/electricity/README.md and the label, 0 or 1 (OpenML data set 151, without `date` and `day`).
"""

import csv
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier

ROWS_PER_DAY: Final = 48
TRAINING_SHARE: Final = 1 / 6
FIRST_DAY: Final = datetime(1996, 5, 7, tzinfo=UTC)
FEATURES: Final = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
TENTHS: Final = np.arange(0.1, 1, 0.1)
WEEK: Final = timedelta(days=7)
SEED: Final = 0

Row: TypeAlias = list[object]


def main() -> None:
    """Write counts.csv and bins.csv beside this file."""
    table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1)
    days = len(table) // ROWS_PER_DAY
    training_days = int(days * TRAINING_SHARE)
    x, y = table[: days * ROWS_PER_DAY, :-1], table[: days * ROWS_PER_DAY, -1].astype(np.int64)
    seen = training_days * ROWS_PER_DAY
    model = GradientBoostingClassifier(random_state=SEED).fit(x[:seen], y[:seen])
    right = (model.predict(x) == y).reshape(days, ROWS_PER_DAY).sum(axis=1)
    ends = [FIRST_DAY + timedelta(days=day + 1) for day in range(training_days, days)]
    counts = zip(ends, right[training_days:], strict=True)
    header = ["time", "revision", "objective", "good", "total"]
    _write(
        "counts.csv",
        header,
        ([_text(end), "first-sixth", "accuracy", good, ROWS_PER_DAY] for end, good in counts),
    )
    weeks = np.repeat([_end_of_week(end) for end in ends], ROWS_PER_DAY)
    _write("bins.csv", ["time", "feature", "counts"], _bins(x[:seen], x[seen:], weeks))


def _bins(
    training: NDArray[np.float64], later: NDArray[np.float64], weeks: NDArray[np.object_]
) -> Iterable[Row]:
    """Yield the reference of each feature, then a line for each week and feature."""
    edges = [np.unique(np.quantile(training[:, index], TENTHS)) for index in range(len(FEATURES))]
    for name, values, edge in zip(FEATURES, training.T, edges, strict=True):
        yield ["reference", name, _counted(values, edge)]
    for week in sorted(set(weeks)):
        for name, values, edge in zip(FEATURES, later[weeks == week].T, edges, strict=True):
            yield [_text(week), name, _counted(values, edge)]


def _counted(values: NDArray[np.float64], edges: NDArray[np.float64]) -> str:
    """Count the values at most the first edge, above it and at most the second, and so on."""
    return " ".join(map(str, np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)))


def _end_of_week(end: datetime) -> datetime:
    """Return the first end of a week at or after a time; weeks end where unix time is a multiple of one."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch - (epoch - end) // WEEK * WEEK


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _write(name: str, header: list[str], rows: Iterable[Row]) -> None:
    with Path(__file__).with_name(name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
