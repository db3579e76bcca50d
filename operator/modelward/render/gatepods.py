"""Pods of gates: modelward's own, which measures, and the team's, to which a folder is added.

Both have the container's termination message in the folder, so that exit code and verdict are in the pod's
status when it has ended, and fulfil the restricted Pod Security Standard; of the team's only what it leaves
unsaid is filled in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any, Final

from modelward import conventions as names
from modelward.api.gatepolicy import GateReports, GateResources
from modelward.api.gates import Job
from modelward.api.recordedgates import GateInForce
from modelward.api.spec import Model
from modelward.decide.placement import GateJob
from modelward.render.injected import (
    HOME,
    SECURITY,
    USER,
    VOLUME_MODEL,
    VOLUME_TMP,
    fetch_container,
    fetch_volumes,
    store_credentials,
)
from modelward.render.revision import RevisionRecord, read_inputs
from modelward.render.team import container_security_context, pod_security_context

VOLUME_WORK: Final = "modelward-gate"
VOLUME_CONFIG: Final = "modelward-gate-config"
VOLUME_REPORTS: Final = "modelward-reports"
START_ALLOWANCE: Final = timedelta(seconds=30)
"""Beyond its timeout, until a measured gate's pod is ended from outside: its program ends by itself."""
_VERDICT: Final = f"{names.PATH_GATE}/{names.FILE_GATE_VERDICT}"
_MESSAGE: Final[Mapping[str, str]] = {
    "terminationMessagePath": _VERDICT,
    # Of a program that crashed, the end of its log says why.
    "terminationMessagePolicy": "FallbackToLogsOnError",
}
_WORK_MOUNT: Final[Mapping[str, Any]] = {"name": VOLUME_WORK, "mountPath": names.PATH_GATE}


@dataclass(frozen=True, slots=True)
class GateRun:
    """One gate to be run.

    Args:
        job: which gate of which revision, and which try.
        gate: what it asks and what it is measured by.
        record: the revision.
        image: that has modelward-gates.
        resources: of a measured gate's pod.
        reports: where verdict and report are to be kept.
    """

    job: GateJob
    gate: GateInForce
    record: RevisionRecord
    image: str
    resources: GateResources
    reports: GateReports


@dataclass(frozen=True, slots=True)
class GateFileMount:
    """Where a gate's file comes from."""

    config_map: str
    sha256: str
    """Of the file, in hexadecimal digits."""


def measured_pod(run: GateRun, file: GateFileMount, endpoint: str, stable: str | None) -> dict[str, Any]:
    """Return the pod spec of a gate that modelward-gates measures.

    Args:
        run: the gate.
        file: what it asks and what it is measured by.
        endpoint: of the candidate.
        stable: endpoint of the revision that serves; None if none does.

    Raises:
        InvalidRevisionError: the record's inputs break a rule of the API.
    """
    model, server = read_inputs(run.record)
    limit = run.gate.gate.time_limit + START_ALLOWANCE
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": ceil(limit.total_seconds()),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,  # so that it may write to a claim
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": names.CONTAINER_GATE,
                "image": run.image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["modelward-gates"],
                "args": _arguments(run, file, endpoint, stable),
                "env": [dict(HOME), _memory()],
                **store_credentials(model),
                "resources": run.resources.model_dump(by_alias=True, mode="json"),
                "securityContext": dict(SECURITY),
                **_MESSAGE,
                "volumeMounts": [
                    dict(_WORK_MOUNT),
                    {"name": VOLUME_CONFIG, "mountPath": names.PATH_GATE_CONFIG, "readOnly": True},
                    {"name": VOLUME_TMP, "mountPath": "/tmp"},  # noqa: S108 - the pod's own volume
                    *_report_mounts(run),
                ],
            }
        ],
        "volumes": [
            {"name": VOLUME_WORK, "emptyDir": {}},
            {"name": VOLUME_CONFIG, "configMap": {"name": file.config_map}},
            {"name": VOLUME_TMP, "emptyDir": {}},
            *_report_volumes(run),
        ],
    }
    if _reads_the_model(run):
        _add_model(pod, run, model)
    if secrets := server.template["spec"].get("imagePullSecrets"):
        pod["imagePullSecrets"] = secrets
    return pod


