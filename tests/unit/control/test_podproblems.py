"""Why a pod is not ready, as people are told."""

from typing import Any

import orjson
import pytest

from modelward.control import podproblems
from modelward.decide.observation import Problem, ProblemReason


def container(name: str, *, ready: bool = False, state: Any = None, last: Any = None) -> dict[str, Any]:
    """Make a container status."""
    return {"name": name, "ready": ready, "state": state or {}, "lastState": last or {}}


def pod(*, init: Any = (), containers: Any = (), conditions: Any = (), **extra: Any) -> dict[str, Any]:
    """Make a pod as the cache keeps it."""
    return {
        "metadata": {"name": "p", "uid": "u", "deletionTimestamp": None, "annotations": {}, **extra},
        "status": {
            "phase": "Pending",
            "podIP": None,
            "conditions": list(conditions),
            "initContainerStatuses": list(init),
            "containerStatuses": list(containers),
        },
    }


def ended(code: int, message: Any = "", reason: str = "Error") -> dict[str, Any]:
    """Make a terminated state; an object as message is written as fetch does, as JSON."""
    text = message if isinstance(message, str) else orjson.dumps(message).decode()
    return {"terminated": {"exitCode": code, "reason": reason, "message": text}}


READY = {"type": "Ready", "status": "True", "reason": None, "message": None}
UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "no node fits",
}
MISMATCH = {"reason": "DigestMismatch", "message": "expected sha256:a, got sha256:b"}
NOT_FOUND = {"reason": "NotFound", "message": "s3://m/1 does not exist"}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
PULL = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        (pod(conditions=[UNSCHEDULABLE]), Problem(ProblemReason.UNSCHEDULABLE, "pod p: no node fits")),
        (
            pod(containers=[container("model", state=PULL)]),
            Problem(
                ProblemReason.IMAGE_PULL_FAILED, "pod p, container model: ImagePullBackOff: no such image"
            ),
        ),
        (
            pod(init=[container("fetch", state=BACK_OFF, last=ended(1, NOT_FOUND))]),
            Problem(ProblemReason.FETCH_FAILED, "pod p: NotFound: s3://m/1 does not exist"),
        ),
        (
            pod(init=[container("fetch", state=ended(1, MISMATCH))]),
            Problem(ProblemReason.DIGEST_MISMATCH, "pod p: DigestMismatch: expected sha256:a, got sha256:b"),
        ),
        (
            pod(init=[container("fetch", state=ended(137, "", "OOMKilled"))]),
            Problem(ProblemReason.FETCH_FAILED, "pod p: OOMKilled: ended with code 137"),
        ),
        (
            pod(containers=[container("model", state=BACK_OFF, last=ended(3, "no module named x\n"))]),
            Problem(
                ProblemReason.CRASH_LOOPING,
                "pod p, container model ended with code 3 (Error): no module named x",
            ),
        ),
        (
            pod(
                containers=[
                    container(
                        "model",
                        state={
                            "waiting": {"reason": "CreateContainerConfigError", "message": "secret not found"}
                        },
                    )
                ]
            ),
            Problem(
                ProblemReason.NOT_READY,
                "pod p, container model: CreateContainerConfigError: secret not found",
            ),
        ),
        (
            pod(containers=[container("model", state={"running": {}})]),
            Problem(ProblemReason.NOT_READY, "pod p: containers not ready: model"),
        ),
        (
            pod(init=[container("fetch", state={"waiting": {"reason": "PodInitializing"}})]),
            Problem(ProblemReason.NOT_READY, "pod p: phase Pending"),
        ),
        (pod(conditions=[READY]), None),
        (pod(conditions=[UNSCHEDULABLE], deletionTimestamp="2026-01-01T00:00:00Z"), None),
    ],
    ids=[
        "unschedulable",
        "pull",
        "fetch",
        "digest",
        "fetch without a word",
        "crash",
        "config",
        "running",
        "starting",
        "ready",
        "going away",
    ],
)
def test_problem(seen: dict[str, Any], problem: Problem | None) -> None:
    """Each way for a pod not to be ready has its reason, and words that say where."""
    assert podproblems.problem_of(seen) == problem


def test_gravest_is_the_most_specific() -> None:
    """Of several pods' problems the one that says most is reported."""
    problems = [Problem(reason, "") for reason in (ProblemReason.NOT_READY, ProblemReason.DIGEST_MISMATCH)]
    assert podproblems.gravest(problems) == problems[1]
    assert podproblems.gravest([]) is None


def test_digest_is_read_from_a_fetch_that_succeeded() -> None:
    """Only a finished fetch reports a digest."""
    digest = "sha256:" + "a" * 64
    assert (
        podproblems.reported_digest(pod(init=[container("fetch", state=ended(0, {"digest": digest}))]))
        == digest
    )
    assert (
        podproblems.reported_digest(pod(init=[container("fetch", state=ended(1, {"digest": digest}))]))
        is None
    )
    assert podproblems.reported_digest(pod(init=[container("fetch", state={"running": {}})])) is None
    assert podproblems.reported_digest(pod()) is None


def test_ended_pods_do_not_count() -> None:
    """An evicted pod is not one of the revision's."""
    evicted = pod()
    evicted["status"]["phase"] = "Failed"
    assert podproblems.has_ended(evicted)
    assert not podproblems.has_ended(pod())
