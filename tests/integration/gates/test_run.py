"""Whole runs, as a person starts them: exit codes, verdict and report, and gates that end badly."""

import json
import socket
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.gates.files import write_tables
from bench.gates.known import LEANING, serving
from modelward.api.gateverdict import Result, RunVerdict

pytestmark = pytest.mark.integration

FEW = {"rows": 40, "background": 10, "permutations": 1}
DATA = {"name": "data", "dataQuality": {"maxDuplicates": "1%", "maxLeakage": "1%", "shift": {}}}
WHY = {"name": "why", "interpretability": {**FEW, "forbidden": [{"feature": "postcode"}]}}
CALM = {
    "name": "calm",
    "robustness": {
        "noise": [{"size": "0.1", "maxFlips": "10%"}],
        "perturbation": {"minMedian": "0.1", "rows": 5, "iterations": 2},
    },
}


def run(folder: Path, endpoint: str, *options: str, gates: tuple[Any, ...], program: str = "cli") -> int:
    """Run gates in a folder; return the exit code."""
    content = {
        "inference": {"model": "model"},
        "validation": {"uri": "validation.csv", "labels": "label"},
        "training": {"uri": "training.csv"},
        "gates": gates,
    }
    (folder / "gate.yaml").write_text(yaml.safe_dump(content))
    command = {"cli": ["modelward.cli.main", "gate", "run"], "image": ["modelward.gates"]}[program]
    words = ["--file", str(folder / "gate.yaml"), "--endpoint", endpoint, "--output", str(folder / "out")]
    done = subprocess.run([sys.executable, "-m", *command, *words, *options], cwd=folder, check=False)
    return done.returncode


def verdict(folder: Path) -> RunVerdict:
    """Return what a run has written."""
    return RunVerdict.model_validate_json((folder / "out" / "verdict.json").read_bytes())


class Links(HTMLParser):
    """Collects what a page would load, and its pictures without a text."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.pictures = 0
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take one element."""
        found = dict(attrs)
        self.loaded += [value for name in ("src", "href") if (value := found.get(name)) and value[0] != "#"]
        if tag == "img":
            self.pictures += 1
            self.silent += not found.get("alt")


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory, good: str) -> Path:
    """Run every kind of gate on the good model, from the command line; return the folder."""
    folder = tmp_path_factory.mktemp("passed")
    write_tables(folder)
    assert run(folder, good, "--seed", "3", gates=(DATA, WHY, CALM)) == 0
    return folder


def measured(folder: Path) -> dict[str, Any]:
    """Return what was found by each gate, but for time and memory."""
    gates = {
        gate["name"]: gate for gate in json.loads((folder / "out" / "verdict.json").read_text())["gates"]
    }
    for gate in gates.values():
        del gate["usage"]["seconds"]
        del gate["usage"]["peakMemoryMib"]
    return gates


def test_a_good_model_passes_with_a_report(passed: Path) -> None:
    """Every gate must pass with 0, the page need nothing else, and its pictures have a text each."""
    said = verdict(passed)
    assert [(gate.name, gate.result) for gate in said.gates] == [
        ("data", "Passed"),
        ("why", "Passed"),
        ("calm", "Passed"),
    ]
    assert said.gates[2].usage is not None
    assert said.gates[2].usage.predictions > 1000
    page = Links()
    page.feed((passed / "out" / "report.html").read_text())
    assert page.pictures >= 5
    assert page.silent == 0
    assert all(value.startswith("data:image/") for value in page.loaded)


def test_the_same_seed_gives_the_same_answers(tmp_path: Path, passed: Path, good: str) -> None:
    """The other program must agree to the last digit, also without the first gate; another seed differs."""
    write_tables(tmp_path)
    assert run(tmp_path, good, "--seed", "3", gates=(WHY, CALM), program="image") == 0
    before = measured(passed)
    assert measured(tmp_path) == {name: before[name] for name in ("why", "calm")}
    assert run(tmp_path, good, "--seed", "4", gates=(CALM,), program="image") == 0
    assert measured(tmp_path)["calm"] != before["calm"]


def test_a_model_that_leans_fails(tmp_path: Path) -> None:
    """The exit code must be 3, and the verdict name the feature."""
    write_tables(tmp_path)
    with serving(LEANING) as address:
        assert run(tmp_path, address, gates=(WHY,)) == 3
    assert "share of importance of postcode is" in verdict(tmp_path).gates[0].message


