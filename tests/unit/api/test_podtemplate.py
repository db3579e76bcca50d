"""The pod template's schema, as it is made from Kubernetes' OpenAPI document."""

import json
from typing import Final

from dev.cluster.paths import CHECKOUT
from dev.podtemplate import pod_template
from tests.modeldeployments import Manifest

_PREFIX: Final = "io.k8s.api.core.v1"
_DOCUMENT: Final[Manifest] = {
    f"{_PREFIX}.PodTemplateSpec": {
        "description": "A template.",
        "type": "object",
        "properties": {
            "metadata": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
            "spec": {"$ref": f"#/definitions/{_PREFIX}.PodSpec"},
        },
    },
    f"{_PREFIX}.PodSpec": {
        "description": "A pod.",
        "type": "object",
        "required": ["containers"],
        "properties": {
            "ephemeralContainers": {"type": "array", "items": {"type": "string"}},
            "containers": {
                "type": "array",
                "items": {"$ref": f"#/definitions/{_PREFIX}.Container"},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "x-kubernetes-patch-strategy": "merge",
            },
            "overhead": {
                "type": "object",
                "additionalProperties": {
                    "$ref": "#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity"
                },
            },
        },
    },
    f"{_PREFIX}.Container": {
        "type": "object",
        "properties": {
            "name": {"description": "Its name.", "type": "string"},
            "port": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.util.intstr.IntOrString"},
        },
    },
}
_TEMPLATE: Final = pod_template(_DOCUMENT)
_POD: Final[Manifest] = _TEMPLATE["properties"]["spec"]


def test_references_are_spelled_out_without_descriptions() -> None:
    """The result must hold all that a CRD needs in place, and nothing for a person."""
    assert "$ref" not in json.dumps(_TEMPLATE)
    assert "description" not in json.dumps(_TEMPLATE)
    assert "x-kubernetes-patch-strategy" not in json.dumps(_TEMPLATE)
    assert _POD["properties"]["containers"]["x-kubernetes-list-map-keys"] == ["name"]


def test_a_spec_is_required_and_ephemeral_containers_are_left_out() -> None:
    """A template without a pod, or with what Kubernetes refuses in one, must not be accepted."""
    assert _TEMPLATE["required"] == ["spec"]
    assert _POD["required"] == ["containers"]
    assert "ephemeralContainers" not in _POD["properties"]


def test_labels_and_annotations_are_spelled_out() -> None:
    """What is not spelled out would be pruned."""
    assert set(_TEMPLATE["properties"]["metadata"]["properties"]) == {"labels", "annotations"}


def test_numbers_may_be_written_where_kubernetes_takes_them() -> None:
    """Ports and quantities must be accepted as integers and as strings."""
    container = _POD["properties"]["containers"]["items"]["properties"]
    assert container["port"]["x-kubernetes-int-or-string"]
    assert _POD["properties"]["overhead"]["additionalProperties"]["x-kubernetes-int-or-string"]


def test_what_rules_look_at_is_bounded() -> None:
    """CEL over an unbounded list would cost more than a CRD may."""
    assert _POD["properties"]["containers"]["maxItems"]
    assert _POD["properties"]["containers"]["items"]["properties"]["name"]["maxLength"]


def test_the_committed_schema_is_of_the_kubernetes_that_tests_run_on() -> None:
    """A field of Kubernetes 1.34 must be there, so that the file was not left behind at an update."""
    committed = json.loads((CHECKOUT / "operator/modelward/api/podtemplate.json").read_text())
    containers = committed["properties"]["spec"]["properties"]["containers"]
    assert "restartPolicyRules" in containers["items"]["properties"]
