"""Gate files over the known tables, and what a gate finds in this process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.gates.known import table
from modelward.api.gates import GateFile
from modelward.gates.findings import Findings
from modelward.gates.interpretability import gate as interpretability
from modelward.gates.quality import gate as quality
from modelward.gates.robustness import gate as robustness
from modelward.gates.subject import Addresses, Subject, read_subject


def write_tables(folder: Path, rows: int = 1000, seed: int = 0) -> None:
    """Write validation and training data into a folder."""
    table(rows, seed).to_csv(folder / "validation.csv", index=False)
    table(rows, seed + 10_000).to_csv(folder / "training.csv", index=False)


def gate_file(*gates: Mapping[str, Any], **inference: object) -> GateFile:
    """Return a file of gates over the tables."""
    content = {
        "inference": {"model": "model", **inference},
        "validation": {"uri": "validation.csv", "labels": "label"},
        "training": {"uri": "training.csv"},
        "gates": gates,
    }
    return GateFile.model_validate(content)


def subject(file: GateFile, folder: Path, endpoint: str, stable: str | None = None, seed: int = 0) -> Subject:
    """Read the data and ask the models, as the process of a gate does."""
    return read_subject(file, Addresses(endpoint, stable, None), folder, seed)


def found(
    file: GateFile, folder: Path, endpoint: str, stable: str | None = None, seed: int = 0
) -> dict[str, Findings]:
    """Measure each gate of a file in this process; return what it found by its name."""
    result: dict[str, Findings] = {}
    asked = subject(file, folder, endpoint, stable, seed)
    for gate in file.gates:
        if gate.data_quality is not None:
            result[gate.name] = quality.run(gate.data_quality, file, folder)
        elif gate.interpretability is not None:
            result[gate.name] = interpretability.run(gate.interpretability, asked)
        elif gate.robustness is not None:
            result[gate.name] = robustness.run(gate.robustness, asked)
    return result


def values(findings: Findings) -> dict[tuple[str, str], float]:
    """Return the value of each check, by its name and subject."""
    return {(check.name, check.subject): check.value for check in findings.checks}
