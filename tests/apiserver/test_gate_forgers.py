"""Nobody but the operator makes what speaks for a gate: its Job, and the pod that a verdict is read from."""

import json
from typing import Any, Final

import pytest

from dev import manifests
from dev.cluster.controlplane import ControlPlane
from modelward import conventions as names
from tests.apiserver.people import Person, install, person
from tests.modeldeployments import Manifest, changed

pytestmark = pytest.mark.apiserver

LABELS: Final = {names.LABEL_GATE: "calm"}
REFUSED: Final = "may not make or change what speaks for a gate"


def pod(name: str = "forged", **metadata: Any) -> Manifest:
    """Return a pod that would pass any gate."""
    spec = {"restartPolicy": "Never", "containers": [{"name": "gate", "image": "says-passed"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": spec}


def job(**metadata: Any) -> Manifest:
    """Return a Job of such a pod."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "forged", **metadata},
        "spec": {"template": {"spec": pod()["spec"]}},
    }


@pytest.fixture(scope="module", autouse=True)
def policies(api_server: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Install the policies, and wait until they hold."""
    install(api_server, tmp_path_factory.mktemp("people"))


@pytest.fixture
def deployer(api_server: ControlPlane, namespace: str) -> Person:
    """Return one who may do in the namespace what the cluster's own role edit allows, and set gates."""
    # What edit is made of: the controller that adds it up is not running.
    parts = ("system:aggregate-to-edit", "system:aggregate-to-view")
    return person(api_server, namespace, "deployer", *parts, "modelward-gatekeeper")


@pytest.mark.parametrize("forged", [job(labels=LABELS), pod(labels=LABELS)], ids=["job", "pod"])
def test_a_gates_job_or_pod_is_not_made_by_hand(deployer: Person, forged: Manifest) -> None:
    """One who may make any other Job and pod cannot make one that speaks for a gate, nor turn one into it."""
    kind = forged["kind"].lower()
    assert REFUSED in deployer.kubectl("create", "-f", "-", given=forged).stderr
    other = changed({"metadata": {"name": "other"}}, {**forged, "metadata": {}})
    made = deployer.kubectl("create", "-f", "-", given=other)
    assert made.returncode == 0, made.stderr
    assert REFUSED in deployer.kubectl("label", kind, "other", f"{names.LABEL_GATE}=calm").stderr


def test_a_gates_job_is_not_changed_by_hand(api_server: ControlPlane, deployer: Person) -> None:
    """Neither its label nor its annotations say something else later; it can be deleted, and is made anew."""
    given = json.dumps(job(labels=LABELS))
    api_server.kubectl("create", "--namespace", deployer.namespace, "-f", "-", input=given)
    annotation = f"{names.ANNOTATION_GATE_JOB}={{}}"
    assert REFUSED in deployer.kubectl("annotate", "job", "forged", annotation).stderr
    assert REFUSED in deployer.kubectl("label", "job", "forged", f"{names.LABEL_GATE}-").stderr
    assert deployer.kubectl("delete", "job", "forged").returncode == 0


@pytest.mark.parametrize(
    "who",
    [
        f"system:serviceaccount:{manifests.NAMESPACE}:modelward",
        "system:serviceaccount:kube-system:job-controller",
    ],
)
def test_the_operator_and_the_jobs_controller_do_their_work(
    api_server: ControlPlane, namespace: str, who: str
) -> None:
    """The operator makes the Job, and the cluster's controller of Jobs its pod."""
    made = job(labels=LABELS) if "modelward" in who else pod(labels=LABELS)
    done = Person(who, api_server, namespace).kubectl("create", "-f", "-", given=made)
    assert done.returncode == 0, done.stderr
