"""Write the training rows as a table, with what version 1 predicts for them: what profile.yaml is made of.

Usage: training_table.py SAMPLE.csv.gz TABLE.csv. Then

    modelward profile TABLE.csv --label up --prediction predicted --categorical predicted \
      --config-map electricity-profile --deployment electricity --out examples/electricity/profile.yaml
"""

import csv
import sys
from pathlib import Path

from train import COLUMNS, split, versions


def main(sample: Path, table: Path) -> None:
    """Write the table."""
    data = split(sample)
    good, _ = versions(data)["1"]
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, "up", "predicted"))
        for row, label, predicted in zip(data.train_x, data.train_y, good.predict(data.train_x), strict=True):
            writer.writerow((*row, label, predicted))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
