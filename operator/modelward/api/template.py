"""Rules of `spec.server.template`: what a pod template must leave to the operator.

The template's schema is Kubernetes' own (podtemplate.json, made by dev/podtemplate.py). A strict
dry-run of what is rendered from it finds the rest; these rules say the frequent mistakes at once.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from modelward import conventions
from modelward.api.rules import Rule

PodTemplate: TypeAlias = dict[str, Any]
"""A core/v1 PodTemplateSpec as the API server validated it; opaque to everything but `render`."""

INJECTED_CONTAINERS: Final = (
    conventions.CONTAINER_COLLECTOR,
    conventions.CONTAINER_FETCH,
    conventions.CONTAINER_MONITOR,
)
RESERVED_PORTS: Final = (
    conventions.PORT_SERVING,
    conventions.PORT_SYNTHETIC,
    conventions.PORT_METRICS,
    conventions.PORT_ADMIN,
    conventions.PORT_OTLP_GRPC,
    conventions.PORT_OTLP_HTTP,
    conventions.PORT_COLLECTOR_HEALTH,
    conventions.PORT_COLLECTOR_METRICS,
    conventions.PORT_COLLECTOR_SPAN_METRICS,
)
RESERVED_PORT_NAMES: Final = (
    conventions.PORT_NAME_SERVING,
    conventions.PORT_NAME_SYNTHETIC,
    conventions.PORT_NAME_METRICS,
    conventions.PORT_NAME_ADMIN,
    conventions.PORT_NAME_COLLECTOR_METRICS,
    conventions.PORT_NAME_COLLECTOR_SPAN_METRICS,
)
_LABEL_PREFIX: Final = f"{conventions.GROUP}/"
_VOLUME_PREFIX: Final = "modelward-"
"""Of the volumes that the injected containers bring."""
_NOWHERE: Final = r"(\.?/)*"
"""Slashes, and folders that are where they are, between the names of a path."""
_MODEL_MOUNT: Final = _NOWHERE + f"/{_NOWHERE}".join(conventions.PATH_MODEL.split("/")[1:]) + r"(/\.?)*"
"""The model's folder, however it is spelt; a path without a leading slash is one from the root."""


def _pod(template: PodTemplate) -> Mapping[str, Any]:
    pod: Mapping[str, Any] = template.get("spec") or {}
    return pod


def _containers(template: PodTemplate) -> Iterator[Mapping[str, Any]]:
    for field in ("containers", "initContainers"):
        yield from _pod(template).get(field) or ()


def _ports(template: PodTemplate) -> Iterator[Mapping[str, Any]]:
    for container in _containers(template):
        yield from container.get("ports") or ()


def _mounts(template: PodTemplate) -> Iterator[Mapping[str, Any]]:
    for container in _containers(template):
        yield from container.get("volumeMounts") or ()


def _volumes(template: PodTemplate) -> set[str]:
    return {volume.get("name", "") for volume in _pod(template).get("volumes") or ()}


def _labels(template: PodTemplate) -> Mapping[str, str]:
    labels: Mapping[str, str] = (template.get("metadata") or {}).get("labels") or {}
    return labels


def _all_containers(condition: str) -> str:
    both = (
        f"self.spec.containers.all(c, {condition})",
        f"(!has(self.spec.initContainers) || self.spec.initContainers.all(c, {condition}))",
    )
    return " && ".join(both)


def _listed(values: tuple[str, ...] | tuple[int, ...]) -> str:
    return ", ".join(str(value) for value in values)


def _cel_list(values: tuple[str, ...] | tuple[int, ...]) -> str:
    return f"[{', '.join(repr(value) for value in values)}]"


