"""What the watches have seen, as compact JSON, indexed by the deployment that it belongs to.

Objects are kept as bytes: parsed ones take five times the memory, and an object is looked at only when
its deployment is reconciled. Fields that nothing here reads are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from modelward import conventions as names
from modelward.control import kinds
from modelward.control.client import Manifest
from modelward.control.kinds import Kind
from modelward.signals.key import Key


@dataclass(frozen=True, slots=True)
class Record:
    """One object as last seen."""

    kind: Kind
    namespace: str
    name: str
    uid: str
    resource_version: int
    revision: str
    """Value of its revision label; empty if it has none."""
    content: bytes
    """Its JSON without what `_compact` leaves out."""

    def manifest(self) -> Manifest:
        """Parse the content."""
        parsed: Manifest = orjson.loads(self.content)
        return parsed


_Place = tuple[str, str]
"""Plural and name: where an object is within its deployment's namespace."""


class Cache:
    """Every watched object. A change is told from a repetition, and newer from older, by what is in here."""

    def __init__(self) -> None:
        self._by_key: dict[Key, dict[_Place, Record]] = {}
        self._key_of: dict[tuple[str, str, str], Key] = {}

    def deployments(self) -> list[Key]:
        """Return the ModelDeployments that exist."""
        return [key for key in self._by_key if self.get(key, kinds.MODEL_DEPLOYMENT, key.name)]

    def get(self, key: Key, kind: Kind, name: str) -> Record | None:
        """Return one object of a deployment, if it exists."""
        return self._by_key.get(key, {}).get((kind.plural, name))

    def of(self, key: Key, kind: Kind) -> Iterator[Record]:
        """Yield the objects of one kind that belong to a deployment."""
        for (plural, _), record in self._by_key.get(key, {}).items():
            if plural == kind.plural:
                yield record

    def put(self, kind: Kind, manifest: Manifest) -> Key | None:
        """Take in an object; return its deployment if something changed that matters.

        An older state than the one held is ignored: resource versions of one kind can be compared as
        integers (KEP-5504).
        """
        metadata = manifest["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        labels = metadata.get("labels") or {}
        owner = _owner(kind, manifest)
        if not owner:
            return None
        key = Key(namespace, owner)
        version = int(metadata["resourceVersion"])
        before = self._find(kind, namespace, name)
        if before is not None and before.resource_version >= version:
            return None
        content = orjson.dumps(_compact(kind, manifest))
        revision = labels.get(names.LABEL_REVISION, "")
        record = Record(kind, namespace, name, metadata["uid"], version, revision, content)
        if self._key_of.get((kind.plural, namespace, name), key) != key:
            self._remove(kind, namespace, name)
        self._key_of[kind.plural, namespace, name] = key
        self._by_key.setdefault(key, {})[kind.plural, name] = record
        return None if before is not None and before.content == content else key

    def drop(self, kind: Kind, namespace: str, name: str, version: int) -> Key | None:
        """Forget an object that was deleted at a resource version; return the deployment it belonged to."""
        held = self._find(kind, namespace, name)
        if held is None or held.resource_version > version:
            return None
        return self._remove(kind, namespace, name)

    def keep_only(self, kind: Kind, namespace: str, listed: set[tuple[str, str]], version: int) -> set[Key]:
        """Forget objects that a full list at a version did not have; an empty namespace means all."""
        gone = [
            place
            for place in self._key_of
            if place[0] == kind.plural and namespace in {"", place[1]} and place[1:] not in listed
        ]
        keys = (self.drop(kind, namespace, name, version) for _, namespace, name in gone)
        return {key for key in keys if key is not None}

    def _find(self, kind: Kind, namespace: str, name: str) -> Record | None:
        key = self._key_of.get((kind.plural, namespace, name))
        return self._by_key[key].get((kind.plural, name)) if key else None

    def _remove(self, kind: Kind, namespace: str, name: str) -> Key:
        key = self._key_of.pop((kind.plural, namespace, name))
        objects = self._by_key[key]
        del objects[kind.plural, name]
        if not objects:
            del self._by_key[key]
        return key


def _owner(kind: Kind, manifest: Manifest) -> str:
    """Return the name of the ModelDeployment that an object belongs to; empty if it is nobody's."""
    if kind is kinds.MODEL_DEPLOYMENT:
        return str(manifest["metadata"]["name"])
    if kind is kinds.MODEL_APPROVAL:
        return str(manifest["spec"]["modelDeploymentName"])
    return str((manifest["metadata"].get("labels") or {}).get(names.LABEL_DEPLOYMENT, ""))


_NOT_KEPT: Final = ("managedFields", "selfLink", "resourceVersion")
_NOT_KEPT_ANNOTATIONS: Final = ("kubectl.kubernetes.io/last-applied-configuration",)


def _compact(kind: Kind, manifest: Manifest) -> Manifest:
    """Leave out what nothing here reads, above all what changes without meaning anything here."""
    if kind is kinds.POD:
        return compact_pod(manifest)
    if kind is kinds.JOB:
        return _compact_job(manifest)
    metadata = {name: value for name, value in manifest["metadata"].items() if name not in _NOT_KEPT}
    if annotations := metadata.get("annotations"):
        kept = {name: value for name, value in annotations.items() if name not in _NOT_KEPT_ANNOTATIONS}
        metadata["annotations"] = kept
    compact = {**manifest, "metadata": metadata}
    compact.pop("binaryData", None)  # of reports, each of them large
    if kind is not kinds.MODEL_DEPLOYMENT:
        status = compact.pop("status", None) or {}
        failures = [c for c in status.get("conditions") or () if c["type"] == "ReplicaFailure"]
        if failures:
            compact["status"] = {"conditions": failures}
    return compact


def _compact_job(job: Manifest) -> Manifest:
    """Keep whose it is, how it ended, and what its pod runs, by which a pod of another's making is told."""
    fields = ("name", "namespace", "uid", "deletionTimestamp", "annotations", "ownerReferences", "labels")
    status = job.get("status") or {}
    ended = [c for c in status.get("conditions") or () if c["type"] in {"Complete", "Failed"}]
    return {
        "metadata": {name: job["metadata"][name] for name in fields if name in job["metadata"]},
        "spec": {"template": {"spec": {"containers": _programs(job)}}},
        "status": {"conditions": ended, "failed": status.get("failed", 0)},
    }


def _programs(job: Manifest) -> list[Manifest]:
    fields = ("name", "image", "command", "args")
    containers = job["spec"]["template"]["spec"]["containers"]
    return [{name: each[name] for name in fields if name in each} for each in containers]


def compact_pod(pod: Manifest) -> Manifest:
    """Return what is looked at of a pod."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    annotations = metadata.get("annotations") or {}
    generation = annotations.get(names.ANNOTATION_TRAFFIC_GENERATION)
    return {
        "metadata": {
            "name": metadata["name"],
            "uid": metadata["uid"],
            "deletionTimestamp": metadata.get("deletionTimestamp"),
            "annotations": {names.ANNOTATION_TRAFFIC_GENERATION: generation} if generation else {},
        },
        "status": {
            "phase": status.get("phase"),
            "podIP": status.get("podIP"),
            "reason": status.get("reason"),
            "message": status.get("message"),
            "conditions": [
                {name: condition.get(name) for name in ("type", "status", "reason", "message")}
                for condition in status.get("conditions") or ()
                if condition["type"] in {"Ready", "PodScheduled"}
            ],
            "initContainerStatuses": [
                _compact_container(c) for c in status.get("initContainerStatuses") or ()
            ],
            "containerStatuses": [_compact_container(c) for c in status.get("containerStatuses") or ()],
        },
    }


def _compact_container(status: Manifest) -> Manifest:
    def states(name: str) -> dict[str, Any]:
        return {
            state: {field: detail[field] for field in ("reason", "message", "exitCode") if field in detail}
            for state, detail in (status.get(name) or {}).items()
        }

    return {
        "name": status["name"],
        "ready": status.get("ready", False),
        "state": states("state"),
        "lastState": states("lastState"),
    }