def test_a_warning_alone_fails_nothing(tmp_path: Path) -> None:
    """A gate that only warns must be shown as failed, with the exit code 0."""
    write_tables(tmp_path)
    column = {"name": "age", "type": "Number", "min": "0"}
    positive = {"name": "data", "dataQuality": {"columns": [column]}, "onFailure": "Warn"}
    assert run(tmp_path, "http://127.0.0.1:9", gates=(positive,)) == 0
    (gate,) = verdict(tmp_path).gates
    assert (gate.result, gate.on_failure) == ("Failed", "Warn")


@pytest.mark.parametrize(
    ("gate", "options", "reason"),
    [
        ({**WHY, "timeout": "1s"}, (), "Timeout"),
        (CALM, ("--memory-mib", "64"), "OutOfMemory"),
        ({"name": "data", "dataQuality": {"profile": "profile.json"}}, (), "InvalidData"),
        ({**WHY, "onFailure": "Warn", "timeout": "1s"}, (), "Timeout"),
    ],
)
def test_a_gate_without_an_answer_is_an_error(
    tmp_path: Path, good: str, gate: dict[str, Any], options: tuple[str, ...], reason: str
) -> None:
    """A limit that is passed, or data that are not there, must end with 1 and say which, always."""
    write_tables(tmp_path)
    assert run(tmp_path, good, *options, gates=(gate,), program="image") == 1
    assert verdict(tmp_path).result is Result.ERROR
    assert verdict(tmp_path).gates[0].reason == reason


def test_no_endpoint_is_an_error_and_other_gates_still_answer(tmp_path: Path) -> None:
    """A server that is away must not keep a gate on data from its answer, nor be a pass."""
    write_tables(tmp_path)
    assert run(tmp_path, "http://127.0.0.1:9", gates=(WHY, DATA), program="image") == 1
    assert [gate.result for gate in verdict(tmp_path).gates] == ["Error", "Passed"]


def test_gates_of_the_cluster_are_not_run_here(tmp_path: Path) -> None:
    """A Job and a person's yes must be shown as not run; where nothing was run, nothing has passed."""
    write_tables(tmp_path)
    job = {"name": "own", "job": {"template": {"spec": {"containers": [{"name": "test", "image": "x"}]}}}}
    assert run(tmp_path, "http://127.0.0.1:9", gates=(job, {"name": "yes", "approval": {}})) == 1
    assert {gate.result for gate in verdict(tmp_path).gates} == {"NotRun"}
    assert run(tmp_path, "http://127.0.0.1:9", gates=(DATA, {"name": "yes", "approval": {}})) == 0


def test_a_wrong_file_ends_with_one_and_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A mistake in the file must end both programs with 1 and the field, without a traceback."""
    for program in ("cli", "image"):
        assert run(tmp_path, "http://127.0.0.1:9", gates=({"name": "x"},), program=program) == 1
        said = capfd.readouterr().err
        assert "gates[0]" in said
        assert "Traceback" not in said


def test_columns_that_are_there_twice_are_refused(tmp_path: Path) -> None:
    """A header that has a name twice must be said, and not be read with a name that is not there."""
    write_tables(tmp_path)
    header, rest = (tmp_path / "validation.csv").read_text().split("\n", 1)
    (tmp_path / "validation.csv").write_text(f"{header.replace('income', 'age')}\n{rest}")
    assert run(tmp_path, "http://127.0.0.1:9", gates=(DATA,), program="image") == 1
    (gate,) = verdict(tmp_path).gates
    assert (gate.reason, gate.message) == ("InvalidData", "validation.csv has columns twice: age")


def test_no_folder_for_the_report_is_said_before_anything_is_measured(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file where the report's folder is to be must end the command at once, without a traceback."""
    write_tables(tmp_path)
    (tmp_path / "out").write_text("")
    assert run(tmp_path, "http://127.0.0.1:9", gates=(DATA,)) == 1
    said = " ".join(capfd.readouterr().err.split())
    assert "is no folder to write to" in said
    assert "Traceback" not in said


def test_a_run_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGTERM must end the process of the gate too, which would go on asking the model server."""
    write_tables(tmp_path)
    content = {
        "inference": {"model": "model"},
        "validation": {"uri": "validation.csv", "labels": "label"},
        "gates": [WHY],
    }
    (tmp_path / "gate.yaml").write_text(yaml.safe_dump(content))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        words = ["--file", str(tmp_path / "gate.yaml"), "--endpoint", address, "--output", str(tmp_path)]
        with subprocess.Popen([sys.executable, "-m", "modelward.gates", *words]) as process:
            silent.settimeout(120)
            asked, _ = silent.accept()
            process.terminate()
            process.wait(30)
        asked.settimeout(30)
        while asked.recv(1 << 16):
            continue
        asked.close()
