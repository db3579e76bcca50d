"""Gates before a candidate's traffic: their Jobs, what is read from them, and what outlives the operator."""

import json
import signal
from typing import Any

import pytest

from modelward.control import kinds
from tests.apiserver.gate_pods import FAILED, MEASURED_BY, PASSED, GatePods, fairness, measured
from tests.apiserver.operators import Manifest, World, condition, ready, server

pytestmark = pytest.mark.apiserver


@pytest.fixture
def gate_pods(world: World) -> GatePods:
    """Play what runs Jobs in the test's namespace."""
    return GatePods(world)


def gate(status: Manifest, name: str) -> Manifest:
    """Return what status says of a gate; an empty one if nothing."""
    return next((each for each in status.get("gates", ()) if each["name"] == name), {})


async def gating(world: World, **spec: Any) -> str:
    """Apply a deployment with gates and have its pods ready; return the revision when its gates begin."""
    await world.apply(**spec)
    status = await world.until_status(lambda status: status.get("candidateRevision"))
    revision: str = status["candidateRevision"]
    await world.make_pod(revision, 1, ready())
    await world.until_status(lambda status: status.get("phase") == "Gating")
    return revision


async def passed_while_no_operator_ran(world: World, gate_pods: GatePods) -> Manifest:
    """Have an operator die while a gate runs, which then passes; return its Job."""
    async with world.operator() as first:
        await gating(world, gates=[fairness()])
        job = await gate_pods.job("fairness")
        first.kill(signal.SIGKILL)
        await first.ended()
    await world.lease_runs_out()
    await gate_pods.end(job, 0, PASSED)
    return job


async def test_first_revision_serves_when_its_gates_are_passed(world: World, gate_pods: GatePods) -> None:
    """It has no traffic before its gate has passed; the pass is kept with the revision."""
    async with world.operator():
        revision = await gating(world, gates=[fairness()])
        job = await gate_pods.job("fairness")
        status = await world.status()
        assert gate(status, "fairness")["result"] == "Running"
        assert "stableRevision" not in status or not status["stableRevision"]
        await gate_pods.end(job, 0, PASSED)
        status = await world.until_status(lambda status: status.get("phase") == "Serving")
        assert status["stableRevision"] == revision
        assert gate(status, "fairness")["result"] == "Passed"
        assert gate(status, "fairness")["message"] == PASSED["message"]
        assert condition(status, "GatesPassed")["status"] == "True"

        async def is_kept() -> bool:
            record = await world.get(kinds.CONTROLLER_REVISION, revision)
            kept = json.loads(record["metadata"]["annotations"].get("modelward.dev/passed-gates", "{}"))
            return set(kept) == {"fairness"}

        await world.until(is_kept)


