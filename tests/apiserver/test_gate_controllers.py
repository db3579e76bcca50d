"""The cluster's own controllers under the policies: a gate's Job gets its pod, and no other template does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from dev.cluster import controlplane, processes, programs
from dev.cluster.controlplane import ControlPlane
from modelward import conventions as names
from tests.apiserver.people import install

pytestmark = pytest.mark.apiserver

LIMIT_SECONDS: Final = 240
CONTROLLERS: Final = "job-controller,replicaset-controller,garbage-collector-controller"
LABELS: Final = {names.LABEL_GATE: "calm"}
SPEC: Final = {"containers": [{"name": "gate", "image": "gates:1"}]}


@pytest.fixture(scope="module")
def controlled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Start an API server with our policies, and with controllers that would get into other tests' way."""
    folder = tmp_path_factory.mktemp("controllers")
    with controlplane.temporary() as plane:
        install(plane, folder)
        plane.kubectl("create", "serviceaccount", "default", "--namespace=default", check=False)
        manager: list[str | Path] = [
            programs.find("kube-controller-manager"),
            f"--kubeconfig={plane.kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--controllers={CONTROLLERS}",
            f"--service-account-private-key-file={plane.credentials.service_account_key}",
            "--use-service-account-credentials=true",
        ]
        processes.start(folder, "kube-controller-manager", processes.dying_with_parent(manager))
        yield plane
        processes.stop(folder, "kube-controller-manager", grace_seconds=10)


def make(plane: ControlPlane, manifest: dict[str, Any]) -> dict[str, Any]:
    """Create an object as an administrator; return it as it was stored."""
    created = plane.kubectl("create", "--output=json", "-f", "-", input=json.dumps(manifest))
    stored: dict[str, Any] = json.loads(created.stdout)
    return stored


def owners(plane: ControlPlane) -> list[str]:
    """Return who owns the pods that speak for a gate."""
    found = json.loads(plane.kubectl("get", "pods", f"--selector={names.LABEL_GATE}", "--output=json").stdout)
    return [each["name"] for pod in found["items"] for each in pod["metadata"].get("ownerReferences", ())]


def test_a_gates_job_has_its_own_pod_alone(controlled: ControlPlane) -> None:
    """Its controller makes and clears away its pod; a ReplicaSet's that names the same Job makes none."""
    pod = {"metadata": {"labels": LABELS}, "spec": {**SPEC, "restartPolicy": "Never"}}
    job = make(
        controlled,
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "real", "labels": LABELS},
            "spec": {"backoffLimit": 0, "template": pod},
        },
    )
    assert processes.until(lambda: owners(controlled) == ["real"], limit_seconds=LIMIT_SECONDS)
    labels = {**LABELS, "app": "forged", "batch.kubernetes.io/controller-uid": job["metadata"]["uid"]}
    forged = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "forged"},
        "spec": {
            "selector": {"matchLabels": {"app": "forged"}},
            "template": {"metadata": {"labels": labels}, "spec": SPEC},
        },
    }
    make(controlled, forged)
    asked = ("get", "replicaset", "forged", "--output=jsonpath={.status.conditions[*].message}")
    refused = "may not make or change what speaks for a gate"
    assert processes.until(lambda: refused in controlled.kubectl(*asked).stdout, limit_seconds=LIMIT_SECONDS)
    assert owners(controlled) == ["real"]
    controlled.kubectl("delete", "job", "real", "--cascade=foreground", f"--timeout={LIMIT_SECONDS}s")
    assert owners(controlled) == []
