"""Gates that get no answer: no room in the namespace or on the node, or no operator. None of it is a pass."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from modelward.control import kinds
from modelward.control.kinds import Kind
from tests.apiserver.gate_pods import PASSED, GatePods, fairness
from tests.apiserver.operators import Manifest, World, condition
from tests.apiserver.test_gates import gate, gating, passed_while_no_operator_ran

pytestmark = pytest.mark.apiserver

QUOTA: Final = Kind("", "v1", "resourcequotas", "ResourceQuota")
NO_JOBS: Final = {"count/jobs.batch": "0"}


@pytest.fixture
def gate_pods(world: World) -> GatePods:
    """Play what runs Jobs in the test's namespace."""
    return GatePods(world)


@asynccontextmanager
async def no_room_for_jobs(world: World) -> AsyncIterator[None]:
    """Have a quota refuse Jobs; its controller's part, to count what there is, is played."""
    metadata = {"name": "no-jobs", "namespace": world.namespace}
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": NO_JOBS}}
    await world.client.create(QUOTA, body)
    await world.client.request(
        "PATCH",
        QUOTA.path(world.namespace, "no-jobs", "status"),
        body={"status": {"hard": NO_JOBS, "used": NO_JOBS}},
        content_type="application/merge-patch+json",
    )
    await world.until(lambda: _is_refused(world))
    yield
    await world.delete(QUOTA, "no-jobs")


def _is_refused(world: World) -> bool:
    """Return whether the API server knows of the quota by now."""
    asked = ("create", "job", "asked", "--image=x", "--dry-run=server", "--namespace", world.namespace)
    return "exceeded quota" in world.api_server.kubectl(*asked, check=False).stderr


async def until_rejected(world: World, revision: str) -> Manifest:
    """Wait until a revision is rejected for its gate; return what is said of the gate."""
    status = await world.until_status(lambda status: status.get("rejectedRevisions"))
    (rejected,) = status["rejectedRevisions"]
    assert (rejected["revision"], rejected["reason"]) == (revision, "GateError")
    assert not status.get("stableRevision")
    assert condition(status, "GatesPassed")["status"] == "False"
    return gate(status, "fairness")


async def test_a_job_for_which_a_quota_has_no_room_in_time_is_an_error(
    world: World, gate_pods: GatePods
) -> None:
    """The API server's words are told while it waits, and in the Error that follows; nothing has run."""
    async with world.operator(), no_room_for_jobs(world):
        revision = await gating(world, gates=[fairness(timeout="5s")])
        said = await until_rejected(world, revision)
        assert (said["result"], said["reason"]) == ("Error", "Refused")
        assert "exceeded quota: no-jobs" in said["message"]
        assert await gate_pods.jobs("fairness") == []


async def test_a_job_runs_when_the_quota_has_room_again(world: World, gate_pods: GatePods) -> None:
    """A refusal that passes is waited for as long as the gate has time."""
    async with world.operator():
        async with no_room_for_jobs(world):
            await gating(world, gates=[fairness()])
            await world.until_status(
                lambda status: "exceeded quota" in gate(status, "fairness").get("message", "")
            )
        await gate_pods.end(await gate_pods.job("fairness"), 0, PASSED)
        await world.until_status(lambda status: status.get("phase") == "Serving")


async def test_a_job_whose_pod_a_quota_refuses_is_an_error(world: World, gate_pods: GatePods) -> None:
    """Its time is over without a pod, which the Job says itself; a Job that says so is no answer."""
    async with world.operator():
        revision = await gating(world, gates=[fairness()])
        await gate_pods.close(await gate_pods.job("fairness"), "Failed", "DeadlineExceeded")
        said = await until_rejected(world, revision)
        assert (said["result"], said["reason"]) == ("Error", "Timeout")


@pytest.mark.parametrize(
    "taken",
    [
        {"reason": "Evicted", "message": "The node was low on resource: memory."},
        {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]},
    ],
    ids=["evicted", "preempted"],
)
async def test_a_pod_that_is_taken_away_twice_is_an_error(
    world: World, gate_pods: GatePods, taken: dict[str, Any]
) -> None:
    """Also if its program ends with 0 when it is told to end: without a verdict that is no pass."""
    async with world.operator():
        revision = await gating(world, gates=[fairness()])
        for attempt in (0, 1):
            job = await gate_pods.job("fairness", attempt)
            ended = {"exitCode": 0, "reason": "Completed", "startedAt": None, "finishedAt": None}
            await gate_pods.pod(job, {"phase": "Failed", **taken}, {"terminated": ended})
            await gate_pods.close(job, "Failed")
        said = await until_rejected(world, revision)
        assert (said["result"], said["reason"]) == ("Error", "Evicted")
        assert len(await gate_pods.jobs("fairness")) == 2


async def test_a_pod_that_is_gone_is_an_error(world: World, gate_pods: GatePods) -> None:
    """Whatever its Job says of it: who deletes a pod does not make a pass of it."""
    async with world.operator():
        revision = await gating(world, gates=[fairness()])
        for attempt in (0, 1):
            await gate_pods.close(await gate_pods.job("fairness", attempt), "Complete")
        said = await until_rejected(world, revision)
        assert (said["result"], said["reason"]) == ("Error", "Evicted")
        assert "its pod is gone" in said["message"]


async def test_attempts_outlive_the_operator(world: World, gate_pods: GatePods) -> None:
    """One that dies while the second attempt runs has a successor that makes no third, and reads its end."""
    async with world.operator() as first:
        revision = await gating(world, gates=[fairness()])
        await gate_pods.evict(await gate_pods.job("fairness"))
        again = await gate_pods.job("fairness", 1)
        first.kill(signal.SIGKILL)
        await first.ended()
    await world.lease_runs_out()
    await gate_pods.end(again, 137, "", "OOMKilled")
    async with world.operator():
        said = await until_rejected(world, revision)
        assert (said["result"], said["reason"]) == ("Error", "OutOfMemory")
        assert len(await gate_pods.jobs("fairness")) == 2


async def test_a_gate_that_ended_and_is_gone_while_no_operator_ran_is_no_pass(
    world: World, gate_pods: GatePods
) -> None:
    """A verdict that nobody has read before its Job was deleted counts for nothing: the gate runs again."""
    job = await passed_while_no_operator_ran(world, gate_pods)
    await world.delete(kinds.POD, f"{job['metadata']['name']}-own")
    # Without a policy of its own a Job that is deleted waits for the garbage collector, which does not run.
    path = kinds.JOB.path(world.namespace, job["metadata"]["name"])
    await world.client.request("DELETE", path, body={"propagationPolicy": "Background"})
    async with world.operator():
        again = await gate_pods.job("fairness")
        assert again["metadata"]["uid"] != job["metadata"]["uid"]
        status = await world.status()
        assert gate(status, "fairness")["result"] == "Running"
        await gate_pods.end(again, 0, PASSED)
        await world.until_status(lambda status: status.get("phase") == "Serving")
