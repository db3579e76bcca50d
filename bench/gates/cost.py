"""Time and memory of the three kinds of gates on 40,000 rows of 16 features, against a real model server.

The model is scikit-learn's gradient boosting behind examples/gates/serve.py, candidate and stable alike;
everything that a gate can ask is asked. Fails when all three together take more than 4 minutes, or one of
them more than 1 GB. `python -m bench.gates.cost [--rows N]`.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import joblib  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier

from modelward.api.gateverdict import GateResult, Result
from modelward.gates.configuration import read_gate_file
from modelward.gates.runner import Run, run_gates

FEATURES: Final = 16
MOST_SECONDS: Final = 240.0
MOST_MIB: Final = 1000.0
START_SECONDS: Final = 120.0
SERVER: Final = Path(__file__).parents[2] / "examples" / "gates" / "serve.py"
NAMES: Final = tuple(f"x{number}" for number in range(FEATURES))
GATES: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "data",
        "dataQuality": {
            "columns": [{"name": name, "type": "Number", "min": "-10", "max": "10"} for name in NAMES],
            "maxDuplicates": "1%",
            "maxLeakage": "1%",
            "minClassShare": "20%",
            "shift": {},
        },
    },
    {
        "name": "why",
        "interpretability": {
            "forbidden": [{"feature": "x15"}],
            "required": [{"feature": "x0"}],
            "minRankCorrelation": "0.8",
            "monotone": [{"feature": "x0", "direction": "Increasing", "maxViolation": "20%"}],
        },
    },
    {
        "name": "calm",
        "robustness": {
            "noise": [{"size": "0.05", "maxFlips": "10%"}, {"size": "0.1", "maxFlips": "20%"}],
            "missing": [{"share": "5%", "maxFlips": "20%"}],
            "shifted": [{"size": "0.5", "maxFlips": "50%"}],
            "slices": [{"name": "high", "column": "x0", "min": "1", "minAccuracy": "60%"}],
            "worstSlice": {"minAccuracy": "30%"},
            "perturbation": {"minMedian": "0.01", "minRatioToStable": "0.9"},
        },
    },
)


def write(folder: Path, rows: int) -> None:
    """Write the data, the model and the gates."""
    generator = np.random.default_rng(7)
    weights = np.array([2.0, -1.5, 1.0, 0.7, *([0.3] * 11), 0.0])
    for name in ("training", "validation"):
        values = generator.normal(size=(rows, FEATURES))
        labels = (values @ weights + generator.logistic(size=rows) > 0).astype(int)
        table = pd.DataFrame(values, columns=list(NAMES)).assign(label=labels)
        table.to_csv(folder / f"{name}.csv", index=False)
    train = pd.read_csv(folder / "training.csv")
    model = HistGradientBoostingClassifier(random_state=0).fit(train[list(NAMES)].to_numpy(), train["label"])
    joblib.dump(model, folder / "model.joblib")
    content = {
        "inference": {"model": "model"},
        "validation": {"uri": "validation.csv", "labels": "label"},
        "training": {"uri": "training.csv"},
        "gates": list(GATES),
    }
    (folder / "gate.yaml").write_text(yaml.safe_dump(content))


def measured(folder: Path, rows: int) -> list[GateResult]:
    """Run the gates against a server of the model."""
    write(folder, rows)
    command = [sys.executable, str(SERVER), str(folder / "model.joblib"), "0"]
    log = folder / "server.log"
    with log.open("w") as written, subprocess.Popen(command, stdout=written) as server:
        try:
            address = _address(log)
            run = Run(read_gate_file(folder / "gate.yaml"), folder, address, stable_endpoint=address)
            return [each.result for each in run_gates(run)]
        finally:
            server.terminate()


def _address(log: Path) -> str:
    """Wait for the server to say where it is."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        said = log.read_text().split()
        if said:
            return said[-1]
        time.sleep(0.1)
    raise TimeoutError(f"the model server said nothing for {START_SECONDS:g} s")


def main() -> int:
    """Print what each gate took; return 1 if it was too much, or a gate has no answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=40_000)
    with tempfile.TemporaryDirectory() as folder:
        results = measured(Path(folder), parser.parse_args().rows)
    used = [each.usage for each in results if each.usage is not None]
    for each, took in zip(results, used, strict=True):
        print(
            f"{each.kind:17} {each.result:7} {took.seconds:6.1f} s {took.peak_memory_mib:6.0f} MiB "
            f"{took.predictions:9,} predictions {took.requests:6,} requests  {each.message}"
        )
    seconds, memory = sum(each.seconds for each in used), max(each.peak_memory_mib for each in used)
    print(f"{'all':25} {seconds:6.1f} s of {MOST_SECONDS:.0f}, at most {memory:.0f} MiB of {MOST_MIB:.0f}")
    answered = all(each.result in {Result.PASSED, Result.FAILED} for each in results)
    return 0 if answered and seconds <= MOST_SECONDS and memory <= MOST_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
