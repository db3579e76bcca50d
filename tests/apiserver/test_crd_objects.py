"""What the API server does with good manifests: defaults, subresources, columns, pod templates."""

import copy
import json

import pytest

from dev.cluster.controlplane import ControlPlane
from dev.cluster.definitions import OURS
from modelward.api.reading import read_spec
from modelward.api.spec import ModelDeploymentSpec
from tests.modeldeployments import BESIDE_THE_MODEL, FULL_TEMPLATE, VALID, Manifest, changed

pytestmark = pytest.mark.apiserver

CRD_LIMIT_BYTES = 300 * 1024
MINIMAL: Manifest = {
    **VALID,
    "spec": {"model": VALID["spec"]["model"], "server": VALID["spec"]["server"]},
}


class _Kubectl:
    """kubectl in the namespace of one test."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._plane = plane
        self._namespace = namespace

    def __call__(self, *arguments: str, manifest: Manifest | None = None) -> str:
        text = None if manifest is None else json.dumps(manifest)
        return self._plane.kubectl(*arguments, "--namespace", self._namespace, input=text).stdout

    def apply(self, manifest: Manifest) -> Manifest:
        """Apply server-side and return what is stored."""
        stored: Manifest = json.loads(
            self("apply", "--server-side", "-o", "json", "-f", "-", manifest=manifest)
        )
        return stored

    def stored(self) -> Manifest:
        """Return the object of the test."""
        found: Manifest = json.loads(self("get", "mdep", "electricity", "-o", "json"))
        return found


@pytest.fixture
def kubectl(api_server: ControlPlane, namespace: str) -> _Kubectl:
    """Return kubectl, bound to the namespace of the test."""
    return _Kubectl(api_server, namespace)


def _with_protocols(template: Manifest) -> Manifest:
    """Return a template with the one default of Kubernetes' that the CRD has, too."""
    filled = copy.deepcopy(template)
    for container in filled["spec"]["containers"]:
        for port in container["ports"]:
            port.setdefault("protocol", "TCP")
    return filled


def test_the_definition_is_below_its_limit() -> None:
    """Each CRD must stay below 300 KiB, so that its store and its chart can hold it."""
    sizes = [file.stat().st_size for file in OURS.glob("*.yaml")]
    assert len(sizes) > 1
    assert max(sizes) < CRD_LIMIT_BYTES


def test_applying_the_definition_again_changes_nothing(api_server: ControlPlane) -> None:
    """A second server-side apply of the CRD must leave its generation and resourceVersion alone."""

    def version() -> tuple[str, str]:
        name = "modeldeployments.modelward.dev"
        metadata = json.loads(api_server.kubectl("get", "crd", name, "-o", "json").stdout)["metadata"]
        return metadata["generation"], metadata["resourceVersion"]

    before = version()
    api_server.apply(OURS)
    assert version() == before


