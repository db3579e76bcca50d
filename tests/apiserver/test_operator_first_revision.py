"""The first revision: from an applied ModelDeployment to one that serves, and what is made on the way."""

import asyncio
from functools import partial

import orjson
import pytest

from modelward.control import kinds
from tests.apiserver.operators import CHILDREN, World, condition, ready, server

pytestmark = pytest.mark.apiserver


async def serving(world: World) -> str:
    """Have a first revision promoted, and return its name."""
    manifest = await world.apply()
    status = await world.until_status(lambda status: status.get("candidateRevision"))
    revision: str = status["candidateRevision"]
    await world.make_pod(revision, 1, ready())
    await world.until_status(lambda status: status.get("phase") == "Serving")
    assert manifest["metadata"]["generation"] == 1
    return revision


async def test_children_are_made_owned_and_labelled(world: World) -> None:
    """Every child exists, belongs to the deployment and goes with it."""
    async with world.operator():
        owner = await world.apply()
        await world.until_status(lambda status: status.get("candidateRevision"))
        for kind in CHILDREN:
            await world.until(partial(world.all, kind))
            for child in await world.all(kind):
                metadata = child["metadata"]
                assert [reference["uid"] for reference in metadata["ownerReferences"]] == [
                    owner["metadata"]["uid"]
                ]
                assert metadata["ownerReferences"][0]["controller"] is True
                assert metadata["labels"]["app.kubernetes.io/instance"] == "electricity"
                assert metadata["labels"]["app.kubernetes.io/managed-by"] == "modelward"


async def test_first_revision_is_promoted_when_its_pods_are_ready(world: World) -> None:
    """With its pod ready the first revision serves, its digest is recorded and passed on."""
    async with world.operator():
        revision = await serving(world)
        status = await world.until_status(lambda status: condition(status, "Ready").get("status") == "True")
        assert status["stableRevision"] == revision
        assert status["history"][0]["action"] == "Promoted"
        record = await world.get(kinds.CONTROLLER_REVISION, revision)
        assert record["metadata"]["annotations"]["modelward.dev/model-digest"] == "sha256:" + "a" * 64

        async def has_digest() -> bool:
            config = await world.get(kinds.CONFIG_MAP, revision)
            return bool(config["data"]["model-digest"] == "sha256:" + "a" * 64)

        await world.until(has_digest)


async def test_at_rest_nothing_is_written(world: World) -> None:
    """Once settled, neither time, nor a full list, nor another operator's start causes a single write."""
    async with world.operator():
        await serving(world)
        # The last that changes by itself: that Prometheus, which is nowhere here, was asked in vain.
        await world.until_status(
            lambda status: "cannot be asked" in condition(status, "ObjectivesMet").get("message", "")
        )
        await asyncio.sleep(3)
        before = len(world.writes())
        assert before > 8
        await asyncio.sleep(7)
        assert [_what(event) for event in world.writes()[before:]] == []
    async with world.operator() as second:
        await world.until(lambda: second.said("became leader"))
        await asyncio.sleep(7)
        assert [_what(event) for event in world.writes()[before:]] == []


async def test_operator_upgrade_changes_no_deployment(world: World) -> None:
    """An operator with other images leaves existing pods alone and uses its own for the next revision."""
    async with world.operator():
        revision = await serving(world)
        before = await world.get(kinds.DEPLOYMENT, revision)
    images = {"monitor": "monitor:2", "fetch": "fetch:2", "collector": "collector:2", "gates": "gates:2"}
    async with world.operator(images=images):
        await world.apply(server=server("mlserver:2"))
        status = await world.until_status(lambda status: status.get("candidateRevision"))
        await world.until(lambda: world.get_or_none(kinds.DEPLOYMENT, status["candidateRevision"]))
        after = await world.get(kinds.DEPLOYMENT, revision)
        assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
        candidate = await world.get(kinds.DEPLOYMENT, status["candidateRevision"])
        used = orjson.dumps(candidate["spec"]["template"])
        assert b"monitor:2" in used
        assert b"monitor:1" not in used


async def test_foreign_changes_are_put_right(world: World) -> None:
    """What someone changes in a child comes back; what they add beside it stays."""
    async with world.operator():
        revision = await serving(world)
        wanted = {"modelward.dev/deployment": "electricity", "modelward.dev/revision": revision}

        async def is_right() -> bool:
            selector = (await world.get(kinds.SERVICE, "electricity"))["spec"]["selector"]
            return bool(selector == wanted)

        await world.until(is_right)
        change = {"metadata": {"labels": {"team": "x"}}, "spec": {"selector": {"app": "elsewhere"}}}
        await world.client.merge(kinds.SERVICE, world.namespace, "electricity", change)
        await world.until(is_right)
        assert (await world.get(kinds.SERVICE, "electricity"))["metadata"]["labels"]["team"] == "x"


async def test_deleted_child_comes_back(world: World) -> None:
    """A child that someone deletes is made again."""
    async with world.operator():
        revision = await serving(world)
        before = await world.get(kinds.DEPLOYMENT, revision)
        await world.delete(kinds.DEPLOYMENT, revision)

        async def is_back() -> bool:
            found = await world.get_or_none(kinds.DEPLOYMENT, revision)
            return found is not None and found["metadata"]["uid"] != before["metadata"]["uid"]

        await world.until(is_back)


async def test_someone_elses_service_is_left_alone(world: World) -> None:
    """A Service of the deployment's name that is not ours is never taken over; the condition says so."""
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "electricity", "namespace": world.namespace},
        "spec": {"ports": [{"port": 1234}], "selector": {"app": "other"}},
    }
    await world.client.create(kinds.SERVICE, foreign)
    async with world.operator():
        await world.apply()
        status = await world.until_status(lambda status: condition(status, "Stalled").get("status") == "True")
        stalled = condition(status, "Stalled")
        assert stalled["reason"] == "RenderRefused"
        assert "Service electricity exists and was not made for this deployment" in stalled["message"]
        assert (await world.get(kinds.SERVICE, "electricity"))["spec"]["selector"] == {"app": "other"}
        assert len(await world.all(kinds.DEPLOYMENT)) == 1


async def test_refused_template_is_reported(world: World) -> None:
    """A template that the API server does not take is reported with its own words."""
    async with world.operator():
        broken = {
            "template": {
                "spec": {
                    "containers": [
                        {"name": "model", "image": "x", "volumeMounts": [{"name": "no", "mountPath": "/x"}]}
                    ]
                }
            }
        }
        await world.apply(server=broken)
        status = await world.until_status(lambda status: condition(status, "Stalled").get("status") == "True")
        assert condition(status, "Stalled")["reason"] == "RenderRefused"
        assert "volumeMounts" in condition(status, "Stalled")["message"]


def _what(event: dict[str, object]) -> str:
    return f"{event['verb']} {event['requestURI']}"