async def test_jobs_pod_is_found_by_nothing_and_may_do_nothing(world: World, gate_pods: GatePods) -> None:
    """Its pod has no label of the deployment's, no token, a deadline, and asks the synthetic port."""
    async with world.operator():
        revision = await gating(world, gates=[measured(timeout="2m")], **MEASURED_BY)
        job = await gate_pods.job("data")
        template, spec = job["spec"]["template"], job["spec"]["template"]["spec"]
        service = await world.get(kinds.SERVICE, revision)
        assert not set(service["spec"]["selector"]) & set(template["metadata"]["labels"])
        assert {port["name"]: port["port"] for port in service["spec"]["ports"]}["synthetic"] == 9081
        assert spec["automountServiceAccountToken"] is False
        assert (job["spec"]["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 150)
        container = spec["containers"][0]
        assert f"--endpoint=http://{revision}.{world.namespace}.svc:9081" in container["args"]
        assert container["terminationMessagePath"] == "/modelward/verdict.json"
        assert container["image"] == "gates:1"
        owner = await world.get(kinds.MODEL_DEPLOYMENT, "electricity")
        assert job["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
        file = await world.get(kinds.CONFIG_MAP, job["metadata"]["name"])
        assert json.loads(file["data"]["gate.yaml"])["gates"][0]["name"] == "data"


async def test_a_failed_gate_rejects_before_traffic(world: World, gate_pods: GatePods) -> None:
    """Exit code 3 and its verdict reject the candidate, with the gate's own words; stable is untouched."""
    async with world.operator():
        stable = await gating(world, gates=[fairness()])
        await gate_pods.end(await gate_pods.job("fairness"), 0, PASSED)
        await world.until_status(lambda status: status.get("stableRevision") == stable)
        await world.apply(gates=[fairness()], server=server("mlserver:2"))
        status = await world.until_status(lambda status: status.get("candidateRevision"))
        candidate = status["candidateRevision"]
        await world.make_pod(candidate, 1, ready())

        async def job_of_candidate() -> list[Manifest]:
            jobs = await gate_pods.jobs("fairness")
            return [job for job in jobs if job["metadata"]["name"].startswith(candidate)]

        await world.until(job_of_candidate)
        job = (await job_of_candidate())[0]
        env = {
            each["name"]: each["value"] for each in job["spec"]["template"]["spec"]["containers"][0]["env"]
        }
        assert env["MODELWARD_STABLE_ENDPOINT"] == f"http://{stable}.{world.namespace}.svc:9081"
        await gate_pods.end(job, 3, FAILED)
        status = await world.until_status(lambda status: status.get("rejectedRevisions"))
        assert status["rejectedRevisions"][0]["revision"] == candidate
        assert status["stableRevision"] == stable
        assert gate(status, "fairness")["result"] == "Failed"
        assert "at most 0.05" in gate(status, "fairness")["message"]


async def test_a_crash_is_tried_once_more_and_is_no_pass(world: World, gate_pods: GatePods) -> None:
    """A crash and then an eviction are an Error, and reject the candidate."""
    async with world.operator():
        revision = await gating(world, gates=[fairness()])
        await gate_pods.end(await gate_pods.job("fairness"), 137, "no room")
        await gate_pods.evict(await gate_pods.job("fairness", 1))
        status = await world.until_status(lambda status: status.get("rejectedRevisions"))
        assert status["rejectedRevisions"][0]["revision"] == revision
        assert (gate(status, "fairness")["result"], gate(status, "fairness")["reason"]) == (
            "Error",
            "Evicted",
        )
        assert len(await gate_pods.jobs("fairness")) == 2


async def test_a_restart_changes_nothing(world: World, gate_pods: GatePods) -> None:
    """An operator that dies while a gate runs, and its successor, have one Job, and its answer counts."""
    job = await passed_while_no_operator_ran(world, gate_pods)
    async with world.operator():
        await world.until_status(lambda status: status.get("phase") == "Serving")
        assert [each["metadata"]["uid"] for each in await gate_pods.jobs("fairness")] == [
            job["metadata"]["uid"]
        ]


async def test_a_gate_that_was_added_cannot_be_taken_back(world: World, gate_pods: GatePods) -> None:
    """One that spec eases and drops again is run as it was added, also by another operator, and counts."""
    async with world.operator() as first:
        revision = await gating(world, gates=[fairness()])
        await world.apply(gates=[fairness(), fairness("added")])
        await world.until_status(lambda status: gate(status, "added").get("result") == "Running")
        await world.apply(gates=[fairness(), fairness("added", onFailure="Warn")])
        told = "added is measured as recorded"
        await world.until_status(lambda status: told in condition(status, "GatesPassed")["message"])
        first.kill(signal.SIGKILL)
        await first.ended()
    await world.apply(gates=[fairness()])
    await world.lease_runs_out()
    async with world.operator():
        await gate_pods.end(await gate_pods.job("fairness"), 0, PASSED)
        await world.until_status(lambda status: gate(status, "fairness").get("result") == "Passed")
        await gate_pods.end(await gate_pods.job("added"), 3, FAILED)
        status = await world.until_status(lambda status: status.get("rejectedRevisions"))
        assert status["rejectedRevisions"][0]["revision"] == revision
        assert {each["name"]: each["result"] for each in status["gates"]} == {
            "fairness": "Passed",
            "added": "Failed",
        }
        assert len(await gate_pods.jobs("added")) == 1


async def test_a_pod_of_someone_elses_is_not_believed(world: World, gate_pods: GatePods) -> None:
    """A pod that says Passed and is not the Job's own counts for nothing."""
    async with world.operator():
        revision = await gating(world, gates=[fairness()])
        job = await gate_pods.job("fairness")
        ended = {"exitCode": 0, "message": json.dumps(PASSED), "startedAt": None, "finishedAt": None}
        await gate_pods.pod(job, {"phase": "Succeeded"}, {"terminated": ended}, owner="f" * 36)
        await gate_pods.end(job, 3, FAILED)
        status = await world.until_status(lambda status: status.get("rejectedRevisions"))
        assert status["rejectedRevisions"][0]["revision"] == revision


async def test_a_retry_runs_only_what_was_not_passed(world: World, gate_pods: GatePods) -> None:
    """After a rejection and a retry, the gate that was passed is not run again; the other one is."""
    async with world.operator():
        revision = await gating(world, gates=[fairness("first"), fairness("second")])
        await gate_pods.end(await gate_pods.job("first"), 0, PASSED)
        await world.until_status(lambda status: gate(status, "first").get("result") == "Passed")
        await gate_pods.end(await gate_pods.job("second"), 3, FAILED)
        await world.until_status(lambda status: status.get("rejectedRevisions"))
        await world.annotate("modelward.dev/retry", f"{revision}@1")

        async def runs_again() -> bool:
            return len(await gate_pods.jobs("second")) == 2

        await world.until(runs_again)
        await gate_pods.end((await gate_pods.jobs("second"))[1], 0, PASSED)
        await world.until_status(lambda status: status.get("phase") == "Serving")
        assert len(await gate_pods.jobs("first")) == 1


async def test_a_job_is_deleted_that_is_asked_for_no_more(world: World, gate_pods: GatePods) -> None:
    """When spec asks for another revision, the old candidate's running Job and its file go."""
    async with world.operator():
        await gating(world, gates=[measured()], **MEASURED_BY)
        job = await gate_pods.job("data")
        await world.apply(gates=[measured()], server=server("mlserver:2"), **MEASURED_BY)

        async def is_gone() -> bool:
            name = job["metadata"]["name"]
            return not any([await world.get_or_none(kind, name) for kind in (kinds.JOB, kinds.CONFIG_MAP)])

        await world.until(is_gone)


async def test_a_report_that_is_not_kept_is_said_and_changes_no_verdict(
    world: World, gate_pods: GatePods
) -> None:
    """Where no kubelet gives the log, the gate passes all the same and its message says so."""
    async with world.operator():
        await gating(world, gates=[measured()], **MEASURED_BY)
        await gate_pods.end(await gate_pods.job("data"), 0, PASSED)
        status = await world.until_status(lambda status: status.get("phase") == "Serving")
        assert gate(status, "data")["result"] == "Passed"
        assert "its report is not kept" in gate(status, "data")["message"]


async def test_a_job_stays_whose_pod_has_answered_first(world: World, gate_pods: GatePods) -> None:
    """A pod's verdict may be read before its Job has a condition: the Job and the pod's log are kept."""
    async with world.operator():
        await gating(world, gates=[fairness()])
        job = await gate_pods.job("fairness")
        ended = {"exitCode": 0, "message": json.dumps(PASSED), "startedAt": None, "finishedAt": None}
        await gate_pods.pod(job, {"phase": "Succeeded"}, {"terminated": ended})
        await world.annotate("example.com/look", "again")
        await world.until_status(lambda status: status.get("phase") == "Serving")
        await world.annotate("example.com/look", "and once more")
        await world.until_status(lambda status: condition(status, "Ready").get("status") == "True")
        assert [each["metadata"]["name"] for each in await gate_pods.jobs("fairness")] == [
            job["metadata"]["name"]
        ]


async def test_a_job_that_is_never_taken_is_an_error(world: World, gate_pods: GatePods) -> None:
    """A pod that the API server calls invalid is refused at once, with its words, and is no pass."""
    async with world.operator():
        bad = {"name": "fairness", "job": {"template": {"spec": {"containers": [{"name": "test"}]}}}}
        revision = await gating(world, gates=[bad])
        status = await world.until_status(lambda status: status.get("rejectedRevisions"))
        assert status["rejectedRevisions"][0]["revision"] == revision
        said = gate(status, "fairness")
        assert (said["result"], said["reason"]) == ("Error", "Refused")
        assert "image: Required value" in said["message"]
        assert await gate_pods.jobs("fairness") == []
