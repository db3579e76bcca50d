"""A profile in a ConfigMap becomes bins in the monitors' file, rules for Prometheus and a condition."""

from typing import Any

import orjson
import pytest

from modelward.control import kinds
from tests.apiserver.operators import World, condition
from tests.apiserver.test_operator_repair import candidate
from tests.unit.api.test_profile import a_feature, a_profile

pytestmark = pytest.mark.apiserver

NAME = "electricity-profile"


def config_map(world: World, profile: dict[str, Any]) -> dict[str, Any]:
    """The ConfigMap as `modelward profile` writes it."""
    metadata = {
        "name": NAME,
        "namespace": world.namespace,
        "labels": {"modelward.dev/deployment": "electricity"},
    }
    data = {"profile.json": orjson.dumps(profile).decode()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def bins(world: World, revision: str) -> Any:
    """What the monitors of a revision are told of drift."""
    written = await world.get_or_none(kinds.CONFIG_MAP, revision)
    return None if written is None else orjson.loads(written["data"]["monitor.json"]).get("drift")


async def until_watched(world: World, reason: str) -> None:
    """Wait until the condition has a reason."""
    await world.until_status(lambda status: condition(status, "DriftWatched").get("reason") == reason)


async def test_a_profile_reaches_the_monitors(world: World) -> None:
    """Made after the deployment, changed, broken and deleted: each time the monitors' file follows."""
    async with world.operator():
        revision = await candidate(world, drift={"profile": {"configMapName": NAME}})
        await until_watched(world, "ProfileMissing")
        assert await bins(world, revision) is None

        await world.client.create(kinds.CONFIG_MAP, config_map(world, a_profile()))

        async def is_told() -> bool:
            return bool(await bins(world, revision))

        await world.until(is_told)
        first = await bins(world, revision)
        assert [feature["name"] for feature in first["features"]] == ["price", "day"]

        path = kinds.CONFIG_MAP.path(world.namespace, NAME)
        changed = {"data": {"profile.json": orjson.dumps(a_profile(features=[a_feature("z")])).decode()}}
        await world.client.request("PATCH", path, body=changed, content_type="application/merge-patch+json")

        async def is_told_anew() -> bool:
            told = await bins(world, revision)
            return bool(told and told["profile"] != first["profile"])

        await world.until(is_told_anew)
        broken = {"data": {"profile.json": "{}"}}
        await world.client.request("PATCH", path, body=broken, content_type="application/merge-patch+json")
        await until_watched(world, "ProfileInvalid")
        await world.delete(kinds.CONFIG_MAP, NAME)
        await until_watched(world, "ProfileMissing")

        async def is_told_nothing() -> bool:
            return await bins(world, revision) is None

        await world.until(is_told_nothing)
