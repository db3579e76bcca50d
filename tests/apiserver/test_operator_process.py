"""The operator as a process: how it ends, what it says on its ports, what it does when things go away."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from dev.cluster.controlplane import free_ports
from modelward.api.reasons import Reason
from modelward.control import kinds, stalled
from modelward.control.apply import Applier
from modelward.control.cache import Cache
from modelward.control.comparison import covers
from modelward.control.kinds import LEASE
from modelward.decide.clock import read
from modelward.signals.key import Key
from tests.apiserver.operators import World, condition, ready
from tests.integration.signals.fake_prometheus import Asked, FakePrometheus, body, success

pytestmark = pytest.mark.apiserver


async def nothing(asked: Asked, request: web.Request) -> web.StreamResponse:
    """Answer as a Prometheus that has no series."""
    is_matrix = asked.path.endswith("query_range") or asked.form["query"].endswith("]")
    kind = "matrix" if is_matrix else "vector"
    return await success([], kind)(asked, request)


async def test_ends_when_another_takes_its_lease(world: World) -> None:
    """An operator that finds another in its lease ends at once, with a failure, and writes nothing more."""
    async with world.operator() as running:
        await world.until(lambda: running.said("became leader"))
        path = LEASE.path(world.namespace, "modelward-operator")
        lease = await world.client.request("GET", path)
        lease["spec"]["holderIdentity"] = "another"
        await world.client.request("PUT", path, body=lease)
        assert await running.ended() == 1
        assert any("another holds the lease" in line["message"] for line in running.lines())
    after = await world.client.request("GET", path)
    assert after["spec"]["holderIdentity"] == "another"


async def test_wrong_settings_end_it_with_what_is_wrong(world: World) -> None:
    """A mistake in the settings is exit status 2 and one line."""
    async with world.operator(workers=0) as running:
        assert await running.ended() == 2
        assert running.said("workers: Input should be greater than or equal to 1")


async def test_ports_tell_readiness_and_metrics(world: World) -> None:
    """Ready once everything is listed; metrics tell of the leader and of each deployment."""
    (port,) = free_ports(1)
    async with FakePrometheus(nothing) as prometheus, aiohttp.ClientSession() as session:

        async def answer(path: str) -> tuple[int, str]:
            try:
                async with session.get(f"http://127.0.0.1:{port}{path}") as response:
                    return response.status, await response.text()
            except aiohttp.ClientError:
                return 0, ""

        async def is_told() -> bool:
            _, metrics = await answer("/metrics")
            phases = [line for line in metrics.splitlines() if line.startswith("modelward_deployment_phase{")]
            return "modelward_leader 1.0" in metrics and any('phase="Serving"' in line for line in phases)

        async with world.operator(prometheus={"url": prometheus.url}, httpPort=port):
            await world.apply()
            status = await world.until_status(lambda status: status.get("candidateRevision"))
            await world.make_pod(status["candidateRevision"], 0, ready())
            await world.until(is_told)
            assert (await answer("/readyz"))[0] == 200
            assert (await answer("/healthz"))[0] == 200


async def test_says_that_metrics_are_away_and_recovers(world: World) -> None:
    """With Prometheus away the condition says so; when it is back the condition follows, by itself."""
    async with FakePrometheus(body("not now", status=503)) as prometheus:  # noqa: SIM117 - its port is needed
        async with world.operator(prometheus={"url": prometheus.url}):
            await world.apply()
            await until_reason(world, "MetricsUnavailable")
            prometheus.answer = nothing
            await until_reason(world, "NotScraped")


async def until_reason(world: World, reason: str) -> None:
    """Wait until the condition ObjectivesMet has this reason."""
    await world.until_status(lambda status: condition(status, "ObjectivesMet").get("reason") == reason)


async def test_watches_only_what_is_labelled(world: World) -> None:
    """No list and no watch asks for objects of others: above all not for every Secret and pod.

    ModelDeployments and ModelApprovals are written by people, who label neither.
    """
    async with world.operator():
        await world.until(lambda: len(world.requests("watch")) >= len(kinds.REQUIRED + kinds.OPTIONAL))
        asked = [
            event
            for event in world.requests("list", "watch")
            if event["objectRef"]["resource"] not in {"modeldeployments", "modelapprovals"}
        ]
        assert {event["objectRef"]["resource"] for event in asked} >= {"pods", "secrets", "podmonitors"}
        assert [event["requestURI"] for event in asked if "labelSelector=" not in event["requestURI"]] == []


async def test_deleted_deployment_is_forgotten(world: World) -> None:
    """After a deletion nothing is written for the deployment, although its children are still there."""
    async with world.operator():
        await world.apply()
        status = await world.until_status(lambda status: status.get("candidateRevision"))
        await world.until(lambda: world.all(kinds.PROMETHEUS_RULE))
        await world.delete(kinds.MODEL_DEPLOYMENT, "electricity")
        await asyncio.sleep(1)
        before = len(world.writes())
        await world.delete(kinds.SERVICE, status["candidateRevision"])
        await asyncio.sleep(2)
        assert len(world.writes()) == before


async def test_unreadable_spec_is_reported_once(world: World) -> None:
    """The condition says what is wrong, keeps the time since when, and is not written again."""
    made = await world.apply()
    cache, now = Cache(), read("2026-01-01T00:00:00Z")
    problem = stalled.Problem(Reason.INVALID_SPEC, "spec.x: no such field: leave it out")
    await stalled.report(world.client, cache, made, problem, now)
    stored = await world.get(kinds.MODEL_DEPLOYMENT, "electricity")
    said = condition(stored["status"], "Stalled")
    assert (said["status"], said["reason"], said["message"]) == ("True", "InvalidSpec", problem.message)
    await stalled.report(world.client, cache, stored, problem, read("2026-01-02T00:00:00Z"))
    again = await world.get(kinds.MODEL_DEPLOYMENT, "electricity")
    assert again["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]


async def test_what_the_server_writes_its_own_way_is_sent_once(world: World) -> None:
    """Where a comparison never holds, the same manifest on the same live object sends nothing again."""
    owner: dict[str, Any] = {
        "namespace": world.namespace,
        "labels": {"modelward.dev/deployment": "electricity"},
    }
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "odd", **owner, "annotations": {"modelward.dev/rendered-hash": "1"}},
        # The API server stores it as `data`.
        "stringData": {"key": "value"},
    }
    key = Key(world.namespace, "electricity")
    cache = Cache()
    applier = Applier(world.client, cache)
    await applier.apply(key, manifest)
    assert not covers(await world.get(kinds.SECRET, "odd"), manifest)
    assert applier.is_settled(key, manifest)
    changed = {**manifest, "stringData": {"key": "other"}}
    changed["metadata"] = {**manifest["metadata"], "annotations": {"modelward.dev/rendered-hash": "2"}}
    assert not applier.is_settled(key, changed)
