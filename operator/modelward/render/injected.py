"""The containers that the operator adds to a pod, and the volumes they share with the team's.

In start order: the collector and the monitor are native sidecars (KEP-753), so they start before the
model server, end after it, and do not keep it from ending. `fetch` runs between them to its end.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from modelward import conventions as names
from modelward.api.spec import Model
from modelward.render.collector import (
    ENV_NODE_NAME,
    ENV_POD_IP,
    ENV_POD_NAME,
    HEAP_LIMIT_MIB,
    MEMORY_LIMIT_MIB,
)
from modelward.render.revision import Images
from modelward.render.secret import keys_secret_name

VOLUME_MODEL: Final = "modelward-model"
VOLUME_CONFIG: Final = "modelward-config"
VOLUME_COLLECTOR: Final = "modelward-collector"
VOLUME_KEYS: Final = "modelward-keys"
VOLUME_TMP: Final = "modelward-tmp"
VOLUME_CLAIM: Final = "modelward-claim"
VOLUMES: Final = (VOLUME_MODEL, VOLUME_CONFIG, VOLUME_COLLECTOR, VOLUME_KEYS, VOLUME_TMP, VOLUME_CLAIM)

PATH_CLAIM: Final = "/mnt/claim"
"""Where `fetch` finds the claim of a pvc:// model."""
_PVC_SCHEME: Final = "pvc"
USER: Final = 65532
"""The images' own user, written out so that a pod-level runAsUser of the team's does not change it."""

HOME: Final[Mapping[str, str]] = {"name": "HOME", "value": "/tmp"}  # noqa: S108 - the pod's own volume
"""Clients of object stores look for their caches and settings below the home folder."""
SECURITY: Final[Mapping[str, Any]] = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def injected_containers(model: Model, images: Images) -> list[dict[str, Any]]:
    """Return the collector, the fetch and the monitor, as initContainers in start order."""
    return [
        _collector(images.collector),
        fetch_container(images.fetch, model),
        _monitor(images.monitor, model),
    ]


def injected_volumes(deployment: str, revision: str, model: Model) -> list[dict[str, Any]]:
    """Return the volumes that the injected containers mount, the model's among them."""
    config, *claim = fetch_volumes(revision, model, (names.FILE_MONITOR_CONFIG, names.FILE_MODEL_DIGEST))
    return [
        {"name": VOLUME_MODEL, "emptyDir": {}},
        config,
        _from_config_map(VOLUME_COLLECTOR, revision, (names.FILE_COLLECTOR_CONFIG,)),
        {"name": VOLUME_KEYS, "secret": {"secretName": keys_secret_name(deployment)}},
        {"name": VOLUME_TMP, "emptyDir": {}},
        *claim,
    ]


