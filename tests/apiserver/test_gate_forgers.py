"""Nobody but the operator makes what speaks for a gate: its Job, and the pod that a verdict is read from."""

import json
import subprocess
import uuid
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
# What the role edit is made of: the controller that adds it up is not running.
EDIT: Final = ("system:aggregate-to-edit", "system:aggregate-to-view")
CONTROLLER: Final = "system:serviceaccount:kube-system:{}-controller"
ALL_CONTROLLERS: Final = "system:kube-controller-manager"
"""What each of them is where they have no names of their own (`--use-service-account-credentials=false`)."""


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
    return person(api_server, namespace, "deployer", *EDIT, "modelward-gatekeeper")


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


def test_nothing_gets_into_a_gates_pod(api_server: ControlPlane, namespace: str) -> None:
    """A container that is put into it later could write its verdict: one who debugs other pods cannot."""
    rule = {
        "apiGroups": [""],
        "resources": ["pods", "pods/ephemeralcontainers"],
        "verbs": ["get", "create", "patch"],
    }
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"{namespace}-debug"},
        "rules": [rule],
    }
    api_server.kubectl("create", "-f", "-", input=json.dumps(role))
    debugger = person(api_server, namespace, "debugger", f"{namespace}-debug")
    for made in (pod("of-a-gate", labels=LABELS), pod("other")):
        api_server.kubectl("create", "--namespace", namespace, "-f", "-", input=json.dumps(made))
    container = {"name": "shell", "image": "busybox", "targetContainerName": "gate"}
    patch = json.dumps({"spec": {"ephemeralContainers": [container]}})

    def enter(name: str) -> subprocess.CompletedProcess[str]:
        return debugger.kubectl("patch", "pod", name, "--subresource=ephemeralcontainers", "--patch", patch)

    assert REFUSED in enter("of-a-gate").stderr
    assert enter("other").returncode == 0


def owned(kind: str, uid: str, named: str = "") -> Manifest:
    """Return a gate's pod as a controller makes it for its owner, whose uid its labels name, or another."""
    api_version = {"Job": "batch/v1", "ReplicationController": "v1"}.get(kind, "apps/v1")
    owner = {"apiVersion": api_version, "kind": kind, "name": "owner", "uid": uid, "controller": True}
    labels = {**LABELS, "batch.kubernetes.io/controller-uid": named or uid}
    return pod(labels=labels, ownerReferences=[owner])


def test_the_operator_makes_a_gates_job(api_server: ControlPlane, namespace: str) -> None:
    """It may, because its role says so."""
    operator = Person(f"system:serviceaccount:{manifests.NAMESPACE}:modelward", api_server, namespace)
    done = operator.kubectl("create", "-f", "-", given=job(labels=LABELS))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("who", [CONTROLLER.format("job"), ALL_CONTROLLERS])
def test_the_jobs_controller_makes_a_gates_pod(api_server: ControlPlane, namespace: str, who: str) -> None:
    """For the Job that its labels name; it takes its finalizer off, and the garbage collector its owner."""
    controller = person(api_server, namespace, who, *EDIT)
    made = owned("Job", str(uuid.uuid4()))
    made["metadata"]["finalizers"] = ["batch.kubernetes.io/job-tracking"]
    done = controller.kubectl("create", "-f", "-", given=made)
    assert done.returncode == 0, done.stderr
    without = {"metadata": {"finalizers": None, "ownerReferences": None}}
    done = controller.kubectl("patch", "pod", "forged", "--type=merge", f"--patch={json.dumps(without)}")
    assert done.returncode == 0, done.stderr
    api_server.kubectl("delete", "pod", "forged", "--namespace", namespace, "--now")


@pytest.mark.parametrize(
    ("controller", "kind"),
    [
        ("replicaset", "ReplicaSet"),
        ("statefulset", "StatefulSet"),
        ("daemon-set", "DaemonSet"),
        ("replication", "ReplicationController"),
    ],
)
@pytest.mark.parametrize("has_own_name", [True, False])
def test_no_other_controller_makes_a_gates_pod(
    api_server: ControlPlane, namespace: str, controller: str, kind: str, has_own_name: bool
) -> None:
    """What somebody's template says of a gate, and of the uid of its Job, makes no pod."""
    who = CONTROLLER.format(controller) if has_own_name else ALL_CONTROLLERS
    made = owned(kind, str(uuid.uuid4()))
    found = person(api_server, namespace, who, *EDIT).kubectl("create", "-f", "-", given=made)
    assert REFUSED in found.stderr


def test_no_job_makes_the_pod_of_another(api_server: ControlPlane, namespace: str) -> None:
    """One that has a selector of its own may write any uid into its template; its pods are refused."""
    made = owned("Job", str(uuid.uuid4()), named=str(uuid.uuid4()))
    controller = person(api_server, namespace, CONTROLLER.format("job"), *EDIT)
    assert REFUSED in controller.kubectl("create", "-f", "-", given=made).stderr


def test_no_cron_job_makes_a_gates_job(api_server: ControlPlane, namespace: str) -> None:
    """Nor may one whose template of Jobs names a gate."""
    controller = person(api_server, namespace, CONTROLLER.format("cronjob"), *EDIT)
    assert REFUSED in controller.kubectl("create", "-f", "-", given=job(labels=LABELS)).stderr
