"""Gates and people on a real cluster: bad candidates get no request, and people's word decides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from dev.cluster import current
from dev.cluster.layout import NODE
from dev.demo.cluster import Cluster
from dev.demo.gates.__main__ import differences
from dev.demo.gates.story import PATIENCE_SECONDS, STORE, Story, gates, manifest
from dev.demo.stage import Stage, serves
from modelward.api.status import GateResultName
from tests.e2e.conftest import stage_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(5400)]

REQUESTS_PER_SECOND = 10
"""Other tests compute on the same machine."""
CLAIM: Final = "reports"
STEEP: Final = {
    "name": "steep",
    "robustness": {"gradient": [{"method": "FGSM", "size": "0.1", "maxFlips": "100%"}]},
}
"""A gate that reads the model's file."""
READ: Final = "import fsspec, sys; print(fsspec.open(sys.argv[1], encoding='utf-8', mode='rt').open().read())"


@pytest.fixture(scope="module")
def gated(cluster: Cluster) -> Iterator[Story]:
    """A namespace with people, data and models, of which each test serves some under a name of its own."""
    stage = stage_of(cluster, "e2e-gates")
    stage.clear()
    story = Story(stage, REQUESTS_PER_SECOND)
    story.prepare()
    yield story
    stage.cluster.kubectl("delete", "namespace", stage.namespace, "--wait=false")


@pytest.fixture
def claim(gated: Story, tmp_path: Path) -> Iterator[str]:
    """A claim for reports; a cluster of ours has none that provides volumes, but a folder of this machine."""
    stage = gated.stage
    spec: dict[str, Any] = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "10Mi"}}}
    if current.chosen():
        spec["accessModes"] = ["ReadWriteOnce"]  # which providers of development clusters have
    else:
        spec |= {"storageClassName": "", "volumeName": stage.namespace}
        stage.apply(volume(stage.namespace, tmp_path))
    stage.apply(
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": CLAIM}, "spec": spec}
    )
    yield CLAIM
    if not current.chosen():
        stage.cluster.kubectl("delete", "persistentvolume", stage.namespace, "--wait=false")


def volume(name: str, folder: Path) -> dict[str, Any]:
    """Return a volume that is a folder of the node, which the kubelet gives to a pod's fsGroup."""
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "capacity": {"storage": "10Mi"},
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }


def read(stage: Stage, name: str, address: str) -> str:
    """Return a file that a pod with the claim and the store's credentials reads at an address."""
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "read",
        "image": "modelward.dev/monitor:dev",
        "command": ["python", "-c", READ, address],
        "envFrom": [{"secretRef": {"name": "model-store"}}],
        "securityContext": restricted,
        "volumeMounts": [{"name": "reports", "mountPath": "/reports"}],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "reports", "persistentVolumeClaim": {"claimName": CLAIM}}],
    }
    stage.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    stage.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=300s", f"pod/{name}")
    return stage.kubectl("logs", name)


def test_bad_candidates_get_no_request_and_people_decide(gated: Story) -> None:
    """Each bad model fails its gate; a good one waits for two people, serves, and goes by a third's no."""
    gated.run()
    assert [step.expected for step in gated.steps][-2:] == [
        "the version before has all traffic",
        "it is rejected with her reason",
    ]
    assert differences(gated.stage.end_replay()) == ""


def test_a_gate_reads_the_models_file_and_keeps_its_report_where_it_is_to(gated: Story, claim: str) -> None:
    """A gradient needs the file that is served; the report is on the claim, or beside the models."""
    stage = gated.stage
    places = {
        "kept-on-a-claim": ({"persistentVolumeClaimName": claim}, "pvc://reports", "file:///reports"),
        "kept-in-the-store": ({"uri": f"{STORE}/reports"}, f"{STORE}/reports", f"{STORE}/reports"),
    }
    shipped = {}
    for name, (place, _, _) in places.items():
        # Of these models the one whose gradient is known: behind a StandardScaler, and nothing else.
        asked = manifest("leaning", gates("validation.csv") | {"gates": [STEEP], "gateReports": place})
        asked["metadata"]["name"] = name
        asked["spec"]["inference"]["modelFile"] = "model.joblib"
        shipped[name] = stage.ship(asked)
    for name, (_, told, address) in places.items():
        served = stage.wait(stage.watch(name), serves(shipped[name]), PATIENCE_SECONDS, f"{name} to serve")
        (gate,) = served.status.gates
        path = f"{shipped[name]}/steep/report.html"
        assert (gate.result, gate.report) == (GateResultName.PASSED, f"{told}/{path}")
        assert "flips under FGSM 0.1" in read(stage, name, f"{address}/{path}")
