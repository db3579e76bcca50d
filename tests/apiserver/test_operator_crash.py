"""An operator that is ended at any moment loses nothing and does nothing twice."""

import itertools
import re
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
import pytest

from modelward.control import kinds
from modelward.control.events import REPORTER
from modelward.control.faults import EXIT_CODE
from tests.apiserver.operators import CHILDREN, Running, World, ready, server

pytestmark = pytest.mark.apiserver

MOST_STARTS = 80
HANDED_OVER_SECONDS = 12
"""Less than a lease lasts that nobody released."""
_TIME = re.compile(r"\d{4}-?\d\d-?\d\dT\d\d:?\d\d:?\d\d(\.\d+)?Z")
_RANDOM = (
    "modelward.dev/rendered-hash",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "clusterIP",
    "clusterIPs",
    "nodePort",
)


def pods(_revision: str, _number: int) -> dict[str, Any]:
    """Every pod is ready; nobody answers at its monitor's port."""
    return ready("127.77.0.1")


async def lived_through(world: World) -> None:
    """Let one operator that nobody ends bring the story to its end."""
    async with world.operator(), world.kubelet(pods):
        await world.apply()
        await world.until(lambda: is_settled(world, "Serving", pods=1))
        await world.apply(server=server("mlserver:2"))
        await world.until(lambda: is_settled(world, "Starting", pods=2))


async def is_settled(world: World, phase: str, *, pods: int) -> bool:
    """Return whether a phase is reached with all that belongs to it written: then nothing more happens."""
    status = await world.status()
    if status.get("phase") != phase:
        return False
    generation = "modelward.dev/traffic-generation"
    configs = {config["metadata"]["name"]: config["data"] for config in await world.all(kinds.CONFIG_MAP)}
    decided = configs.pop("electricity-decisions", {})
    digests = [data["model-digest"] for data in configs.values()]
    told = [pod["metadata"].get("annotations", {}).get(generation) for pod in await world.all(kinds.POD)]
    conditions = {condition["type"]: condition for condition in status["conditions"]}
    return (
        len(decided) == 1
        and len(digests) == pods
        and all(digests)
        and told == [str(status["trafficGeneration"])] * pods
        and conditions["Ready"]["reason"] == "Serving"
        and "cannot be asked" in conditions["ObjectivesMet"]["message"]
        and len(await world.all(kinds.PROMETHEUS_RULE)) == 1
    )


async def end_state(world: World) -> list[str]:
    """Return everything that was made, a line each, but for what differs between any two runs."""
    kinds_made = (*CHILDREN, kinds.MODEL_DEPLOYMENT, kinds.EVENT)
    objects = [item for kind in kinds_made for item in await world.everything(kind) if _is_ours(item)]
    lines = (orjson.dumps(_bare(item), option=orjson.OPT_SORT_KEYS).decode() for item in objects)
    return sorted(_TIME.sub("TIME", line).replace(world.namespace, "NAMESPACE") for line in lines)


def _is_ours(item: dict[str, Any]) -> bool:
    """Return whether an object is not an Event of the API server itself."""
    return bool(item["kind"] != "Event" or item["reportingController"] == REPORTER)


def _bare(item: Any) -> Any:
    """Leave out uids, versions, times, random keys, and hashes that are made from those."""
    if isinstance(item, list):
        return [_bare(each) for each in item]
    if not isinstance(item, dict):
        return item
    bare = {name: _bare(value) for name, value in item.items() if name not in _RANDOM}
    if item.get("kind") == "Secret":
        bare["data"] = sorted(item["data"])
    if item.get("kind") == "Event":
        bare["metadata"].pop("name")
    return bare


@pytest.mark.parametrize(("fault", "least"), [("after-write:1", 20), ("before-status:1", 3)])
async def test_ended_again_and_again(world: World, another_world: World, fault: str, least: int) -> None:
    """Ended after each write, or before each status, and started again, it comes to the very same end.

    Every start may write one thing, so each boundary between two writes is crossed by a crash. Events are
    compared too: none is lost and none is told twice.
    """
    await lived_through(another_world)
    async with world.kubelet(pods):
        await world.apply()
        crashes = await crash_until(world, fault, lambda: is_settled(world, "Serving", pods=1))
        await world.apply(server=server("mlserver:2"))
        crashes += await crash_until(world, fault, lambda: is_settled(world, "Starting", pods=2))
    assert crashes >= least
    assert await end_state(world) == await end_state(another_world)


async def test_killed_and_another_takes_over(world: World) -> None:
    """A second operator stands by with warm caches, and leads at once when the first releases the lease."""
    async with world.operator() as first:
        await world.until(lambda: first.said("became leader"))
        async with world.operator() as second, world.kubelet(pods):
            await world.until(lambda: second.said("listed"))
            first.kill(signal.SIGTERM)
            assert await first.ended() == 0
            await world.until(lambda: second.said("became leader"), limit_seconds=HANDED_OVER_SECONDS)
            await world.apply()
            await world.until_status(lambda status: status.get("phase") == "Serving")


async def crash_until(world: World, fault: str, is_reached: Callable[[], Awaitable[bool]]) -> int:
    """Start operators that crash until something is reached; return how many crashed.

    Every other one of those that crash before a status may write one status, or nothing would ever happen.
    """
    faults = itertools.cycle([fault] if fault.startswith("after") else [fault, "before-status:2"])
    for crashes, each in enumerate(itertools.islice(faults, MOST_STARTS)):
        async with world.operator(each) as running:
            await running.ended_or(partial(has_done_all, running, is_reached))
            exit_status = await running.stop()
        if exit_status == 0:
            return crashes
        assert exit_status == EXIT_CODE
        await world.lease_runs_out()
    message = f"not reached after {MOST_STARTS} starts"
    raise AssertionError(message)


async def has_done_all(running: Running, is_reached: Callable[[], Awaitable[bool]]) -> bool:
    """Return whether an operator leads and has nothing left to do."""
    return running.said("became leader") and await is_reached()
