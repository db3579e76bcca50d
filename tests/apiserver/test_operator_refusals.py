"""The API server refuses one child for good: it is tried again by and by, and decisions go on."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
import yaml

from modelward.control import kinds
from modelward.control.client import ApiError
from modelward.control.kinds import Kind
from tests.apiserver.gate_pods import GatePods, fairness
from tests.apiserver.operators import Running, World, condition, ready, server, starting
from tests.apiserver.serving_pods import OBJECTIVE, Stage

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(600)]

NO = "not in this namespace"
ROLLOUT_SECONDS = 240


@asynccontextmanager
async def refused(world: World, kind: Kind, existing: str = "") -> AsyncIterator[None]:
    """Have an admission policy refuse to create or change objects of a kind while it lasts.

    Where one that exists is named, to delete them instead.
    """
    name = f"no-{kind.plural}.{world.namespace}"
    header = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    operations = {
        "apiGroups": [kind.group],
        "apiVersions": [kind.version],
        "operations": ["DELETE"] if existing else ["CREATE", "UPDATE"],
        "resources": [kind.plural],
    }
    policy: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [operations]},
        "validations": [{"expression": "false", "message": NO}],
    }
    here = {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}
    binding = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": here},
    }
    objects = [
        {**header, "kind": "ValidatingAdmissionPolicy", "spec": policy},
        {**header, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    ]
    written = yaml.safe_dump_all(objects)
    world.api_server.kubectl("apply", "-f", "-", input=written)
    await world.until(lambda: is_refused(world, kind, existing))
    try:
        yield
    finally:
        world.api_server.kubectl("delete", "-f", "-", input=written)


async def is_refused(world: World, kind: Kind, existing: str) -> bool:
    """Return whether the policy is in force, without making or deleting anything."""
    path = kind.path(world.namespace, existing)
    try:
        if existing:
            await world.client.request("DELETE", path, body={"dryRun": ["All"]})
        else:
            probe = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": "probe"}}
            body = {**probe, **CONTENTS[kind]}
            await world.client.request("POST", path, query={"dryRun": "All"}, body=body)
    except ApiError as error:
        if NO in error.message:
            return True
        raise
    return False


CONTENTS: dict[Kind, dict[str, Any]] = {
    kinds.PROMETHEUS_RULE: {"spec": {}},
    kinds.CONTROLLER_REVISION: {"revision": 1, "data": {"a": 1}},
    kinds.SECRET: {},
}


async def candidate(world: World, *others: str, **spec: Any) -> str:
    """Apply a spec, and return the revision that is tried for it, which is none of the others."""
    await world.apply(**spec)
    status = await world.until_status(lambda status: status.get("candidateRevision", "") not in {"", *others})
    revision: str = status["candidateRevision"]
    return revision


def says(status: dict[str, Any], text: str) -> bool:
    """Return whether the condition Stalled is true and says something."""
    stalled = condition(status, "Stalled")
    return stalled.get("status") == "True" and text in stalled["message"]


def tries(running: Running, what: str, to_be: str = "taken") -> list[tuple[datetime, float]]:
    """Return when an object was refused, and after how many seconds it was to be tried again."""
    lines = [line for line in running.lines() if line["message"].startswith(f"not {to_be}: {what}")]
    return [(datetime.fromisoformat(line["time"]), line["again_in_seconds"]) for line in lines]


async def test_bad_candidate_is_rejected_while_a_child_is_refused(stage: Stage) -> None:
    """A PrometheusRule that is never taken stands in no decision's way, and is tried less and less often."""
    world = stage.world
    spec: dict[str, Any] = {
        "objectives": [OBJECTIVE],
        "rollout": {"steps": [{"weight": 50, "duration": "45s", "minRequests": 20}]},
    }
    async with refused(world, kinds.PROMETHEUS_RULE), world.operator() as running:
        await world.apply(**spec)
        await world.until_status(lambda status: status.get("phase") == "Serving", limit_seconds=120)
        status = await world.until_status(lambda status: says(status, NO))
        first = status["stableRevision"]
        await world.apply(**spec, server=server("mlserver:2"))
        status = await world.until_status(lambda status: status.get("candidateRevision"))
        second = status["candidateRevision"]
        stage.bad_share[second] = 0.8
        status = await world.until_status(
            lambda status: status.get("rejectedRevisions") and not status.get("withdrawal"),
            limit_seconds=ROLLOUT_SECONDS,
        )
        (rejected,) = status["rejectedRevisions"]
        assert (rejected["revision"], rejected["cause"], status["stableRevision"]) == (second, "Model", first)
        assert stage.pods.told(second)[-1] == "Withdraw"
        tried = tries(running, "PrometheusRule electricity")
        assert max(again_in for _, again_in in tried) > 10
        assert not running.said("reconcile failed")
    for (at, again_in), (next_at, next_again_in) in itertools.pairwise(tried):
        if next_again_in > again_in:  # else the rule itself had changed
            assert (next_at - at).total_seconds() >= again_in - 0.01


