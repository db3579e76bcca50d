"""What a gate's pod says when it has ended: verdicts, and everything that is none."""

import json
import re
from typing import Any, Final

import pytest

from modelward.api.gateverdict import ErrorReason, Result
from modelward.control.gateverdicts import forged, gone, has_ended, hindrance, judge
from modelward.decide.observation import Problem, ProblemReason

CHECK: Final = {"name": "gap", "value": 0.1, "comparison": "AtMost", "limit": 0.5, "passed": True}
PASSED: Final = json.dumps({"result": "Passed", "message": "fine", "checks": [CHECK]})
FAILED: Final = json.dumps(
    {"result": "Failed", "message": "bad", "checks": [{**CHECK, "value": 0.9, "passed": False}]}
)
PULL: Final = Problem(ProblemReason.IMAGE_PULL_FAILED, "pod p: ErrImagePull: no such image")


def pod(exit_code: int | None, wrote: str = "", **status: Any) -> dict[str, Any]:
    """Return a pod that has ended; without an exit code its container never began."""
    ended = {"exitCode": exit_code, "message": wrote, "finishedAt": "2026-01-01T00:00:00Z"}
    if reason := status.pop("ended_because", ""):
        ended["reason"] = reason
    states = [{"name": "test", "state": {"terminated": ended}}] if exit_code is not None else []
    others = [{"name": "other", "state": {"terminated": {"exitCode": 9}}}]
    return {
        "metadata": {"name": "p", "uid": "u"},
        "spec": {"containers": [{"name": "test"}, {"name": "other"}]},
        "status": {"phase": "Failed", "containerStatuses": [*others, *states], **status},
    }


def fetch(exit_code: int, wrote: str = "", because: str = "Error") -> list[dict[str, Any]]:
    """Return how the container ended that is to end before the gate's begins."""
    ended = {"exitCode": exit_code, "message": wrote, "reason": because}
    return [{"name": "fetch", "state": {"terminated": ended}}]


@pytest.mark.parametrize(
    ("ended", "result", "message"),
    [(pod(0, PASSED), Result.PASSED, "fine"), (pod(3, FAILED), Result.FAILED, "bad")],
)
def test_exit_code_and_verdict_make_an_answer(ended: dict[str, Any], result: Result, message: str) -> None:
    """Where both agree it is the answer, with its message and its time."""
    said = judge(ended, None)
    assert (said.result, said.message, said.reason) == (result, message, None)
    assert said.finished_at is not None
    assert said.is_own


@pytest.mark.parametrize(
    ("ended", "reason", "message"),
    [
        (pod(0, ""), ErrorReason.NONSENSE, "nothing was written"),
        (pod(0, FAILED), ErrorReason.NONSENSE, "it says Failed"),
        (pod(3, PASSED), ErrorReason.NONSENSE, "it says Passed"),
        (pod(0, PASSED[:-9]), ErrorReason.NONSENSE, "disagrees"),
        (pod(1, "Traceback: no module"), ErrorReason.CRASHED, "exit code 1: Traceback: no module"),
        (pod(1, PASSED), ErrorReason.CRASHED, "exit code 1"),
        (pod(137, "", ended_because="OOMKilled"), ErrorReason.OUT_OF_MEMORY, "more memory"),
        (pod(137, "", reason="DeadlineExceeded"), ErrorReason.TIMEOUT, "timeout"),
        (pod(None, "", reason="Evicted", message="low on memory"), ErrorReason.EVICTED, "low on memory"),
        (pod(143, "", reason="Terminated"), ErrorReason.EVICTED, "Terminated"),
        (
            pod(143, "", conditions=[{"type": "DisruptionTarget", "status": "True"}]),
            ErrorReason.EVICTED,
            "its node ended it",
        ),
        (pod(None, "", reason="OutOfcpu"), ErrorReason.EVICTED, "OutOfcpu"),
        (
            pod(None, initContainerStatuses=fetch(1, "NotFound: nothing is at s3://models/2")),
            ErrorReason.CRASHED,
            "fetch ended with exit code 1: NotFound: nothing is at s3://models/2",
        ),
        (pod(None, initContainerStatuses=fetch(1)), ErrorReason.CRASHED, "it wrote no reason"),
        (
            pod(None, initContainerStatuses=fetch(137, because="OOMKilled")),
            ErrorReason.OUT_OF_MEMORY,
            "fetch took more memory than its limit",
        ),
        (
            pod(None, initContainerStatuses=fetch(143), reason="Evicted", message="low on memory"),
            ErrorReason.EVICTED,
            "low on memory",
        ),
        (pod(1, "no", initContainerStatuses=fetch(0)), ErrorReason.CRASHED, "ended with exit code 1: no"),
    ],
)
def test_everything_else_is_an_error(ended: dict[str, Any], reason: ErrorReason, message: str) -> None:
    """A crash, a limit, an eviction, a verdict that is none: each is told apart, and none is a pass."""
    said = judge(ended, None)
    assert (said.result, said.reason) == (Result.ERROR, reason)
    assert message in said.message
    assert not said.is_own


