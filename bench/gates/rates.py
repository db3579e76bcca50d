"""How often gates are right, over 20 draws of data: good candidates pass, bad ones of each kind fail.

A minute of one core. Fails when one candidate of the 80 is judged wrongly.
`python -m bench.gates.rates [--draws N]`.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from bench.gates.files import found, gate_file, write_tables
from bench.gates.known import GOOD, LEANING, Brittle, Model, serving

DRAWS: Final = 20
FILE: Final = gate_file(
    {
        "name": "data",
        "dataQuality": {
            "columns": [
                {"name": name, "type": "Number", "min": "-8", "max": "8"} for name in ("age", "income")
            ],
            "maxDuplicates": "1%",
            "maxLeakage": "1%",
            "minClassShare": "20%",
            "shift": {"psi": "0.1"},
        },
    },
    {
        "name": "why",
        "interpretability": {
            "rows": 50,
            "background": 20,
            "permutations": 1,
            "forbidden": [{"feature": "postcode", "maxShare": "5%"}],
            "required": [{"feature": "age", "minShare": "20%"}],
            "minRankCorrelation": "0.7",
            "monotone": [{"feature": "age", "direction": "Increasing"}],
        },
    },
    {
        "name": "calm",
        "robustness": {
            "noise": [{"size": "0.1", "maxFlips": "10%", "maxFlipsAboveStable": "3%"}],
            "missing": [{"share": "5%", "maxFlips": "10%"}],
            "shifted": [{"size": "0.25", "maxFlips": "20%"}],
            "worstSlice": {"minAccuracy": "70%", "maxBelowStable": "5%"},
            "perturbation": {"minMedian": "0.2", "minRatioToStable": "0.5", "rows": 10, "iterations": 2},
        },
    },
)


def spoil_units(frame: pd.DataFrame) -> None:
    """Write a tenth of one column in another unit."""
    frame.loc[::10, "income"] *= 100


def forget_values(frame: pd.DataFrame) -> None:
    """Leave every fiftieth value of a column out."""
    frame.loc[::50, "age"] = None


def repeat_rows(frame: pd.DataFrame) -> None:
    """Write some rows twice."""
    frame.loc[: len(frame) // 20] = frame.loc[len(frame) // 2 : len(frame) // 2 + len(frame) // 20].to_numpy()


def failed(folder: Path, seed: int, model: Model, *gates: str) -> set[str]:
    """Return which of these gates a candidate does not pass, the good model being stable."""
    asked = FILE.model_copy(update={"gates": tuple(gate for gate in FILE.gates if gate.name in gates)})
    with serving(model) as candidate, serving(GOOD) as stable:
        by_gate = found(asked, folder, candidate, stable, seed)
    return {name for name, each in by_gate.items() if not all(check.passed for check in each.checks)}


def rates(folder: Path, seeds: Sequence[int]) -> dict[str, float]:
    """Return the share of candidates of each kind that is judged rightly, over one draw of data a seed.

    Validation data are broken in another way from each seed to the next, in three ways.
    """
    good, broken, leaning, brittle = [], [], [], []
    for seed in seeds:
        write_tables(folder, rows=600, seed=seed)
        good.append(failed(folder, seed, GOOD, "data", "why", "calm"))
        leaning.append(failed(folder, seed, LEANING, "why"))
        brittle.append(failed(folder, seed, Brittle(GOOD), "calm"))
        frame = pd.read_csv(folder / "validation.csv")
        (spoil_units, forget_values, repeat_rows)[seed % 3](frame)
        frame.to_csv(folder / "validation.csv", index=False)
        broken.append(failed(folder, seed, GOOD, "data"))
    right = {
        "good candidates that pass every gate": [not names for names in good],
        "broken validation data that fail": ["data" in names for names in broken],
        "candidates on a forbidden feature that fail": ["why" in names for names in leaning],
        "brittle candidates that fail": ["calm" in names for names in brittle],
    }
    return {name: sum(each) / len(seeds) for name, each in right.items()}


def main() -> int:
    """Print the share of each kind; return 1 if one is not 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    draws = parser.parse_args().draws
    with tempfile.TemporaryDirectory() as folder:
        found_rates = rates(Path(folder), range(draws))
    for name, share in found_rates.items():
        print(f"{name:45} {share:7.1%} of {draws}")
    return 0 if set(found_rates.values()) == {1.0} else 1


if __name__ == "__main__":
    sys.exit(main())
