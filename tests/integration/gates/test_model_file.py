"""The model's file in a gate's pod: fetched by one container, read by the next, as the Job says."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import pytest
from sklearn.linear_model import LogisticRegression

from bench.gates.known import FEATURES, serving, table
from modelward.api.gates import Gate, Validation
from modelward.api.gateverdict import EXIT_FAILED, Result
from modelward.api.inference import Inference
from modelward.api.podverdict import PodVerdict
from modelward.render.gates import gate_manifests
from modelward.render.revision import new_record
from tests.unit.render import cases
from tests.unit.render.test_gates import OWNER, run_of

pytestmark = pytest.mark.integration

GATE = Gate.model_validate(
    {"name": "calm", "robustness": {"gradient": [{"method": "FGSM", "size": "3", "maxFlips": "1%"}]}}
)


def pod_of(folder: Path) -> dict[str, Any]:
    """Return the containers of the gate's Job by name, and write the file that it is given into a folder."""
    spec = cases.read({**cases.MINIMAL, "model": {"uri": "pvc://store/2"}})
    run = run_of(GATE, record=new_record(OWNER, spec, 1, cases.IMAGES))
    measured_by = replace(
        run.gate,
        inference=Inference.model_validate({"model": "model", "modelFile": "linear/model.joblib"}),
        validation=Validation.model_validate({"uri": f"{folder}/validation.csv", "labels": "label"}),
    )
    file, job = gate_manifests(OWNER, replace(run, gate=measured_by))
    (folder / "gate.yaml").write_text(file["data"]["gate.yaml"])
    pod = job["spec"]["template"]["spec"]
    return {each["name"]: each for each in (*pod["initContainers"], *pod["containers"])}


def start(module: str, container: dict[str, Any], places: dict[str, str], *more: str) -> int:
    """Run a container's program with its arguments and variables; return its exit code."""
    arguments = list(container["args"])
    for written, here in places.items():
        arguments = [each.replace(written, here) for each in arguments]
    variables = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    command = [sys.executable, "-m", module, *arguments, *more]
    return subprocess.run(command, env={**os.environ, **variables}, check=False).returncode


def test_gradients_are_taken_from_the_file_that_was_fetched(tmp_path: Path) -> None:
    """A model in a folder of its store is attacked in the gate's pod, and the attack is in the verdict."""
    rows = table(2000, 1)
    rows.to_csv(tmp_path / "validation.csv", index=False)
    model = LogisticRegression(max_iter=500).fit(rows[list(FEATURES)].to_numpy(), rows["label"])
    (tmp_path / "store/2/linear").mkdir(parents=True)
    joblib.dump(model, tmp_path / "store/2/linear/model.joblib")
    fetch, gate = (pod_of(tmp_path)[name] for name in ("fetch", "gate"))
    models = tmp_path / "models"
    fetched = ("--folder", str(models), "--termination-log", str(tmp_path / "fetched.json"))
    assert start("modelward.storage", fetch, {"/mnt/claim": str(tmp_path / "store")}, *fetched) == 0
    with serving(model) as address:
        places = {
            "/etc/modelward/gate": str(tmp_path),
            "/mnt/models": str(models),
            "/modelward/verdict.json": str(tmp_path / "verdict.json"),
            "/tmp/gate-report": str(tmp_path / "out"),
            f"http://{run_of(GATE).job.stable}.energy.svc:9081": address,
            "$(MODELWARD_MEMORY_MIB)": "1024",
        }
        gate["args"] = [
            f"--endpoint={address}" if each.startswith("--endpoint=") else each for each in gate["args"]
        ]
        assert start("modelward.gates", gate, places) == EXIT_FAILED
    said = PodVerdict.model_validate_json((tmp_path / "verdict.json").read_bytes())
    assert said.result is Result.FAILED
    assert "FGSM 3" in said.message
