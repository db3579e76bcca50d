"""What people and other programs do to a deployment's objects, and what becomes of it."""

from typing import Any

import pytest

from modelward.control import kinds
from tests.apiserver.fake_monitors import FakeMonitors
from tests.apiserver.operators import World, condition, ready, server

pytestmark = pytest.mark.apiserver

THEN = "2026-01-01T00:00:00Z"


async def serving(world: World) -> str:
    """Have a first revision promoted, and return its name."""
    revision = await candidate(world)
    await world.make_pod(revision, 1, ready())
    await world.until_status(lambda status: status.get("phase") == "Serving")
    return revision


async def candidate(world: World, *others: str, **spec: Any) -> str:
    """Apply a spec, and return the revision that is tried for it, which is none of the others."""
    await world.apply(**spec)
    status = await world.until_status(lambda status: status.get("candidateRevision", "") not in {"", *others})
    revision: str = status["candidateRevision"]
    return revision


def is_stalled(status: dict[str, Any]) -> bool:
    """Return whether the condition Stalled says that an object cannot be written."""
    stalled = condition(status, "Stalled")
    return bool(stalled.get("status") == "True" and stalled["reason"] == "RenderRefused")


async def set_status(world: World, **status: Any) -> None:
    """Change fields of the status, as if it had come to be that way."""
    path = kinds.MODEL_DEPLOYMENT.path(world.namespace, "electricity", "status")
    await world.client.request(
        "PATCH", path, body={"status": status}, content_type="application/merge-patch+json"
    )


async def test_last_good_revision_outlives_the_history_limit(world: World) -> None:
    """With no standby left, what stable would be rolled back to stays, however many were tried since."""
    async with world.operator():
        first = await serving(world)
        tried = [first]
        for number in (2, 3, 4):
            tried.append(await candidate(world, *tried, server=server(f"mlserver:{number}")))
    entry = {"time": THEN, "action": "Promoted", "reason": "Passed", "message": ""}
    history = [{**entry, "revision": tried[-1]}, {**entry, "revision": first}]
    await set_status(
        world, phase="Serving", stableRevision=tried[-1], candidateRevision="", rollout=None, history=history
    )
    await world.apply(server=server("mlserver:4"), revisionHistoryLimit=1)
    async with world.operator():

        async def is_pruned() -> bool:
            return await world.get_or_none(kinds.CONTROLLER_REVISION, tried[1]) is None

        await world.until(is_pruned)
    left = {record["metadata"]["name"] for record in await world.all(kinds.CONTROLLER_REVISION)}
    assert left == {first, *tried[2:]}


async def test_stalled_ends_with_what_was_in_the_way(world: World) -> None:
    """A settled deployment whose Service is taken at last is not Stalled, though nothing else happens."""
    async with world.operator():
        await serving(world)
    await world.delete(kinds.SERVICE, "electricity")
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "electricity", "namespace": world.namespace},
        "spec": {"ports": [{"port": 1234}], "selector": {"app": "other"}},
    }
    await world.client.create(kinds.SERVICE, foreign)
    async with world.operator():
        await world.until_status(is_stalled)
        await world.delete(kinds.SERVICE, "electricity")
        await world.until_status(lambda status: condition(status, "Stalled").get("status") == "False")


async def test_service_follows_the_status_without_the_revision(world: World) -> None:
    """The pods of a revision without its ControllerRevision are left alone; traffic goes where it should."""
    async with world.operator():
        first = await serving(world)
        second = await candidate(world, server=server("mlserver:2"))
        before = await world.get(kinds.DEPLOYMENT, first)
        await world.delete(kinds.CONTROLLER_REVISION, first)
        status = await world.until_status(is_stalled)
        message = condition(status, "Stalled")["message"]
        assert f"ControllerRevision {first} is gone" in message
        assert condition(status, "Ready")["status"] == "True"
        change = {"spec": {"selector": {"modelward.dev/revision": "elsewhere"}}}
        await world.client.merge(kinds.SERVICE, world.namespace, "electricity", change)
        await world.delete(kinds.DEPLOYMENT, second)

        async def is_brought_about() -> bool:
            selector = (await world.get(kinds.SERVICE, "electricity"))["spec"]["selector"]
            made = await world.get_or_none(kinds.DEPLOYMENT, second)
            return bool(made and selector["modelward.dev/revision"] == first)

        await world.until(is_brought_about)
        after = await world.get(kinds.DEPLOYMENT, first)
        assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
        await world.apply()
        await world.until_status(lambda status: condition(status, "Stalled").get("status") == "False")
        await world.get(kinds.CONTROLLER_REVISION, first)