async def test_refused_child_is_taken_when_the_refusal_ends(world: World) -> None:
    """What was refused is made without anything else happening, and the deployment is no longer Stalled."""
    async with world.operator():
        async with refused(world, kinds.PROMETHEUS_RULE):
            await world.apply()
            status = await world.until_status(lambda status: says(status, NO))
            assert "PrometheusRule electricity" in condition(status, "Stalled")["message"]
            await world.get(kinds.SERVICE, "electricity")
        await world.until_status(lambda status: condition(status, "Stalled").get("status") == "False")
        await world.get(kinds.PROMETHEUS_RULE, "electricity")


async def test_stable_is_looked_after_while_a_new_revision_is_refused(world: World) -> None:
    """Where the new spec's revision cannot be made, what serves is kept up, and the condition says why."""
    async with world.operator(), world.kubelet(lambda _revision, _number: ready()):
        await world.apply()
        status = await world.until_status(lambda status: status.get("phase") == "Serving")
        first = status["stableRevision"]
        async with refused(world, kinds.CONTROLLER_REVISION):
            await world.apply(server=server("mlserver:2"))
            status = await world.until_status(lambda status: says(status, NO))
            assert "ControllerRevision" in condition(status, "Stalled")["message"]
            assert (status["phase"], status.get("candidateRevision", "")) == ("Serving", "")
            await world.delete(kinds.SERVICE, "electricity")
            await world.until(lambda: world.get_or_none(kinds.SERVICE, "electricity"))
        status = await world.until_status(lambda status: status.get("candidateRevision"))
        assert (status["stableRevision"], status["phase"]) == (first, "Starting")
        await world.until_status(lambda status: condition(status, "Stalled").get("status") == "False")


async def test_first_revision_that_is_refused_is_reported(world: World) -> None:
    """With nothing to serve yet the condition says what was refused; once taken, the rollout begins."""
    async with world.operator(), world.kubelet(lambda _revision, _number: starting()):
        async with refused(world, kinds.CONTROLLER_REVISION):
            await world.apply()
            await world.until_status(lambda status: says(status, NO))
        await world.until_status(lambda status: status.get("candidateRevision"))
        await world.until_status(lambda status: condition(status, "Stalled").get("status") == "False")