def test_the_definition_is_structural_and_established(api_server: ControlPlane) -> None:
    """The API server must report no structural error, or it would prune nothing and default nothing."""
    crd = json.loads(api_server.kubectl("get", "crd", "modeldeployments.modelward.dev", "-o", "json").stdout)
    conditions = {condition["type"]: condition["status"] for condition in crd["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions.get("NonStructuralSchema", "False") == "False"


def test_a_minimal_manifest_gets_the_defaults_of_the_types(kubectl: _Kubectl) -> None:
    """What the API server fills in must be what the operator would have assumed."""
    stored = kubectl.apply(MINIMAL)
    minimal = ModelDeploymentSpec.model_validate(MINIMAL["spec"])
    assert read_spec(stored) == minimal
    assert stored["spec"] == minimal.model_dump(mode="json", by_alias=True, exclude_none=True)


def test_a_minimal_manifest_shows_what_is_in_force(kubectl: _Kubectl) -> None:
    """A person who reads the stored object must see the documented defaults."""
    spec = kubectl.apply(MINIMAL)["spec"]
    assert spec["replicas"] == 1
    assert spec["rollout"] == {
        "steps": [{"weight": 50, "duration": "5m", "minRequests": 100}],
        "onInconclusive": "Promote",
        "deadline": "1h",
        "progressDeadline": "10m",
        "maxFalseRejectionProbability": "0.01",
        "standby": {"replicas": "100%", "retain": "1h"},
    }
    assert [(o["name"], o["target"]) for o in spec["objectives"]] == [
        ("availability", "99.5%"),
        ("latency", "99%"),
    ]
    assert spec["rollback"]["maxFalseRollbacksPerYear"] == "1"
    assert spec["telemetry"]["sampleRatio"] == "0.1"


def test_nested_defaults_fill_what_is_partly_written(kubectl: _Kubectl) -> None:
    """A step or a standby that says one thing must get the rest by default."""
    rollout = {"steps": [{"weight": 5}, {"weight": 20, "duration": "1m"}], "standby": {"replicas": "50%"}}
    spec = kubectl.apply(changed({"spec": {"rollout": rollout}}))["spec"]
    assert spec["rollout"]["steps"] == [
        {"weight": 5, "duration": "5m", "minRequests": 100},
        {"weight": 20, "duration": "1m", "minRequests": 100},
    ]
    assert spec["rollout"]["standby"] == {"replicas": "50%", "retain": "1h"}


def test_kubectl_scale_sets_replicas(kubectl: _Kubectl) -> None:
    """The scale subresource must write spec.replicas and read status.replicas and status.selector."""
    kubectl.apply(MINIMAL)
    kubectl("scale", "mdep/electricity", "--replicas=3")
    assert kubectl.stored()["spec"]["replicas"] == 3
    patch = json.dumps({"status": {"replicas": 2, "selector": "modelward.dev/deployment=electricity"}})
    kubectl("patch", "mdep", "electricity", "--subresource=status", "--type=merge", "-p", patch)
    scale = json.loads(kubectl("get", "mdep", "electricity", "--subresource=scale", "-o", "json"))
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 2, "selector": "modelward.dev/deployment=electricity"}


def test_status_is_a_subresource(kubectl: _Kubectl) -> None:
    """A write of the object must not touch status, and a write of status must not touch spec."""
    generation = kubectl.apply({**MINIMAL, "status": {"phase": "Serving"}})["metadata"]["generation"]
    assert "status" not in kubectl.stored()
    patch = json.dumps({"status": {"phase": "Serving"}, "spec": {"replicas": 7}})
    kubectl("patch", "mdep", "electricity", "--subresource=status", "--type=merge", "-p", patch)
    stored = kubectl.stored()
    assert stored["status"] == {"phase": "Serving"}
    assert stored["spec"]["replicas"] == 1
    assert stored["metadata"]["generation"] == generation


def test_columns_show_where_a_deployment_stands(kubectl: _Kubectl) -> None:
    """`kubectl get mdep` must show phase, revisions, weight and verdict, and -o wide the cause."""
    kubectl.apply(MINIMAL)
    status = {
        "phase": "Stepping",
        "stableRevision": "electricity-1",
        "candidateRevision": "electricity-2",
        "weight": 33,
        "verdict": "Inconclusive",
        "cause": "Model",
    }
    patch = json.dumps({"status": status})
    kubectl("patch", "mdep", "electricity", "--subresource=status", "--type=merge", "-p", patch)
    head, row = kubectl("get", "mdep").splitlines()
    assert head.split() == ["NAME", "PHASE", "STABLE", "CANDIDATE", "WEIGHT", "VERDICT", "AGE"]
    assert row.split()[:6] == [
        *("electricity", "Stepping", "electricity-1", "electricity-2"),
        *("33", "Inconclusive"),
    ]
    assert "Model" in kubectl("get", "mdep", "-o", "wide").splitlines()[1].split()
    assert "electricity" in kubectl("get", "all")


def test_server_side_apply_merges_objectives_by_name(kubectl: _Kubectl) -> None:
    """Two owners of one object must be able to own one objective each."""
    kubectl.apply(VALID)
    other = {
        **VALID,
        "spec": {"objectives": [{"name": "availability", "availability": {}, "target": "99%"}]},
    }
    kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", manifest=other)
    assert [o["name"] for o in kubectl.stored()["spec"]["objectives"]] == ["latency", "availability"]


def test_a_full_pod_template_is_kept_as_written(kubectl: _Kubectl) -> None:
    """Nothing that a pod template may say must be pruned or changed."""
    spec = {"server": {"template": FULL_TEMPLATE}}
    stored = kubectl.apply(changed({"spec": spec}))["spec"]["server"]["template"]
    assert stored == _with_protocols(FULL_TEMPLATE)


def test_a_volume_beside_the_model_is_taken(kubectl: _Kubectl) -> None:
    """Also below it, and where its folder is only part of the path."""
    mounts = [{"name": "models", "mountPath": path} for path in BESIDE_THE_MODEL]
    container = {"name": "model", "image": "a", "volumeMounts": mounts}
    template = {"spec": {"containers": [container]}}
    stored = kubectl.apply(changed({"spec": {"server": {"template": template}}}))
    assert stored["spec"]["server"]["template"] == template


def test_a_kept_pod_template_is_one_that_kubernetes_takes(kubectl: _Kubectl) -> None:
    """The API server must accept a stored template in a Deployment under strict validation."""
    template = kubectl.apply(changed({"spec": {"server": {"template": FULL_TEMPLATE}}}))["spec"]["server"][
        "template"
    ]
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "electricity"},
        "spec": {"selector": {"matchLabels": {"app": "electricity"}}, "template": template},
    }
    kubectl("create", "--validate=strict", "--dry-run=server", "-f", "-", manifest=deployment)


@pytest.mark.parametrize(
    ("field", "lines"),
    [
        (
            "spec.rollout",
            (
                "How a new revision gets traffic.",
                "maxFalseRejectionProbability\t<string>",
                "A rollout that takes longer is Held: neither promoted nor rejected until",
                "enum: Promote, Hold, Rollback",
            ),
        ),
        ("spec.rollout.steps.weight", ("Share of traffic for the candidate, in percent.",)),
        ("spec.objectives.latency", ("Good: answered within this time", "within\t<string>")),
        ("spec.server.template.spec.containers", ("livenessProbe\t<Object>",)),
        ("status", ("What the operator found and did.", "stableRevision\t<string>")),
    ],
)
def test_kubectl_explain_reads_well(api_server: ControlPlane, field: str, lines: tuple[str, ...]) -> None:
    """`kubectl explain` must show every field with its description."""
    said = api_server.kubectl("explain", f"mdep.{field}").stdout
    for line in lines:
        assert line in said


def test_every_field_of_spec_is_described(api_server: ControlPlane) -> None:
    """No field of ours may be without a description."""
    crd = json.loads(api_server.kubectl("get", "crd", "modeldeployments.modelward.dev", "-o", "json").stdout)
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    undescribed = [*_undescribed("spec", schema["spec"]), *_undescribed("status", schema["status"])]
    assert undescribed == []


def _undescribed(path: str, schema: Manifest) -> list[str]:
    found = [] if schema.get("description") else [path]
    if not path.endswith(".template"):
        for name, field in schema.get("properties", {}).items():
            found += _undescribed(f"{path}.{name}", field)
        if schema.get("items", {}).get("properties"):
            for name, field in schema["items"]["properties"].items():
                found += _undescribed(f"{path}[].{name}", field)
    return found
