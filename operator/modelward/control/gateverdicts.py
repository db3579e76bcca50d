"""What the pod of a gate says when it has ended: a verdict, or why there is none.

An answer is a container that ended with 0 or 3 and left the verdict that goes with it. Everything else is an
Error, and which one is told apart here: some are worth another try.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from modelward.api.gateverdict import EXIT_FAILED, EXIT_PASSED, ErrorReason, Result
from modelward.api.podverdict import PodVerdict
from modelward.api.reading import in_one_line
from modelward.control import podproblems
from modelward.control.cache import compact_pod
from modelward.control.client import Manifest
from modelward.decide.observation import Problem, ProblemReason

_EXPECTED: Final = {EXIT_PASSED: Result.PASSED, EXIT_FAILED: Result.FAILED}
_DEADLINE: Final = "DeadlineExceeded"
_OUT_OF_MEMORY: Final = "OOMKilled"
_PROGRAM: Final = ("image", "command", "args")
_DISRUPTED: Final = "DisruptionTarget"
"""Condition of a pod that was evicted, preempted or taken with its node (KEP-3329)."""
_TOLD_MESSAGE: Final = 300
"""Characters of what a program wrote that is no verdict."""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a gate."""

    result: Result
    message: str
    reason: ErrorReason | None = None
    """Of an Error."""
    report_problem: str = ""
    """Why its program could not write the report where it was to."""
    finished_at: datetime | None = None
    is_own: bool = False
    """Whether the program said so itself, an Error too, and so has written what it had to."""


def has_ended(pod: Manifest) -> bool:
    """Return whether a pod will not say anything more."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def hindrance(pod: Manifest) -> Problem | None:
    """Return what keeps a pod from running, as far as its status says."""
    problem = podproblems.problem_of(compact_pod(pod))
    return problem if problem and problem.reason is not ProblemReason.NOT_READY else None


def forged(pods: Sequence[Manifest], job: Mapping[str, Any]) -> Said | None:
    """Return an Error unless a Job has at most one pod, which runs what the Job asks for.

    The cluster's controller of Jobs takes over pods without an owner that have a Job's labels, whoever made
    them. It makes one itself and no second one, because `backoffLimit` is 0.

    Args:
        pods: those that the Job owns.
        job: its manifest, of which the template's containers are looked at.
    """
    if len(pods) > 1:
        found = ", ".join(sorted(str(pod["metadata"]["name"]) for pod in pods))
        message = (
            f"its Job has {len(pods)} pods and makes one, so that nobody knows which to believe: {found}"
        )
        return Said(Result.ERROR, message[:_TOLD_MESSAGE], ErrorReason.NONSENSE)
    wanted = job["spec"]["template"]["spec"]["containers"]
    for pod in pods:
        containers = pod["spec"]["containers"]
        by_name = {each["name"]: each for each in containers}
        others = [each["name"] for each in wanted if _program(by_name.get(each["name"])) != _program(each)]
        if containers[0]["name"] != wanted[0]["name"]:
            others = [containers[0]["name"]]
        if others:
            message = (
                f"pod {pod['metadata']['name']} is not what its Job asks for: container {others[0]} has "
                "another image, command or args, or is not first: another made it, or a webhook changed it"
            )
            return Said(Result.ERROR, message, ErrorReason.NONSENSE)
    return None


def judge(pod: Manifest, hindered: Problem | None) -> Said:
    """Return what a pod that has ended says; its first container is the gate.

    Args:
        pod: as the API server has it.
        hindered: what kept it from running when it was last seen; a pod that has ended no longer says so.
    """
    status = pod["status"]
    ended = _first_ended(pod)
    finished_at = _time(ended.get("finishedAt"))
    expected = None if _was_limited(pod, ended) else _EXPECTED.get(ended.get("exitCode", -1))
    verdict = _verdict(ended.get("message", ""))
    if expected is not None and isinstance(verdict, PodVerdict) and verdict.result is expected:
        return Said(
            expected,
            verdict.message,
            report_problem=verdict.report_problem,
            finished_at=finished_at,
            is_own=True,
        )
    reason, message = _why_not(status, ended, verdict, hindered)
    said = Said(Result.ERROR, message, reason, finished_at=finished_at)
    if isinstance(verdict, PodVerdict) and verdict.reason is reason:
        said = replace(said, report_problem=verdict.report_problem, is_own=True)
    return said


def _was_limited(pod: Manifest, ended: Mapping[str, Any]) -> bool:
    """Return whether a program ended because its memory or its time did, whatever its exit code.

    One that ends in good order when it is told to, and has left what it was about to say, has not measured.
    """
    if ended.get("reason") == _OUT_OF_MEMORY:
        return True
    started_at, finished_at = _time(pod["status"].get("startTime")), _time(ended.get("finishedAt"))
    limit_s = pod["spec"].get("activeDeadlineSeconds")
    if pod["status"].get("reason") != _DEADLINE or not (started_at and finished_at and limit_s):
        return False
    return finished_at - started_at >= timedelta(seconds=limit_s)


def gone(condition: Mapping[str, Any], hindered: Problem | None) -> Said:
    """Return what is said of a Job that has ended and whose pod is not there, by the Job's condition."""
    finished_at = _time(condition.get("lastTransitionTime"))
    if condition.get("reason") == _DEADLINE:
        reason, message = _late(hindered)
        return Said(Result.ERROR, message, reason, finished_at=finished_at)
    message = f"its pod is gone: {condition.get('message') or 'it was deleted, or its node is gone'}"
    return Said(Result.ERROR, message, ErrorReason.EVICTED, finished_at=finished_at)


