"""Writes the structural schema of a pod template, from the OpenAPI document of Kubernetes itself.

`python3 -m dev.podtemplate > operator/modelward/api/podtemplate.json`; `make generate` does it. The
version is the one in dev/cluster/programs/kubernetes/go.mod, so schema and test cluster agree.
Descriptions are left out (they are three quarters of the size); `kubectl explain pod.spec` has them.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, TypeAlias

from dev.cluster import golang, programs
from dev.cluster.errors import ClusterError
from dev.cluster.paths import SOURCES

Schema: TypeAlias = dict[str, Any]

_MODULE: Final = "k8s.io/kubernetes"
_DOCUMENT: Final = "api/openapi-spec/swagger.json"
_CORE: Final = "io.k8s.api.core.v1"
_KEPT: Final[tuple[str, ...]] = (
    *("type", "format", "required", "default"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"),
)
_NUMBER: Final = r"(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
_QUANTITY: Final = rf"^{_NUMBER}(([KMGTPE]i)|[numkMGTPE]|([eE]{_NUMBER}))?$"
"""As resource.Quantity is parsed: apimachinery/pkg/api/resource/quantity.go."""
_STRINGS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}
_METADATA: Final[Schema] = {
    "type": "object",
    "properties": {"annotations": _STRINGS, "labels": {**_STRINGS, "maxProperties": 64}},
}
_INT_OR_STRING: Final[Schema] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}

REPLACED: Final[dict[str, Schema]] = {
    # Of a template's metadata only labels and annotations reach a pod.
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": _METADATA,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {**_INT_OR_STRING, "pattern": _QUANTITY},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _INT_OR_STRING,
}
LEFT_OUT: Final = {
    # A template with ephemeral containers is refused by Kubernetes.
    (f"{_CORE}.PodSpec", "ephemeralContainers"),
}
ADDED: Final[dict[tuple[str, str], Schema]] = {
    # The key of a list map must be required or have a default; these are Kubernetes' own defaults.
    (f"{_CORE}.ContainerPort", "protocol"): {"default": "TCP"},
    (f"{_CORE}.LocalObjectReference", "name"): {"default": ""},
    # Bounds that the CEL rules of spec.server need to be affordable.
    (f"{_CORE}.PodSpec", "containers"): {"maxItems": 16},
    (f"{_CORE}.PodSpec", "initContainers"): {"maxItems": 16},
    (f"{_CORE}.Container", "name"): {"maxLength": 63},
    (f"{_CORE}.Container", "ports"): {"maxItems": 64},
    (f"{_CORE}.Container", "volumeMounts"): {"maxItems": 64},
    (f"{_CORE}.ContainerPort", "name"): {"maxLength": 15},
    (f"{_CORE}.VolumeMount", "mountPath"): {"maxLength": 1024},
    (f"{_CORE}.PodSpec", "restartPolicy"): {"maxLength": 16},
    (f"{_CORE}.PodSpec", "volumes"): {"maxItems": 64},
    (f"{_CORE}.Volume", "name"): {"maxLength": 63},
}


def structural(definitions: dict[str, Schema], name: str) -> Schema:
    """Return one definition with every reference spelled out, in the form a CRD may have."""
    if name in REPLACED:
        return REPLACED[name]
    return _inlined(definitions, definitions[name], name)


def _inlined(definitions: dict[str, Schema], schema: Schema, owner: str) -> Schema:
    if "$ref" in schema:
        return structural(definitions, schema["$ref"].rpartition("/")[2])
    result = {key: schema[key] for key in _KEPT if key in schema}
    for key in ("items", "additionalProperties"):
        if key in schema:
            result[key] = _inlined(definitions, schema[key], owner)
    if "properties" in schema:
        result["properties"] = {
            name: {**_inlined(definitions, value, owner), **ADDED.get((owner, name), {})}
            for name, value in sorted(schema["properties"].items())
            if (owner, name) not in LEFT_OUT
        }
    return result


def pod_template(definitions: dict[str, Schema]) -> Schema:
    """Return the schema of a PodTemplateSpec whose `spec` must be there."""
    return {**structural(definitions, f"{_CORE}.PodTemplateSpec"), "required": ["spec"]}


def openapi_document() -> Path:
    """Return Kubernetes' OpenAPI document in the Go module cache, downloading the module if need be.

    Raises:
        ClusterError: the module could not be downloaded.
    """
    module = f"{_MODULE}@{programs.version('kubernetes')}"
    command: list[str | Path] = [golang.find(), "mod", "download", "-json", module]
    answer = subprocess.run(command, cwd=SOURCES / "kubernetes", capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        message = f"cannot download {module}: {answer.stdout}{answer.stderr}"
        raise ClusterError(message)
    return Path(json.loads(answer.stdout)["Dir"], _DOCUMENT)


def main() -> None:
    """Write the schema to standard output."""
    definitions = json.loads(openapi_document().read_text())["definitions"]
    json.dump(pod_template(definitions), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