def fetch_volumes(revision: str, model: Model, files: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the volumes that `fetch` reads: files of its revision's ConfigMap, and a pvc:// claim."""
    config = _from_config_map(VOLUME_CONFIG, revision, files)
    claim = _claim(model)
    claims = [{"name": VOLUME_CLAIM, "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    return [config, *claims]


def _collector(image: str) -> dict[str, Any]:
    return {
        "name": names.CONTAINER_COLLECTOR,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "args": [f"--config={names.PATH_COLLECTOR_CONFIG}/{names.FILE_COLLECTOR_CONFIG}"],
        "env": [
            _field(ENV_POD_NAME, "metadata.name"),
            _field(ENV_POD_IP, "status.podIP"),
            _field(ENV_NODE_NAME, "spec.nodeName"),
            {"name": "GOMEMLIMIT", "value": f"{HEAP_LIMIT_MIB}MiB"},
        ],
        "ports": _ports(
            {
                names.PORT_NAME_COLLECTOR_METRICS: names.PORT_COLLECTOR_METRICS,
                names.PORT_NAME_COLLECTOR_SPAN_METRICS: names.PORT_COLLECTOR_SPAN_METRICS,
            }
        ),
        "startupProbe": _probe("/", names.PORT_COLLECTOR_HEALTH, 1, 60),
        "livenessProbe": _probe("/", names.PORT_COLLECTOR_HEALTH, 10, 6),
        "resources": _resources("10m", "64Mi", f"{MEMORY_LIMIT_MIB}Mi"),
        "securityContext": dict(SECURITY),
        "volumeMounts": [_mount(VOLUME_COLLECTOR, names.PATH_COLLECTOR_CONFIG, "ro")],
    }


def fetch_container(image: str, model: Model) -> dict[str, Any]:
    """Return the container that brings the model into VOLUME_MODEL, and holds it against its digests."""
    container: dict[str, Any] = {
        "name": names.CONTAINER_FETCH,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["modelward-fetch"],
        "args": [fetched_uri(model)],
        "env": [dict(HOME)],
        "resources": _resources("50m", "128Mi", "512Mi"),
        "securityContext": dict(SECURITY),
        "volumeMounts": [
            _mount(VOLUME_MODEL, names.PATH_MODEL, "rw"),
            _mount(VOLUME_CONFIG, names.PATH_MONITOR_CONFIG, "ro"),
            _mount(VOLUME_TMP, "/tmp", "rw"),  # noqa: S108 - the pod's own volume
        ],
    }
    if model.digest is not None:
        container["env"].append({"name": "MODELWARD_EXPECTED_DIGEST", "value": model.digest})
    container |= store_credentials(model)
    if _claim(model):
        container["volumeMounts"].append(_mount(VOLUME_CLAIM, PATH_CLAIM, "ro"))
    return container


def _monitor(image: str, model: Model) -> dict[str, Any]:
    ports = {
        names.PORT_NAME_SERVING: names.PORT_SERVING,
        names.PORT_NAME_SYNTHETIC: names.PORT_SYNTHETIC,
        names.PORT_NAME_METRICS: names.PORT_METRICS,
        names.PORT_NAME_ADMIN: names.PORT_ADMIN,
    }
    return {
        "name": names.CONTAINER_MONITOR,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "command": ["modelward-monitor"],
        "env": [dict(HOME)],
        # It times reads of the model's store, with what `fetch` reads it with.
        **store_credentials(model),
        "ports": _ports(ports),
        # A sidecar is told to end only when the model server has ended, but its preStop hook runs when the
        # pod's end begins (KEP-753), so this is how it learns to let its connections go.
        "lifecycle": {"preStop": {"exec": {"command": ["modelward-monitor", "drain"]}}},
        "startupProbe": _probe("/healthz", names.PORT_NAME_METRICS, 1, 60),
        "livenessProbe": _probe("/healthz", names.PORT_NAME_METRICS, 10, 3),
        # The model server's readiness is part of the monitor's: it may listen on localhost alone, where the
        # kubelet cannot probe it, so no probe is added to its container.
        "readinessProbe": _probe("/readyz", names.PORT_NAME_METRICS, 2, 2),
        "resources": _resources("50m", "96Mi", "256Mi"),
        "securityContext": dict(SECURITY),
        "volumeMounts": [
            _mount(VOLUME_CONFIG, names.PATH_MONITOR_CONFIG, "ro"),
            _mount(VOLUME_KEYS, names.PATH_KEYS, "ro"),
            _mount(VOLUME_TMP, "/tmp", "rw"),  # noqa: S108 - the pod's own volume
        ],
    }


def store_credentials(model: Model) -> dict[str, Any]:
    """Return what a container needs to read from where the model is."""
    if model.storage_secret_name is None:
        return {}
    return {"envFrom": [{"secretRef": {"name": model.storage_secret_name}}]}


def fetched_uri(model: Model) -> str:
    """Return what `fetch` is given: the folder of a mounted claim, or else the model's own URI."""
    url = urlsplit(model.uri)
    if url.scheme == _PVC_SCHEME:
        return f"file://{PATH_CLAIM}{url.path.rstrip('/')}"
    return model.uri


def _claim(model: Model) -> str | None:
    url = urlsplit(model.uri)
    return url.netloc if url.scheme == _PVC_SCHEME else None


def _from_config_map(volume: str, config_map: str, files: tuple[str, ...]) -> dict[str, Any]:
    items = [{"key": file, "path": file} for file in files]
    return {"name": volume, "configMap": {"name": config_map, "items": items}}


def _ports(numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"name": name, "containerPort": number, "protocol": "TCP"} for name, number in numbers.items()]


def _field(variable: str, path: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _mount(volume: str, path: str, mode: str) -> dict[str, Any]:
    mount: dict[str, Any] = {"name": volume, "mountPath": path}
    return mount if mode == "rw" else mount | {"readOnly": True}


def _probe(path: str, port: int | str, period_seconds: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": port},
        "periodSeconds": period_seconds,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }


def _resources(cpu: str, memory: str, memory_limit: str) -> dict[str, Any]:
    # Requests are what is measured at 100 requests/s (bench/sidecars: monitor 42 millicores, collector 6).
    # No limit of processors: throttling in the path of requests is worse than what it would save.
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory_limit}}