def _why_not(
    status: Mapping[str, Any],
    ended: Mapping[str, Any],
    verdict: PodVerdict | str,
    hindered: Problem | None,
) -> tuple[ErrorReason, str]:
    """Return why there is no answer; the first of these that holds."""
    exit_code = ended.get("exitCode")
    if ended.get("reason") == _OUT_OF_MEMORY:
        return ErrorReason.OUT_OF_MEMORY, "took more memory than its limit: raise it, or lower its rows"
    if status.get("reason") == _DEADLINE:
        return _late(hindered)
    if early := _ended_early(status, ended):
        return early
    if isinstance(verdict, PodVerdict) and verdict.reason is not None and exit_code not in _EXPECTED:
        return verdict.reason, verdict.message
    if exit_code in _EXPECTED:
        says = verdict if isinstance(verdict, str) else f"it says {verdict.result}"
        return ErrorReason.NONSENSE, f"ended with exit code {exit_code}, and its verdict disagrees: {says}"
    last = str(ended.get("message", "")).strip()[-_TOLD_MESSAGE:] or "it wrote no reason"
    return ErrorReason.CRASHED, f"ended with exit code {exit_code}: {last}"


def _ended_early(status: Mapping[str, Any], ended: Mapping[str, Any]) -> tuple[ErrorReason, str] | None:
    """Return what ended a pod from outside, or before the gate's container began."""
    is_disrupted = _is_disrupted(status)
    for container in () if is_disrupted else status.get("initContainerStatuses") or ():
        name, before = container["name"], (container.get("state") or {}).get("terminated") or {}
        if before.get("reason") == _OUT_OF_MEMORY:
            return ErrorReason.OUT_OF_MEMORY, f"{name} took more memory than its limit"
        if exit_code := before.get("exitCode"):
            said = str(before.get("message", "")).strip()[-_TOLD_MESSAGE:] or "it wrote no reason"
            return ErrorReason.CRASHED, f"{name} ended with exit code {exit_code}: {said}"
    if not is_disrupted and ended:
        return None
    told = status.get("message") or status.get("reason") or "its node ended it"
    return ErrorReason.EVICTED, f"ended before it could answer: {told}"


def _program(container: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    return tuple(container.get(name) or () for name in _PROGRAM) if container else None


def _late(hindered: Problem | None) -> tuple[ErrorReason, str]:
    if hindered is None:
        return ErrorReason.TIMEOUT, "not done within its timeout: raise it, or lower what it measures"
    pulls = hindered.reason is ProblemReason.IMAGE_PULL_FAILED
    return ErrorReason.IMAGE_PULL_FAILED if pulls else ErrorReason.TIMEOUT, hindered.message


def _first_ended(pod: Manifest) -> Mapping[str, Any]:
    """Return how the gate's container ended; empty if it did not."""
    first = pod["spec"]["containers"][0]["name"]
    for container in pod["status"].get("containerStatuses") or ():
        if container["name"] == first:
            ended: Mapping[str, Any] = (container.get("state") or {}).get("terminated") or {}
            return ended
    return {}


def _verdict(text: str) -> PodVerdict | str:
    """Return the verdict in a termination message, or what is wrong with it."""
    if not text:
        return "nothing was written"
    try:
        return PodVerdict.model_validate_json(text)
    except ValidationError as error:
        return in_one_line("", error)[:_TOLD_MESSAGE]


def _is_disrupted(status: Mapping[str, Any]) -> bool:
    conditions = status.get("conditions") or ()
    return status.get("reason") in {"Evicted", "Preempting", "NodeLost", "Terminated", "Shutdown"} or any(
        condition["type"] == _DISRUPTED and condition["status"] == "True" for condition in conditions
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
