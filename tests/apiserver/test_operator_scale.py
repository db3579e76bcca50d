"""`kubectl scale`, or an autoscaler, changes spec.replicas while a rollout or a standby stands on them."""

from functools import partial
from typing import Any

import pytest

from modelward.control import kinds
from tests.apiserver.operators import World, server
from tests.apiserver.serving_pods import OBJECTIVE, Stage

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(600)]

ROLLOUT_SECONDS = 240
LONG_STEP = {"steps": [{"weight": 50, "minRequests": 1_000_000_000}]}
"""A step that does not end while a test looks at it."""
SHORT_STEP = {"steps": [{"weight": 50, "duration": "20s", "minRequests": 1}]}


async def scale(world: World, replicas: int) -> None:
    """Set the replicas as `kubectl scale` does: through the scale subresource."""
    await world.client.request(
        "PATCH",
        kinds.MODEL_DEPLOYMENT.path(world.namespace, "electricity", "scale"),
        body={"spec": {"replicas": replicas}},
        content_type="application/merge-patch+json",
    )


async def sizes(world: World) -> dict[str, int]:
    """Return the replicas of each workload that has any, by revision."""
    found = {w["metadata"]["name"]: w["spec"]["replicas"] for w in await world.all(kinds.DEPLOYMENT)}
    return {revision: replicas for revision, replicas in found.items() if replicas}


async def until_sizes(world: World, wanted: dict[str, int]) -> None:
    """Wait until the workloads have these replicas."""

    async def are_so() -> bool:
        return await sizes(world) == wanted

    await world.until(are_so, ROLLOUT_SECONDS)


def weights(status: dict[str, Any]) -> dict[str, int]:
    """Return the share of each revision in percent."""
    return {share["revision"]: share["weight"] for share in status["traffic"]}


def has_weights(status: dict[str, Any], replicas: int, expected: dict[str, int]) -> bool:
    """Whether a status has so many replicas, and these shares."""
    return bool(status["replicas"] == replicas and weights(status) == expected)


async def served(world: World, **spec: Any) -> str:
    """Apply a first revision, and return it when it serves."""
    await world.apply(**spec)
    status = await world.until_status(
        lambda status: status.get("phase") == "Serving", limit_seconds=ROLLOUT_SECONDS
    )
    revision: str = status["stableRevision"]
    return revision


async def test_split_keeps_its_weights_when_scaled(stage: Stage) -> None:
    """Scaled up and down in the middle of a step, both arms follow in proportion and nothing is rejected."""
    world = stage.world
    spec: dict[str, Any] = {"objectives": [OBJECTIVE], "rollout": LONG_STEP}
    async with world.operator():
        first = await served(world, **spec)
        await scale(world, 2)
        await until_sizes(world, {first: 2})
        await world.apply(**spec, server=server("mlserver:2"))
        status = await world.until_status(
            lambda status: status.get("phase") == "Stepping", limit_seconds=ROLLOUT_SECONDS
        )
        second, step = status["candidateRevision"], status["rollout"]["stepStartedAt"]
        for replicas in (4, 1):
            await scale(world, replicas)
            await until_sizes(world, {first: replicas, second: replicas})
            status = await world.until_status(
                partial(has_weights, replicas=replicas, expected={first: 50, second: 50}),
                limit_seconds=ROLLOUT_SECONDS,
            )
            assert (status["phase"], status["candidateRevision"]) == ("Stepping", second)
            assert status["rollout"]["stepStartedAt"] == step
            assert status["rejectedRevisions"] == []
            service = await world.get(kinds.SERVICE, "electricity")
            assert "modelward.dev/revision" not in service["spec"]["selector"]


async def test_standby_is_scaled_with_what_serves(stage: Stage) -> None:
    """Scaled after a promotion, the standby has as many pods as would be needed to go back to it."""
    world = stage.world
    spec: dict[str, Any] = {"objectives": [OBJECTIVE], "rollout": SHORT_STEP}
    async with world.operator(evaluationDelaySeconds=1):
        first = await served(world, **spec)
        await world.apply(**spec, server=server("mlserver:2"))
        status = await world.until_status(
            lambda status: status.get("standbyRevision") == first, limit_seconds=ROLLOUT_SECONDS
        )
        second = status["stableRevision"]
        await scale(world, 3)
        await until_sizes(world, {first: 3, second: 3})
        status = await world.status()
        assert (status["stableRevision"], status["standbyRevision"]) == (second, first)
        assert status["rejectedRevisions"] == []