def _reads_the_model(run: GateRun) -> bool:
    """Return whether the gate does anything with the model's file; importances are compared by endpoints."""
    gate, inference = run.gate.gate, run.gate.inference
    if inference is None or inference.model_file is None:
        return False
    if gate.interpretability is not None:
        return not run.job.stable or gate.interpretability.min_rank_correlation is None
    return gate.robustness is not None and bool(gate.robustness.gradient)


def _add_model(pod: dict[str, Any], run: GateRun, model: Model) -> None:
    """Have the model fetched as for the pods that serve it, by the same image and against the same digest."""
    fetch = fetch_container(run.record.images.fetch, model)
    # No collector is beside it that would take its span.
    fetch["env"].append({"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": ""})
    pod["initContainers"] = [fetch]
    (measuring,) = pod["containers"]
    measuring["args"].append(f"--model=file://{names.PATH_MODEL}")
    measuring["volumeMounts"].append({"name": VOLUME_MODEL, "mountPath": names.PATH_MODEL, "readOnly": True})
    pod["volumes"] += [
        {"name": VOLUME_MODEL, "emptyDir": {}},
        *fetch_volumes(run.record.name, model, (names.FILE_MODEL_DIGEST,)),
    ]


def team_pod(run: GateRun, job: Job, endpoint: str, stable: str | None) -> dict[str, Any]:
    """Return the pod spec of a team's own gate: theirs, with what it has to know and where to write."""
    own: Mapping[str, Any] = job.template["spec"]
    known = {
        names.ENV_GATE_ENDPOINT: endpoint,
        names.ENV_GATE_REVISION: run.job.revision,
        names.ENV_GATE_VERDICT: _VERDICT,
        **({names.ENV_GATE_STABLE_ENDPOINT: stable} if stable else {}),
    }
    first, *others = [_team_container(container, known) for container in own["containers"]]
    pod = {
        "automountServiceAccountToken": False,
        **own,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": ceil(run.gate.gate.time_limit.total_seconds()),
        "securityContext": pod_security_context(own),
        "containers": [{**first, **_MESSAGE}, *others],
        "volumes": [{"name": VOLUME_WORK, "emptyDir": {}}, *(own.get("volumes") or [])],
    }
    if "initContainers" in own:
        pod["initContainers"] = [_team_container(each, known) for each in own["initContainers"]]
    return pod


def _arguments(run: GateRun, file: GateFileMount, endpoint: str, stable: str | None) -> list[str]:
    beside = [f"--stable-endpoint={stable}"] if stable else ["--comparisons=WhereStableServes"]
    return [
        f"--file={names.PATH_GATE_CONFIG}/{names.FILE_GATE}",
        f"--file-sha256={file.sha256}",
        f"--endpoint={endpoint}",
        *beside,
        f"--memory-mib=$({names.ENV_GATE_MEMORY})",
        "--output=/tmp/gate-report",
        f"--pod-verdict={_VERDICT}",
        *_report_arguments(run),
    ]


def _report_arguments(run: GateRun) -> list[str]:
    folder = f"{run.job.revision}/{run.job.name}"
    if run.reports.uri is not None:
        return [f"--report-uri={run.reports.uri.rstrip('/')}/{folder}"]
    if run.reports.persistent_volume_claim_name is not None:
        return [f"--report-uri=file://{names.PATH_GATE_REPORTS}/{folder}"]
    return ["--print-report"]


def _report_mounts(run: GateRun) -> list[dict[str, Any]]:
    if run.reports.persistent_volume_claim_name is None:
        return []
    return [{"name": VOLUME_REPORTS, "mountPath": names.PATH_GATE_REPORTS}]


def _report_volumes(run: GateRun) -> list[dict[str, Any]]:
    claim = run.reports.persistent_volume_claim_name
    return [{"name": VOLUME_REPORTS, "persistentVolumeClaim": {"claimName": claim}}] if claim else []


def _memory() -> dict[str, Any]:
    """Return the container's limit of memory in MiB, or what the node has where there is none."""
    limit = {"containerName": names.CONTAINER_GATE, "resource": "limits.memory", "divisor": "1Mi"}
    return {"name": names.ENV_GATE_MEMORY, "valueFrom": {"resourceFieldRef": limit}}


def _team_container(container: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    own = container.get("env") or []
    said = {variable.get("name") for variable in own}
    return {
        **container,
        "env": [*({"name": name, "value": value} for name, value in known.items() if name not in said), *own],
        "securityContext": container_security_context(container.get("securityContext") or {}),
        "volumeMounts": [*(container.get("volumeMounts") or []), dict(_WORK_MOUNT)],
    }
