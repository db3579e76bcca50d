"""The ConfigMap of a revision's gate reports: verdict and report of each gate, as gzip."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from modelward import conventions as names
from modelward.render.identity import DeploymentIdentity
from modelward.render.manifest import Manifest, deployment_labels, owned, sealed

COMPONENT: Final = "gate-reports"
KEPT_REVISIONS: Final = 10
"""ConfigMaps that a deployment has at most."""
MOST_BYTES: Final = 900 * 1024
"""Of all files in one: an object of Kubernetes may have 1 MiB."""


def reports_name(deployment: str, revision: str) -> str:
    """Return the name of the ConfigMap."""
    return f"{deployment}-gates-{revision}"


def reports_place(deployment: str, revision: str) -> str:
    """Return what status says of where a report is."""
    return f"configmap/{reports_name(deployment, revision)}"


def file_key(gate: str, file: str) -> str:
    """Return the key under which a gate's file is, as gzip."""
    return f"{gate}.{file}.gz"


def kept_jobs(manifest: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the uid of the Job whose files are in a ConfigMap, by gate."""
    annotations = ((manifest or {}).get("metadata") or {}).get("annotations") or {}
    try:
        found = orjson.loads(annotations[names.ANNOTATION_GATE_REPORTS])
    except (KeyError, orjson.JSONDecodeError):
        return {}
    return {str(gate): str(uid) for gate, uid in found.items()} if isinstance(found, dict) else {}


def reports(
    identity: DeploymentIdentity,
    revision: str,
    known: Mapping[str, str],
    jobs: Mapping[str, str],
) -> Manifest:
    """Return ConfigMap NAME-gates-REVISION.

    Args:
        identity: the deployment.
        revision: whose gates they are.
        known: its files, gzip in base64, by `file_key`.
        jobs: by gate, the uid of the Job whose files they are.
    """
    name = reports_name(identity.name, revision)
    labels = {**deployment_labels(identity, COMPONENT), names.LABEL_VERSION: revision}
    metadata = owned(identity, name, labels)
    about = orjson.dumps(dict(jobs), option=orjson.OPT_SORT_KEYS).decode()
    metadata["annotations"] = {names.ANNOTATION_GATE_REPORTS: about}
    return sealed({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": dict(known)})
