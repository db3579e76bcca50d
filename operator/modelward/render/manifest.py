"""What every child has in common: labels, the owner, and the hash by which an unchanged one is known."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import orjson

from modelward import conventions as names
from modelward.render.identity import DeploymentIdentity

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes object as JSON."""

_HASH_CHARACTERS: Final = 16


def deployment_labels(identity: DeploymentIdentity, component: str) -> dict[str, str]:
    """Labels of a child of the whole deployment."""
    return {
        names.LABEL_NAME: names.MANAGED_BY,
        names.LABEL_INSTANCE: identity.name,
        names.LABEL_COMPONENT: component,
        names.LABEL_PART_OF: names.MANAGED_BY,
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_DEPLOYMENT: identity.name,
    }


def revision_labels(identity: DeploymentIdentity, component: str, revision: str) -> dict[str, str]:
    """Labels of a child of one revision."""
    own = {names.LABEL_VERSION: revision, names.LABEL_REVISION: revision}
    return deployment_labels(identity, component) | own


def owned(identity: DeploymentIdentity, name: str, labels: Mapping[str, str]) -> Manifest:
    """Return the metadata of a child, which the garbage collector removes with its owner."""
    owner = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": identity.name,
        "uid": identity.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "name": name,
        "namespace": identity.namespace,
        "labels": dict(labels),
        "ownerReferences": [owner],
    }


def rendered_hash(manifest: Manifest) -> str:
    """Return a short hash of a manifest, its own annotation left out; equal manifests have equal hashes."""
    metadata = dict(manifest["metadata"])
    annotations = {k: v for k, v in metadata.pop("annotations", {}).items() if k != names.ANNOTATION_RENDERED}
    bare = manifest | {"metadata": metadata | ({"annotations": annotations} if annotations else {})}
    return hashlib.sha256(orjson.dumps(bare, option=orjson.OPT_SORT_KEYS)).hexdigest()[:_HASH_CHARACTERS]


def sealed(manifest: Manifest) -> Manifest:
    """Return the manifest with its hash as an annotation."""
    metadata = manifest["metadata"]
    annotations = metadata.get("annotations", {}) | {names.ANNOTATION_RENDERED: rendered_hash(manifest)}
    return manifest | {"metadata": metadata | {"annotations": annotations}}