TEMPLATE_RULES: Final = (
    Rule(
        "self.spec.containers.size() > 0",
        "no container: write the model server as the first of template.spec.containers",
        lambda template: bool(_pod(template).get("containers")),
    ),
    Rule(
        _all_containers(f"!(c.name in {_cel_list(INJECTED_CONTAINERS)})"),
        f"{_listed(INJECTED_CONTAINERS)} are the names of injected containers: write another name",
        lambda template: not {c.get("name") for c in _containers(template)} & set(INJECTED_CONTAINERS),
    ),
    Rule(
        _all_containers(
            f"!has(c.ports) || c.ports.all(p, !(p.containerPort in {_cel_list(RESERVED_PORTS)}))"
        ),
        f"the ports {_listed(RESERVED_PORTS)} are those of injected containers: write another containerPort",
        lambda template: not {p.get("containerPort") for p in _ports(template)} & set(RESERVED_PORTS),
    ),
    Rule(
        _all_containers(
            f"!has(c.ports) || c.ports.all(p, !has(p.name) || !(p.name in {_cel_list(RESERVED_PORT_NAMES)}))"
        ),
        f"the port names {_listed(RESERVED_PORT_NAMES)} are those of injected containers: write another name",
        lambda template: not {p.get("name") for p in _ports(template)} & set(RESERVED_PORT_NAMES),
    ),
    Rule(
        _all_containers(
            f"!has(c.volumeMounts) || c.volumeMounts.all(m, !m.mountPath.matches(r'^({_MODEL_MOUNT})$'))"
        ),
        f"{conventions.PATH_MODEL} is where the model is mounted: leave this volumeMount out, "
        "or mount it elsewhere",
        lambda template: (
            not any(re.fullmatch(_MODEL_MOUNT, m.get("mountPath", "")) for m in _mounts(template))
        ),
    ),
    Rule(
        f"!has(self.spec.volumes) || self.spec.volumes.all(v, !v.name.startsWith('{_VOLUME_PREFIX}'))",
        f"volumes whose name begins with {_VOLUME_PREFIX} belong to injected containers: write another name",
        lambda template: not any(name.startswith(_VOLUME_PREFIX) for name in _volumes(template)),
    ),
    Rule(
        "!has(self.metadata) || !has(self.metadata.labels) || "
        f"self.metadata.labels.all(k, !k.startsWith('{_LABEL_PREFIX}'))",
        f"labels under {_LABEL_PREFIX} are set by the operator: leave them out",
        lambda template: not any(key.startswith(_LABEL_PREFIX) for key in _labels(template)),
    ),
    Rule(
        "!has(self.spec.restartPolicy) || self.spec.restartPolicy == 'Always'",
        "a server is always restarted: write restartPolicy: Always, or leave it out",
        lambda template: _pod(template).get("restartPolicy", "Always") == "Always",
    ),
    Rule(
        "!has(self.spec.hostNetwork) || !self.spec.hostNetwork",
        "two revisions on one node would take the same ports: leave hostNetwork out",
        lambda template: not _pod(template).get("hostNetwork"),
    ),
    Rule(
        "!has(self.spec.shareProcessNamespace) || !self.spec.shareProcessNamespace",
        "the monitor is told to drain by a signal to its first process: leave shareProcessNamespace out",
        lambda template: not _pod(template).get("shareProcessNamespace"),
    ),
)

JOB_TEMPLATE_RULES: Final = (
    Rule(
        "self.spec.containers.size() > 0",
        "no container: write the test as the first of template.spec.containers",
        lambda template: bool(_pod(template).get("containers")),
    ),
    Rule(
        f"!has(self.spec.volumes) || self.spec.volumes.all(v, !v.name.startsWith('{_VOLUME_PREFIX}'))",
        f"volumes whose name begins with {_VOLUME_PREFIX} belong to the operator: write another name",
        lambda template: not any(name.startswith(_VOLUME_PREFIX) for name in _volumes(template)),
    ),
    Rule(
        "!has(self.metadata) || !has(self.metadata.labels) || "
        f"self.metadata.labels.all(k, !k.startsWith('{_LABEL_PREFIX}'))",
        f"labels under {_LABEL_PREFIX} are set by the operator: leave them out",
        lambda template: not any(key.startswith(_LABEL_PREFIX) for key in _labels(template)),
    ),
    Rule(
        "!has(self.spec.restartPolicy) || self.spec.restartPolicy == 'Never'",
        "a test runs once: write restartPolicy: Never, or leave it out",
        lambda template: _pod(template).get("restartPolicy", "Never") == "Never",
    ),
)
"""Of a gate's own pod."""

_NAME_SCHEMA: Final = {"type": "string", "maxLength": 253}
_NAMED_SCHEMA: Final = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": _NAME_SCHEMA},
    "x-kubernetes-preserve-unknown-fields": True,
}
_MAP_SCHEMA: Final = {
    "type": "object",
    "maxProperties": 32,
    "additionalProperties": {"type": "string", "maxLength": 1024},
}
JOB_TEMPLATE_SCHEMA: Final = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "metadata": {"type": "object", "properties": {"labels": _MAP_SCHEMA, "annotations": _MAP_SCHEMA}},
        "spec": {
            "type": "object",
            "required": ["containers"],
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {
                "containers": {"type": "array", "maxItems": 10, "items": _NAMED_SCHEMA},
                "volumes": {"type": "array", "maxItems": 20, "items": _NAMED_SCHEMA},
                "restartPolicy": {"type": "string", "maxLength": 16},
            },
        },
    },
}
"""Of a gate's own pod. A second copy of Kubernetes' own would make the CRD larger than it may be; what is
made of the template is checked when it is applied."""