def test_a_program_may_say_itself_why_it_has_no_answer() -> None:
    """Our own program's Error keeps its reason, and that its report could not be written."""
    own = {
        "result": "Error",
        "reason": "InvalidData",
        "message": "no column up",
        "reportProblem": "denied",
    }
    said = judge(pod(1, json.dumps(own)), None)
    assert (said.result, said.reason, said.message) == (
        Result.ERROR,
        ErrorReason.INVALID_DATA,
        "no column up",
    )
    assert (said.report_problem, said.is_own) == ("denied", True)


def test_a_verdict_stands_though_the_pod_was_evicted_later() -> None:
    """What was said before the node wanted the room back holds."""
    assert judge(pod(0, PASSED, reason="Evicted"), None).result is Result.PASSED


def test_what_ended_at_its_limit_is_no_answer() -> None:
    """A program that its limit ended has not measured, though it said so in time and ends in good order."""
    assert judge(pod(0, PASSED, ended_because="OOMKilled"), None).reason is ErrorReason.OUT_OF_MEMORY
    late = pod(0, PASSED, reason="DeadlineExceeded", startTime="2025-12-31T23:59:00Z")
    late["spec"]["activeDeadlineSeconds"] = 60
    assert (judge(late, None).result, judge(late, None).reason) == (Result.ERROR, ErrorReason.TIMEOUT)


def test_a_verdict_stands_though_another_container_ran_on() -> None:
    """What the gate's own container said in time holds, whatever kept the pod until its deadline."""
    early = pod(0, PASSED, reason="DeadlineExceeded", startTime="2025-12-31T23:59:00Z")
    early["spec"]["activeDeadlineSeconds"] = 61
    assert judge(early, None).result is Result.PASSED


def test_an_image_that_never_came_is_told_from_slowness() -> None:
    """A pod ended by its deadline no longer says that it waited for its image; what was seen before does."""
    said = judge(pod(None, "", reason="DeadlineExceeded"), PULL)
    assert (said.reason, said.message) == (ErrorReason.IMAGE_PULL_FAILED, PULL.message)
    unplaced = Problem(ProblemReason.UNSCHEDULABLE, "pod p: no node")
    assert gone({"reason": "DeadlineExceeded"}, unplaced).reason is ErrorReason.TIMEOUT
    assert "no node" in gone({"reason": "DeadlineExceeded"}, unplaced).message


def test_a_job_without_its_pod_is_an_eviction() -> None:
    """A pod that is gone with its node has said nothing."""
    said = gone({"reason": "BackoffLimitExceeded", "lastTransitionTime": "2026-01-01T00:00:00Z"}, None)
    assert (said.result, said.reason) == (Result.ERROR, ErrorReason.EVICTED)
    assert said.finished_at is not None


def test_what_keeps_a_pod_from_running_is_told() -> None:
    """An image that cannot be pulled is; a container that is being made is not."""
    waiting = {"name": "test", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}
    pending = {**pod(None), "status": {"phase": "Pending", "containerStatuses": [waiting]}}
    found = hindrance(pending)
    assert found is not None
    assert found.reason is ProblemReason.IMAGE_PULL_FAILED
    assert not has_ended(pending)
    waiting["state"] = {"waiting": {"reason": "ContainerCreating", "message": ""}}
    assert hindrance(pending) is None
    assert not has_ended({"metadata": {}})


JOB: Final[dict[str, Any]] = {
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {"name": "test", "image": "fairness:1", "command": ["test"], "args": ["--strict"]},
                    {"name": "proxy", "image": "proxy:1"},
                ]
            }
        }
    }
}


def made(name: str = "p", **changes: dict[str, Any]) -> dict[str, Any]:
    """Return a pod of the Job, with changes by container."""
    wanted = JOB["spec"]["template"]["spec"]["containers"]
    containers = [{**each, **changes.get(str(each["name"]), {})} for each in wanted]
    return {"metadata": {"name": name}, "spec": {"containers": containers}}


def test_the_one_pod_that_a_job_makes_is_believed() -> None:
    """Also one to which the cluster has added fields and a container, and a Job without a pod."""
    injected = made(test={"resources": {"limits": {"cpu": "1"}}, "terminationMessagePolicy": "File"})
    injected["spec"]["containers"].append({"name": "sidecar", "image": "mesh:1"})
    assert forged([injected], JOB) is None
    assert forged([], JOB) is None


@pytest.mark.parametrize(
    ("pods", "message"),
    [
        ([made("own"), made("adopted")], "2 pods and makes one.*adopted, own"),
        ([made(test={"image": "says-passed"})], "container test has another image"),
        ([made(test={"command": ["sh"]})], "container test has another"),
        ([made(test={"args": []})], "container test has another"),
        ([made(proxy={"image": "says-passed"})], "container proxy has another"),
        ([made(test={"name": "other"})], "container other"),
        ([made(proxy={"name": "other"})], "container proxy"),
    ],
)
def test_a_pod_of_anothers_making_says_nothing(pods: list[dict[str, Any]], message: str) -> None:
    """A second pod, and one that runs something else than its Job asks for, make the gate an Error."""
    said = forged(pods, JOB)
    assert said is not None
    assert (said.result, said.reason, said.is_own) == (Result.ERROR, ErrorReason.NONSENSE, False)
    assert re.search(message, said.message)
