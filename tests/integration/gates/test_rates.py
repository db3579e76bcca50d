"""How often gates are right, over 20 draws of data: good candidates pass, bad ones of each kind fail."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.integration.gates.files import found, gate_file, write_tables
from tests.integration.gates.served import GOOD, LEANING, Brittle, serving

pytestmark = pytest.mark.integration

SEEDS = range(20)
FILE = gate_file(
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


def failed(folder: Path, seed: int, model: Any, *gates: str) -> set[str]:
    """Return which of these gates a candidate does not pass, the good model being stable."""
    asked = FILE.model_copy(update={"gates": tuple(gate for gate in FILE.gates if gate.name in gates)})
    with serving(model) as candidate, serving(GOOD) as stable:
        by_gate = found(asked, folder, candidate, stable, seed)
    return {name for name, each in by_gate.items() if not all(check.passed for check in each.checks)}


# 80 candidates: a minute of one core, many times that on a machine that is busy with other tests.
@pytest.mark.timeout(1800)
def test_good_candidates_pass_and_bad_ones_fail(tmp_path: Path) -> None:
    """Over 20 draws no good candidate may fail a gate, and every bad one must fail the gate it is for."""
    good, broken, leaning, brittle = [], [], [], []
    for seed in SEEDS:
        write_tables(tmp_path, rows=600, seed=seed)
        good.append(failed(tmp_path, seed, GOOD, "data", "why", "calm"))
        leaning.append(failed(tmp_path, seed, LEANING, "why"))
        brittle.append(failed(tmp_path, seed, Brittle(GOOD), "calm"))
        frame = pd.read_csv(tmp_path / "validation.csv")
        (spoil_units, forget_values, repeat_rows)[seed % 3](frame)
        frame.to_csv(tmp_path / "validation.csv", index=False)
        broken.append(failed(tmp_path, seed, GOOD, "data"))
    rates = {
        "good candidates that pass every gate": sum(not names for names in good),
        "broken validation data that fail": sum("data" in names for names in broken),
        "candidates on a forbidden feature that fail": sum("why" in names for names in leaning),
        "brittle candidates that fail": sum("calm" in names for names in brittle),
    }
    sys.stdout.write("".join(f"\n{name}: {count} of {len(SEEDS)}" for name, count in rates.items()))
    assert set(rates.values()) == {len(SEEDS)}
