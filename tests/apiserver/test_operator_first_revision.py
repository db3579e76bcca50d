"""The first revision: from an applied ModelDeployment to one that serves, and what is made on the way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from dev.cluster.controlplane import ControlPlane
from modelward.control import kinds
from tests.apiserver.operators import CHILDREN, World, condition, ready, server, world

pytestmark = pytest.mark.apiserver


@pytest.fixture
async def here(api_server: ControlPlane, namespace: str, tmp_path: Path) -> AsyncIterator[World]:
    """Give the test its world."""
    async with world(api_server, namespace, tmp_path) as given:
        yield given


async def serving(here: World) -> str:
    """Have a first revision promoted, and return its name."""
    manifest = await here.apply()
    status = await here.until_status(lambda status: status.get("candidateRevision"))
    revision: str = status["candidateRevision"]
    await here.make_pod(revision, 1, ready())
    await here.until_status(lambda status: status.get("phase") == "Serving")
    assert manifest["metadata"]["generation"] == 1
    return revision


async def test_children_are_made_owned_and_labelled(here: World) -> None:
    """Every child exists, belongs to the deployment and goes with it."""
    async with here.operator():
        owner = await here.apply()
        await here.until_status(lambda status: status.get("candidateRevision"))
        for kind in CHILDREN:
            await here.until(lambda kind=kind: here.all(kind))
            for child in await here.all(kind):
                metadata = child["metadata"]
                assert [reference["uid"] for reference in metadata["ownerReferences"]] == [
                    owner["metadata"]["uid"]
                ]
                assert metadata["ownerReferences"][0]["controller"] is True
                assert metadata["labels"]["app.kubernetes.io/instance"] == "electricity"
                assert metadata["labels"]["app.kubernetes.io/managed-by"] == "modelward"


async def test_first_revision_is_promoted_when_its_pods_are_ready(here: World) -> None:
    """With its pod ready the first revision serves, its digest is recorded and passed on."""
    async with here.operator():
        revision = await serving(here)
        status = await here.until_status(lambda status: condition(status, "Ready").get("status") == "True")
        assert status["stableRevision"] == revision
        assert status["history"][0]["action"] == "Promoted"
        record = await here.get(kinds.CONTROLLER_REVISION, revision)
        assert record["metadata"]["annotations"]["modelward.dev/model-digest"] == "sha256:" + "a" * 64

        async def has_digest() -> bool:
            config = await here.get(kinds.CONFIG_MAP, revision)
            return bool(config["data"]["model-digest"] == "sha256:" + "a" * 64)

        await here.until(has_digest)


async def test_at_rest_nothing_is_written(here: World) -> None:
    """Once settled, neither time, nor a full list, nor another operator's start causes a single write."""
    async with here.operator():
        await serving(here)
        await asyncio.sleep(3)
        before = len(here.writes())
        assert before > 8
        await asyncio.sleep(7)
        assert [_what(event) for event in here.writes()[before:]] == []
    async with here.operator() as second:
        await here.until(lambda: second.said("became leader"))
        await asyncio.sleep(7)
        assert [_what(event) for event in here.writes()[before:]] == []


async def test_operator_upgrade_changes_no_deployment(here: World) -> None:
    """An operator with other images leaves existing pods alone and uses its own for the next revision."""
    async with here.operator():
        revision = await serving(here)
        before = await here.get(kinds.DEPLOYMENT, revision)
    images = {"monitor": "monitor:2", "fetch": "fetch:2", "collector": "collector:2"}
    async with here.operator(images=images):
        await here.apply(server=server("mlserver:2"))
        status = await here.until_status(lambda status: status.get("candidateRevision"))
        await here.until(lambda: here.get_or_none(kinds.DEPLOYMENT, status["candidateRevision"]))
        after = await here.get(kinds.DEPLOYMENT, revision)
        assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
        candidate = await here.get(kinds.DEPLOYMENT, status["candidateRevision"])
        used = orjson.dumps(candidate["spec"]["template"])
        assert b"monitor:2" in used
        assert b"monitor:1" not in used


async def test_foreign_changes_are_put_right(here: World) -> None:
    """What someone changes in a child comes back; what they add beside it stays."""
    async with here.operator():
        await serving(here)
        await asyncio.sleep(1)
        change = {"metadata": {"labels": {"team": "x"}}, "spec": {"selector": {"app": "elsewhere"}}}
        await here.client.merge(kinds.SERVICE, here.namespace, "electricity", change)

        async def is_right() -> bool:
            selector = (await here.get(kinds.SERVICE, "electricity"))["spec"]["selector"]
            return bool(
                selector.get("modelward.dev/deployment") == "electricity"
                and "modelward.dev/revision" in selector
            )

        await here.until(is_right)
        assert (await here.get(kinds.SERVICE, "electricity"))["metadata"]["labels"]["team"] == "x"


async def test_deleted_child_comes_back(here: World) -> None:
    """A child that someone deletes is made again."""
    async with here.operator():
        revision = await serving(here)
        before = await here.get(kinds.DEPLOYMENT, revision)
        await here.delete(kinds.DEPLOYMENT, revision)

        async def is_back() -> bool:
            found = await here.get_or_none(kinds.DEPLOYMENT, revision)
            return found is not None and found["metadata"]["uid"] != before["metadata"]["uid"]

        await here.until(is_back)


async def test_someone_elses_service_is_left_alone(here: World) -> None:
    """A Service of the deployment's name that is not ours is never taken over; the condition says so."""
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "electricity", "namespace": here.namespace},
        "spec": {"ports": [{"port": 1234}], "selector": {"app": "other"}},
    }
    await here.client.create(kinds.SERVICE, foreign)
    async with here.operator():
        await here.apply()
        status = await here.until_status(lambda status: condition(status, "Stalled").get("status") == "True")
        stalled = condition(status, "Stalled")
        assert stalled["reason"] == "RenderRefused"
        assert "Service electricity exists and was not made for this deployment" in stalled["message"]
        assert (await here.get(kinds.SERVICE, "electricity"))["spec"]["selector"] == {"app": "other"}
        assert len(await here.all(kinds.DEPLOYMENT)) == 1


async def test_refused_template_is_reported(here: World) -> None:
    """A template that the API server does not take is reported with its own words."""
    async with here.operator():
        broken = {
            "template": {
                "spec": {
                    "containers": [
                        {"name": "model", "image": "x", "volumeMounts": [{"name": "no", "mountPath": "/x"}]}
                    ]
                }
            }
        }
        await here.apply(server=broken)
        status = await here.until_status(lambda status: condition(status, "Stalled").get("status") == "True")
        assert condition(status, "Stalled")["reason"] == "RenderRefused"
        assert "volumeMounts" in condition(status, "Stalled")["message"]


def _what(event: dict[str, object]) -> str:
    return f"{event['verb']} {event['requestURI']}"
