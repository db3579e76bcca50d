"""Why a pod is not ready, read from its status."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from modelward import conventions as names
from modelward.control.client import Manifest
from modelward.decide.observation import Problem, ProblemReason

_PULL_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
_GRAVITY: Final = (
    ProblemReason.DIGEST_MISMATCH,
    ProblemReason.FETCH_FAILED,
    ProblemReason.IMAGE_PULL_FAILED,
    ProblemReason.CREATE_FAILED,
    ProblemReason.CRASH_LOOPING,
    ProblemReason.UNSCHEDULABLE,
    ProblemReason.NOT_READY,
)
"""The problem reported is the first of these that any pod has: the most specific one."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the fetch container wrote as its termination message (see modelward.storage)."""

    digest: str | None = None
    reason: str = ""
    message: str = ""


def gravest(problems: list[Problem]) -> Problem | None:
    """Return the problem to report of several."""
    return min(problems, key=lambda problem: _GRAVITY.index(problem.reason), default=None)


def is_ready(pod: Manifest) -> bool:
    """Return whether a pod is ready and not being deleted."""
    if pod["metadata"]["deletionTimestamp"]:
        return False
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])


def has_ended(pod: Manifest) -> bool:
    """Return whether a pod has ended for good (evicted, or its node is gone)."""
    return pod["status"]["phase"] in {"Succeeded", "Failed"}


def problem_of(pod: Manifest) -> Problem | None:
    """Return what keeps a pod from being ready; None if it is ready or going away."""
    if is_ready(pod) or pod["metadata"]["deletionTimestamp"]:
        return None
    status, name = pod["status"], pod["metadata"]["name"]
    for condition in status["conditions"]:
        if condition["type"] == "PodScheduled" and condition["reason"] == "Unschedulable":
            return Problem(ProblemReason.UNSCHEDULABLE, f"pod {name}: {condition['message']}")
    for container in (*status["initContainerStatuses"], *status["containerStatuses"]):
        if problem := _container_problem(name, container):
            return problem
    waiting = [c["name"] for c in status["containerStatuses"] if not c["ready"]]
    which = (
        f"containers not ready: {', '.join(waiting)}" if waiting else f"phase {status['phase'] or 'unknown'}"
    )
    return Problem(ProblemReason.NOT_READY, f"pod {name}: {which}")


def reported_digest(pod: Manifest) -> str | None:
    """Return the digest of the model that the pod's fetch container reported, if it has."""
    for container in pod["status"]["initContainerStatuses"]:
        if container["name"] == names.CONTAINER_FETCH:
            ended = container["state"].get("terminated") or {}
            return _report(ended).digest if ended.get("exitCode") == 0 else None
    return None


def _container_problem(pod: str, container: dict[str, Any]) -> Problem | None:
    waiting = container["state"].get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    where = f"pod {pod}, container {container['name']}"
    if reason in _PULL_REASONS:
        return Problem(ProblemReason.IMAGE_PULL_FAILED, f"{where}: {reason}: {message}")
    ended = container["state"].get("terminated") or container["lastState"].get("terminated") or {}
    if container["name"] == names.CONTAINER_FETCH and ended.get("exitCode"):
        report = _report(ended)
        mismatch = report.reason == ProblemReason.DIGEST_MISMATCH
        kind = ProblemReason.DIGEST_MISMATCH if mismatch else ProblemReason.FETCH_FAILED
        return Problem(kind, f"pod {pod}: {report.reason}: {report.message}")
    if reason == "CrashLoopBackOff":
        how = f"ended with code {ended.get('exitCode', '?')} ({ended.get('reason', 'unknown reason')})"
        detail = f": {ended['message'].strip()}" if ended.get("message") else ""
        return Problem(ProblemReason.CRASH_LOOPING, f"{where} {how}{detail}")
    if reason not in {"", "PodInitializing", "ContainerCreating", "CrashLoopBackOff"}:
        return Problem(ProblemReason.NOT_READY, f"{where}: {reason}: {message}")
    return None


def _report(terminated: dict[str, Any]) -> Report:
    text = terminated.get("message", "")
    try:
        said = orjson.loads(text)
        return Report(said.get("digest"), said.get("reason", ""), said.get("message", ""))
    except (orjson.JSONDecodeError, AttributeError):
        reason = terminated.get("reason", "Error")
        return Report(reason=reason, message=text or f"ended with code {terminated.get('exitCode', '?')}")
