"""A gate as the program of a pod: where its report goes, and what its first candidate is spared."""

import hashlib
from pathlib import Path

import pytest

from modelward.api.gates import Gate
from modelward.api.gateverdict import ErrorReason, Result
from modelward.api.podverdict import PodVerdict
from modelward.gates.comparisons import without_comparisons
from modelward.gates.configuration import GateFileError, read_gate_file
from modelward.gates.pod import upload, write_error


def test_files_go_below_an_address(tmp_path: Path) -> None:
    """Folders are made, and both files are there as they were."""
    for name in ("verdict.json", "report.html"):
        (tmp_path / name).write_text(name)
    assert upload(tmp_path, f"file://{tmp_path}/claim/shop-abc/why") == ""
    kept = tmp_path / "claim" / "shop-abc" / "why"
    assert {each.name: each.read_text() for each in kept.iterdir()} == {
        "verdict.json": "verdict.json",
        "report.html": "report.html",
    }


def test_an_address_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The address and the reason are named, and nothing is raised."""
    for name in ("verdict.json", "report.html"):
        (tmp_path / name).write_text(name)
    (tmp_path / "claim").write_text("a file, not a folder")
    problem = upload(tmp_path, f"file://{tmp_path}/claim/why")
    assert problem.startswith(f"file://{tmp_path}/claim/why cannot be written: ")


def test_without_stable_what_compares_with_it_is_left_out() -> None:
    """Every limit beside stable is gone, and every other one is as it was."""
    flips = {"maxFlips": "5%", "maxFlipsAboveStable": "1%"}
    robust = {
        "noise": [{"size": "0.1", **flips}],
        "missing": [{"share": "5%", **flips}],
        "shifted": [{"size": "1", **flips}],
        "slices": [{"name": "s", "column": "c", "min": "0", "minAccuracy": "50%", "maxBelowStable": "1%"}],
        "worstSlice": {"minAccuracy": "30%", "maxBelowStable": "1%"},
        "perturbation": {"minMedian": "0.2", "minRatioToStable": "0.9"},
        "gradient": [{"method": "FGSM", "size": "0.1", **flips}],
    }
    gate = Gate.model_validate({"name": "calm", "robustness": robust})
    left = without_comparisons(gate).model_dump_json(by_alias=True, exclude_none=True)
    assert "Stable" in gate.model_dump_json(by_alias=True, exclude_none=True)
    assert "Stable" not in left
    assert left.count('"maxFlips":') == 4
    assert left.count('"minAccuracy":') == 2


def test_a_gate_on_importances_alone_is_left_with_what_always_holds() -> None:
    """One that asks for nothing but the order of stable's importances measures them still."""
    gate = Gate.model_validate({"name": "why", "interpretability": {"minRankCorrelation": "0.5"}})
    left = without_comparisons(gate)
    assert left.interpretability is not None
    assert left.interpretability.min_rank_correlation is None
    assert left.robustness is None


def test_only_the_file_that_was_asked_for_is_read(tmp_path: Path) -> None:
    """A file whose SHA-256 is another one is refused, though it is a good file."""
    file = tmp_path / "gate.yaml"
    data = '"validation": {"uri": "s3://data/v.csv", "labels": "up"}'
    gates = '"gates": [{"name": "data", "dataQuality": {"maxDuplicates": "1%"}}]'
    file.write_text(f'{{"inference": {{"model": "m"}}, {data}, {gates}}}')
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert read_gate_file(file, digest).gates[0].name == "data"
    with pytest.raises(GateFileError, match="is not the file that was asked for"):
        read_gate_file(file, "0" * 64)


def test_why_there_is_no_answer_is_left(tmp_path: Path) -> None:
    """An Error that comes before the gate is in the pod's status too, however long its text is."""
    place = tmp_path / "verdict.json"
    write_error(place, ErrorReason.INVALID_DATA, "no such file " * 1000)
    left = PodVerdict.model_validate_json(place.read_bytes())
    assert (left.result, left.reason) == (Result.ERROR, ErrorReason.INVALID_DATA)
    assert left.message.startswith("no such file")
