"""A gate in the cluster: the Job that runs it once for a revision, and the ConfigMap with what it asks.

Both are made once and never changed. The pod has no label by which a Service, a Deployment or a PodMonitor
finds pods of the deployment, and no token of the API server's.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from math import ceil
from typing import Any, Final

import orjson

from modelward import conventions as names
from modelward.decide.placement import GateJob
from modelward.render.gatepods import GateFileMount, GateRun, measured_pod, team_pod
from modelward.render.identity import DeploymentIdentity
from modelward.render.manifest import Manifest, deployment_labels, owned, sealed
from modelward.render.services import synthetic_url

COMPONENT: Final = "gate"
KEPT_SECONDS: Final = 6 * 60 * 60
"""How long a Job that has ended stays, with its pod and the pod's log."""
SCHEDULING_ALLOWANCE: Final = timedelta(seconds=60)
"""Beyond its timeout, until a Job is ended whose pod has found no node: the pod's status is lost then."""
_LONGEST_NAME: Final = 63
"""Of a Job: its pods have it as a label."""
_HASH_CHARACTERS: Final = 6


def job_name(job: GateJob) -> str:
    """Return the name of a Job and its ConfigMap, which follows from what it is about."""
    digest = hashlib.sha256(orjson.dumps(asdict(job), option=orjson.OPT_SORT_KEYS)).hexdigest()
    readable = f"{job.revision}-{job.name}"[: _LONGEST_NAME - _HASH_CHARACTERS - 1].rstrip("-")
    return f"{readable}-{digest[:_HASH_CHARACTERS]}"


def gate_manifests(identity: DeploymentIdentity, run: GateRun) -> tuple[Manifest, ...]:
    """Return what a gate needs, each before what refers to it: a ConfigMap, unless it is the team's; its Job.

    Raises:
        InvalidRevisionError: the record's inputs break a rule of the API.
        ValidationError: the gate breaks one.
    """
    job = sealed(_job(identity, run))
    if run.gate.gate.job is not None:
        return (job,)
    return (sealed(_config_map(identity, run)), job)


def read_gate_job(manifest: Mapping[str, Any]) -> GateJob | None:
    """Return whose Job a manifest is; None if it does not say."""
    try:
        annotation = manifest["metadata"]["annotations"][names.ANNOTATION_GATE_JOB]
        return GateJob(**orjson.loads(annotation))
    except (KeyError, TypeError, orjson.JSONDecodeError):
        return None


def _file(run: GateRun) -> str:
    """Return what modelward-gates reads; its hash is in the Job, so that no other one is taken for it."""
    file = run.gate.file().model_dump(by_alias=True, mode="json", exclude_defaults=True)
    return orjson.dumps(file, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()  # JSON is YAML


def _config_map(identity: DeploymentIdentity, run: GateRun) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": owned(identity, job_name(run.job), _labels(identity, run.job)),
        "immutable": True,
        "data": {names.FILE_GATE: _file(run)},
    }


def _job(identity: DeploymentIdentity, run: GateRun) -> Manifest:
    labels = _labels(identity, run.job)
    metadata = owned(identity, job_name(run.job), labels)
    about = orjson.dumps(asdict(run.job), option=orjson.OPT_SORT_KEYS).decode()
    metadata["annotations"] = {names.ANNOTATION_GATE_JOB: about}
    if run.gate.gate.job is None:
        metadata["annotations"][names.ANNOTATION_GATE_REPORT] = _report_place(run)
    limit = run.gate.gate.time_limit + SCHEDULING_ALLOWANCE
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": ceil(limit.total_seconds()),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": _template(identity, run, labels),
        },
    }


def _template(identity: DeploymentIdentity, run: GateRun, labels: Mapping[str, str]) -> dict[str, Any]:
    own = {name: value for name, value in labels.items() if name != names.LABEL_DEPLOYMENT}
    own[names.LABEL_GATED_REVISION] = run.job.revision
    endpoint = synthetic_url(identity, run.job.revision)
    stable = synthetic_url(identity, run.job.stable) if run.job.stable else None
    team = run.gate.gate.job
    if team is None:
        file = GateFileMount(job_name(run.job), hashlib.sha256(_file(run).encode()).hexdigest())
        pod = measured_pod(run, file, endpoint, stable)
        return {"metadata": {"labels": own}, "spec": pod}
    metadata: Mapping[str, Any] = team.template.get("metadata") or {}
    theirs: Mapping[str, str] = metadata.get("labels") or {}
    # The API refuses theirs below modelward.dev/, by which Services find pods; ours win over the others.
    given: dict[str, Any] = {
        "labels": {name: value for name, value in theirs.items() if not name.startswith(f"{names.GROUP}/")}
        | own
    }
    if annotations := metadata.get("annotations"):
        given["annotations"] = dict(annotations)
    return {"metadata": given, "spec": team_pod(run, team, endpoint, stable)}


def _report_place(run: GateRun) -> str:
    path = f"{run.job.revision}/{run.job.name}/{names.FILE_REPORT}"
    if run.reports.uri is not None:
        return f"{run.reports.uri.rstrip('/')}/{path}"
    if run.reports.persistent_volume_claim_name is not None:
        return f"pvc://{run.reports.persistent_volume_claim_name}/{path}"
    return names.REPORT_ON_LOG


def _labels(identity: DeploymentIdentity, job: GateJob) -> dict[str, str]:
    return {
        **deployment_labels(identity, COMPONENT),
        names.LABEL_VERSION: job.revision,
        names.LABEL_GATE: job.name,
    }