async def made_by_a_newer_renderer(world: World, revision: str) -> None:
    """Replace a ControllerRevision by what a later version of the operator might have made."""
    record = await world.get(kinds.CONTROLLER_REVISION, revision)
    await world.delete(kinds.CONTROLLER_REVISION, revision)
    kept = ("name", "namespace", "labels", "annotations", "ownerReferences")
    metadata = {name: record["metadata"][name] for name in kept if name in record["metadata"]}
    data = {**record["data"], "renderer": 99}
    await world.client.create(kinds.CONTROLLER_REVISION, {**record, "metadata": metadata, "data": data})


async def test_unreadable_revision_is_reported(world: World) -> None:
    """A ControllerRevision that another version's renderer made stalls with advice, and ends nothing else."""
    async with world.operator():
        first = await serving(world)
    await made_by_a_newer_renderer(world, first)
    await world.delete(kinds.SERVICE, "electricity")
    async with world.operator():
        status = await world.until_status(is_stalled)
        assert "made by renderer 99" in condition(status, "Stalled")["message"]
        assert (await world.get(kinds.SERVICE, "electricity"))["spec"]["selector"][
            "modelward.dev/revision"
        ] == first


async def test_wanted_revision_that_is_unreadable_is_reported(world: World) -> None:
    """One that cannot begin, as nobody knows what it has to pass, stalls, and begins once it can."""
    async with world.operator():
        first = await serving(world)
        second = await candidate(world, first, server=server("mlserver:2"))
        await world.apply()
        await world.until_status(lambda status: not status.get("candidateRevision"))
    await made_by_a_newer_renderer(world, second)
    await world.apply(server=server("mlserver:2"))
    async with world.operator():
        status = await world.until_status(is_stalled)
        assert "made by renderer 99" in condition(status, "Stalled")["message"]
        assert (status["phase"], status.get("candidateRevision", "")) == ("Serving", "")
        await world.delete(kinds.CONTROLLER_REVISION, second)
        status = await world.until_status(lambda status: status.get("candidateRevision"))
        assert status["candidateRevision"] == second
        await world.until_status(lambda status: condition(status, "Stalled").get("status") == "False")


async def test_someone_elses_secret_is_reported(world: World) -> None:
    """A Secret of the name of the keys that is not ours stalls the deployment, until it is out of the way."""
    name = "electricity-modelward"
    metadata = {"name": name, "namespace": world.namespace}
    await world.client.create(kinds.SECRET, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    async with world.operator() as running:
        await world.apply()
        status = await world.until_status(is_stalled)
        message = f"Secret {name} exists and was not made for this deployment"
        assert message in condition(status, "Stalled")["message"]
        await world.until(lambda: running.said(f"not taken: {message}"))
        await world.delete(kinds.SECRET, name)
        await serving(world)
        await world.until_status(lambda status: condition(status, "Stalled").get("status") == "False")


async def test_deleted_keys_come_back_as_they_were(world: World) -> None:
    """The Secret of the keys, deleted by hand, is made again with the same keys, so receipts stay good."""
    async with world.operator():
        await serving(world)
        before = await world.get(kinds.SECRET, "electricity-modelward")
        await world.delete(kinds.SECRET, "electricity-modelward")

        async def made_again() -> dict[str, Any] | None:
            return await world.get_or_none(kinds.SECRET, "electricity-modelward")

        await world.until(made_again)
        after = await world.get(kinds.SECRET, "electricity-modelward")
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        assert after["data"] == before["data"]


async def test_monitors_obey_a_deployment_made_anew(world: World) -> None:
    """Made again over pods that survived it, a deployment tells their monitors what they take for newer."""
    address = "127.99.7.1"
    async with FakeMonitors() as monitors, world.operator():
        monitor = await monitors.start(address)
        revision = await candidate(world)
        await world.make_pod(revision, 1, ready(address))
        await world.until_status(lambda status: status.get("phase") == "Serving")
        await set_status(world, trafficGeneration=70)
        await world.until(lambda: monitor.generation == 70)
        annotation = "modelward.dev/traffic-generation"

        async def is_noted() -> bool:
            pod = await world.get(kinds.POD, f"{revision}-1")
            return bool(pod["metadata"]["annotations"][annotation] == "70")

        await world.until(is_noted)
        await world.delete(kinds.MODEL_DEPLOYMENT, "electricity")
        await world.apply()
        status = await world.until_status(lambda status: status.get("phase") == "Serving")
        assert status["trafficGeneration"] > 70
        await world.until(lambda: monitor.generation == status["trafficGeneration"])


async def test_removed_label_comes_back(world: World) -> None:
    """A child that lost the label by which the operator sees it is still the deployment's own."""
    label = "modelward.dev/deployment"
    async with world.operator():
        await serving(world)
        change = {"metadata": {"labels": {label: None}}}
        await world.client.merge(kinds.SERVICE, world.namespace, "electricity", change)

        async def is_back() -> bool:
            service = await world.get(kinds.SERVICE, "electricity")
            return bool(service["metadata"]["labels"].get(label) == "electricity")

        await world.until(is_back)
        assert not is_stalled(await world.status())
