"""Gate files: what is wrong is said by field, with what to write instead."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelward.gates.configuration import GateFileError, read_gate_file

GOOD: dict[str, Any] = {
    "inference": {"model": "electricity"},
    "validation": {"uri": "validation.csv", "labels": "class"},
    "gates": [{"name": "calm", "robustness": {"noise": [{"size": "0.1", "maxFlips": "5%"}]}}],
}


def written(folder: Path, **changes: Any) -> Path:
    """Write a file, some of its fields changed."""
    path = folder / "gate.yaml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}))
    return path


def test_a_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    """What is not written must have its documented default."""
    file = read_gate_file(written(tmp_path))
    (gate,) = file.gates
    assert (gate.kind, gate.failure_policy, gate.time_limit.total_seconds()) == ("robustness", "Reject", 600)
    assert (file.inference.protocol, file.inference.answers) == ("v2", "Labels")


def gates(**kind: Any) -> dict[str, Any]:
    """Return a change of the file to one gate of a kind."""
    return {"gates": [{"name": "one", **kind}]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            gates(),
            "gates[0]: write exactly one of dataQuality, interpretability, robustness, job and approval",
        ),
        (gates(approval={}, dataQuality={}), "gates[0]: write exactly one of"),
        (gates(robustness={}), "gates[0].robustness: nothing is asked of the model: write noise"),
        (gates(interpretability={}), "gates[0].interpretability: nothing is asked of the model"),
        (gates(dataQuality={"maxLeakage": "1%"}), "write training, or leave out maxLeakage"),
        (gates(dataQuality={"shift": {}}), "write training, or the profile"),
        (
            gates(dataQuality={"maxDuplicates": 0.1}),
            'maxDuplicates: not a percentage: write a string from "0%"',
        ),
        (gates(dataQuality={"rows": 5}), "gates[0].dataQuality.rows: no such field: leave it out"),
        (
            gates(dataQuality={"columns": [{"name": "a", "type": "String", "min": "1"}]}),
            "gates[0].dataQuality.columns[0]: only numbers have a smallest and a largest value",
        ),
        (
            gates(dataQuality={"columns": [{"name": "a", "type": "Number", "min": "2", "max": "1"}]}),
            "write a min of at most max",
        ),
        (
            gates(robustness={"slices": [{"name": "s", "column": "a", "minAccuracy": "9%"}]}),
            "write categories, or min and max, and not both",
        ),
        (
            gates(approval={}, timeout="soon"),
            "gates[0].timeout: not a duration: write a number with ms, s, m",
        ),
        ({"gates": [GOOD["gates"][0]] * 2}, "gates: two gates have the same name"),
        ({"gates": []}, "gates"),
        ({"inference": {"protocol": "openai"}}, "the openai protocol has none: write protocol: v2 or http"),
        ({"inference": {}}, "inference: protocol v2 asks a model by its name: write model"),
        ({"validation": {"uri": "data.xlsx", "labels": "y"}}, "validation.uri: not the address of a table"),
        ({"validation": {"uri": "data.csv"}}, "validation.labels: required: write it"),
        (
            {"validation": {"uri": "data.csv", "labels": "y", "features": ["x", "y"]}},
            "leave their column out of features",
        ),
        (
            {
                **gates(robustness={"perturbation": {"minMedian": "0.1"}}),
                "inference": {"model": "m", "answers": "Values"},
            },
            "answers: Values has no classes: leave out perturbation",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """A mistake must be named by its field, with what to write instead."""
    with pytest.raises(GateFileError) as caught:
        read_gate_file(written(tmp_path, **changes))
    assert said in str(caught.value)
    assert "input_value" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [("- a", "write inference, validation and gates"), ("a: [", "is not YAML"), ("", "write inference")],
)
def test_what_is_no_file_of_gates_is_refused(tmp_path: Path, content: str, said: str) -> None:
    """A file of another kind must be refused with what to write."""
    path = tmp_path / "gate.yaml"
    path.write_text(content)
    with pytest.raises(GateFileError, match=said):
        read_gate_file(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A wrong path must be named."""
    with pytest.raises(GateFileError, match=r"gate\.yaml cannot be read"):
        read_gate_file(tmp_path / "gate.yaml")