async def test_deletion_that_is_refused_stops_nothing(world: World) -> None:
    """What is left of an old revision stays, with its record, and is tried less often; the rest goes on."""
    async with world.operator() as running:
        first = await candidate(world)
        await world.make_pod(first, 1, ready())
        await world.until_status(lambda status: status.get("phase") == "Serving")
        second = await candidate(world, first, server=server("mlserver:2"))
        await world.until(lambda: world.get_or_none(kinds.DEPLOYMENT, second))
        async with refused(world, kinds.DEPLOYMENT, existing=first):
            third = await candidate(world, second, server=server("mlserver:3"), revisionHistoryLimit=1)
            await world.until(lambda: world.get_or_none(kinds.DEPLOYMENT, third))
            fourth = await candidate(world, third, server=server("mlserver:4"), revisionHistoryLimit=1)
            said = f"the deletion of Deployment {second}: "
            await world.until_status(lambda status: says(status, said) and says(status, NO))
            await world.until(lambda: world.get_or_none(kinds.DEPLOYMENT, fourth))
            fifth = await candidate(world, fourth, server=server("mlserver:5"), revisionHistoryLimit=1)
            await world.until_status(lambda status: says(status, f"the deletion of Deployment {third}: "))
            await world.until(lambda: world.get_or_none(kinds.DEPLOYMENT, fifth))
            for kind in (kinds.CONTROLLER_REVISION, kinds.DEPLOYMENT):
                assert {second, third} <= {each["metadata"]["name"] for each in await world.all(kind)}
            what = f"Deployment {second}"
            await world.until(lambda: any(wait > 3 for _, wait in tries(running, what, "deleted")))
            assert not running.said("reconcile failed")

        async def are_gone() -> bool:
            records = await world.all(kinds.CONTROLLER_REVISION)
            return {each["metadata"]["name"] for each in records} == {first, fourth, fifth}

        await world.until(are_gone)
        await world.until_status(lambda status: condition(status, "Stalled").get("status") == "False")
        assert not {second, third} & {each["metadata"]["name"] for each in await world.all(kinds.DEPLOYMENT)}


async def test_gate_that_cannot_be_deleted_keeps_no_other_back(world: World) -> None:
    """The Job of a candidate that is gone runs on, and that of the next one is made; it goes when it may."""
    gate_pods = GatePods(world)
    async with world.operator() as running:
        first = await candidate(world, gates=[fairness()])
        await world.make_pod(first, 1, ready())
        job = (await gate_pods.job("fairness"))["metadata"]["name"]
        async with refused(world, kinds.JOB, existing=job):
            second = await candidate(world, first, gates=[fairness()], server=server("mlserver:2"))
            await world.until_status(lambda status: says(status, f"the deletion of Job {job}: "))
            await world.make_pod(second, 1, ready())

            async def is_asked() -> bool:
                return len(await gate_pods.jobs("fairness")) == 2

            await world.until(is_asked)
            assert not running.said("reconcile failed")

        async def is_gone() -> bool:
            return await world.get_or_none(kinds.JOB, job) is None

        await world.until(is_gone)


async def test_someone_elses_config_map_stops_no_decision(world: World) -> None:
    """With the name of its records taken a deployment serves all the same, and says what is in the way."""
    taken = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "electricity-decisions"}}
    await world.client.request("POST", kinds.CONFIG_MAP.path(world.namespace), body=taken)
    async with world.operator() as running, world.kubelet(lambda _revision, _number: ready()):
        await world.apply()
        status = await world.until_status(lambda status: says(status, "electricity-decisions"))
        assert (status["phase"], condition(status, "Stalled")["reason"]) == ("Serving", "RenderRefused")
        first = status["stableRevision"]
        await world.apply(server=server("mlserver:2"))
        status = await world.until_status(lambda status: status.get("candidateRevision"))
        assert status["stableRevision"] == first
        assert not running.said("reconcile failed")
    kept = await world.get(kinds.CONFIG_MAP, "electricity-decisions")
    assert "data" not in kept


async def test_refused_keys_stay_the_same(world: World) -> None:
    """While the Secret is refused, the keys that it is to hold are not made anew each time."""
    async with world.operator() as running:
        async with refused(world, kinds.SECRET):
            await world.apply()
            await world.until(lambda: any(again > 0.5 for _, again in tries(running, "Secret")))
        await world.until(lambda: world.get_or_none(kinds.SECRET, "electricity-modelward"))
