"""What a person asks for by annotation (abort, retry, undo) and spec.paused, through the API alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from modelward import conventions as names
from modelward.control import kinds
from tests.apiserver.fake_monitors import FakeMonitor
from tests.apiserver.operators import Manifest, World, condition, ready, server, starting
from tests.apiserver.serving_pods import OBJECTIVE, ServingPods

pytestmark = pytest.mark.apiserver

JUDGED: Final[Manifest] = {"objectives": [OBJECTIVE]}
LONG_STEP: Final[Manifest] = {"steps": [{"weight": 50, "minRequests": 1_000_000_000}]}
"""A step that does not end while a test looks at it."""
SHORT_STEP: Final[Manifest] = {"steps": [{"weight": 50, "duration": "20s", "minRequests": 1}]}
GOOD_AT_ONCE, BAD_AT_ONCE = 1990, 10
"""Requests between two looks: so many, and some bad, that few blocks show a candidate to be no worse."""

ROLLOUT_SECONDS: Final = 300


@dataclass(slots=True)
class Node:
    """Runs the one pod of each revision that a test asks for."""

    pods: ServingPods
    _names: dict[str, str] = field(default_factory=dict)
    """By revision: the name of its pod."""

    async def run(self, revision: str) -> FakeMonitor:
        """Make a ready pod of a revision; return its monitor."""
        number = len(self.pods.ever)
        self._names[revision] = await self.pods.world.make_pod(revision, number, starting())
        return (await self.pods.get_ready(self._names[revision], revision)).monitor

    async def evict(self, revision: str) -> None:
        """Remove the pod of a revision."""
        name = self._names.pop(revision)
        self.pods.gone(name)
        await self.pods.world.delete(kinds.POD, name)

    @asynccontextmanager
    async def traffic(self) -> AsyncIterator[None]:
        """Have every pod answer requests equally well while it lasts."""

        async def keep() -> None:
            while True:
                for pod in self.pods.present.values():
                    pod.scraped.count(GOOD_AT_ONCE, BAD_AT_ONCE, OBJECTIVE["name"])
                await asyncio.sleep(0.1)

        keeping = asyncio.create_task(keep())
        try:
            yield
            assert not keeping.done(), keeping.exception()
        finally:
            keeping.cancel()


@pytest.fixture
def node(pods: ServingPods) -> Node:
    """Run pods whose counts are read a second after each block."""
    pods.world.settings["evaluationDelaySeconds"] = 1
    return Node(pods)


async def test_abort_in_a_step_withdraws_and_rejects(node: Node) -> None:
    """A candidate that has traffic loses it at once and is rejected as Aborted; the request is answered."""
    world, spec = node.pods.world, {**JUDGED, "rollout": LONG_STEP}
    async with world.operator():
        await world.apply(**spec)
        first = await candidate(world)
        stable_monitor = await node.run(first)
        await until_phase(world, "Serving")
        await world.apply(**spec, server=server("mlserver:2"))
        second = await candidate(world)
        candidate_monitor = await node.run(second)
        await until_phase(world, "Stepping")
        await world.until(lambda: is_split(world))
        assert (modes(stable_monitor)[-1], modes(candidate_monitor)[-1]) == ("Rebalance", "Rebalance")

        await world.annotate(names.ANNOTATION_ABORT, "one")
        status = await world.until_status(lambda status: status.get("rejectedRevisions"))
        (rejected,) = status["rejectedRevisions"]
        assert (rejected["revision"], rejected["reason"], rejected["cause"]) == (second, "Aborted", "Unknown")
        assert "'one'" in rejected["message"]
        assert (status["phase"], status["lastHandledAbort"]) == ("RollingBack", "one")
        assert (status["stableRevision"], status.get("candidateRevision", "")) == (first, "")
        assert [share["revision"] for share in status["traffic"]] == [first]
        await world.until(lambda: modes(candidate_monitor)[-1] == "Withdraw")
        await world.until(lambda: modes(stable_monitor)[-1] == "Serve")

        await node.evict(second)
        status = await until_phase(world, "Serving")
        assert await selected(world) == first
        assert (status["stableRevision"], status.get("candidateRevision", "")) == (first, "")
        assert [(event["type"], event["note"]) for event in await told(world, "Aborted")] == [
            ("Warning", f"{second}: asked by 'one'")
        ]


async def test_abort_is_done_once_for_each_token(world: World) -> None:
    """A token that was answered aborts no later candidate, not even for another operator; a new one does."""
    async with world.operator():
        first = await served_first(world)
        await world.apply(server=server("mlserver:2"))
        second = await candidate(world)
        await world.annotate(names.ANNOTATION_ABORT, "one")
        status = await world.until_status(lambda status: status.get("rejectedRevisions"))
        assert status["lastHandledAbort"] == "one"
    made = await world.apply(server=server("mlserver:3"))
    async with world.operator():
        third = await candidate(world)
        assert third not in {first, second}
        # Whatever is decided for this generation, a request to abort comes before it.
        made = await world.apply(server=server("mlserver:3"), revisionHistoryLimit=9)
        status = await acted_on(world, made)
        assert (status["phase"], status["candidateRevision"]) == ("Starting", third)
        assert rejections(status) == {second: "Aborted"}
        assert len(await told(world, "Aborted")) == 1

        await world.annotate(names.ANNOTATION_ABORT, "two")
        status = await world.until_status(lambda status: status["lastHandledAbort"] == "two")
        assert rejections(status) == {second: "Aborted", third: "Aborted"}
        assert (status["phase"], status["stableRevision"]) == ("Serving", first)
        assert len(await told(world, "Aborted")) == 2


async def test_retry_makes_a_rejected_revision_a_candidate(world: World) -> None:
    """A rejected revision stays out until a retry names it, and that request counts once."""
    async with world.operator():
        await served_first(world)
        second = await rejected_second(world, "one")
        status = await acted_on(world, await second_with_history_limit(world, 9))
        assert (status["phase"], status.get("candidateRevision", "")) == ("Serving", "")
        asked = condition(status, "Stalled")
        assert (asked["status"], asked["reason"]) == ("True", "RevisionRejected")
        assert f"{names.ANNOTATION_RETRY}: {second}@TOKEN" in asked["message"]

        await world.annotate(names.ANNOTATION_RETRY, f"{second}@one")
        assert await candidate(world) == second
        status = await world.status()
        assert (status["phase"], rejections(status)) == ("Starting", {})
        assert status["lastHandledRetry"] == f"{second}@one"
        assert condition(status, "Stalled")["status"] == "False"

        await world.annotate(names.ANNOTATION_ABORT, "two")
        await world.until_status(lambda status: status["lastHandledAbort"] == "two")
        status = await acted_on(world, await second_with_history_limit(world, 8))
        assert (status["phase"], status.get("candidateRevision", "")) == ("Serving", "")
        assert rejections(status) == {second: "Aborted"}
        (event,) = await told(world, "Retried")
        assert (event["type"], event["note"]) == ("Normal", f"{second} may be tried again")


async def test_request_that_cannot_be_done_is_refused_with_what_to_write(world: World) -> None:
    """An unknown revision, or nothing to abort, gives one Warning each and changes nothing else."""
    async with world.operator():
        first = await served_first(world)
        second = await rejected_second(world, "one")
        before = await world.status()
        await world.annotate(names.ANNOTATION_RETRY, "electricity-unknown@one")
        await world.until_status(lambda status: status.get("lastHandledRetry") == "electricity-unknown@one")
        await world.annotate(names.ANNOTATION_UNDO, "electricity-unknown@two")
        await world.until_status(lambda status: status.get("lastHandledUndo") == "electricity-unknown@two")
        await world.annotate(names.ANNOTATION_ABORT, "three")
        status = await world.until_status(lambda status: status["lastHandledAbort"] == "three")
        unchanged = ("phase", "stableRevision", "rejectedRevisions", "history", "trafficGeneration")
        assert {name: status[name] for name in unchanged} == {name: before[name] for name in unchanged}
        assert status["stableRevision"] == first
        refused = await told(world, "CommandRefused")
        assert {event["type"] for event in refused} == {"Warning"}
        assert sorted(event["note"] for event in refused) == [
            (
                "abort: no rollout is in progress; to leave the revision that serves, write "
                f"{names.ANNOTATION_UNDO}: REVISION@TOKEN with one of: {second}"
            ),
            (
                f"retry: 'electricity-unknown' is neither rejected nor held; rejected are: {second}; "
                f"write {names.ANNOTATION_RETRY}: REVISION@TOKEN"
            ),
            (
                f"undo: 'electricity-unknown' is no earlier revision; write {names.ANNOTATION_UNDO}: "
                f"REVISION@TOKEN with one of: {second}"
            ),
        ]


async def test_undo_goes_back_and_rejects_what_served(node: Node) -> None:
    """Traffic stays with what serves until the earlier revision has its pods, then all of it goes back."""
    world, spec = node.pods.world, {**JUDGED, "rollout": SHORT_STEP}
    async with world.operator():
        await world.apply(**spec)
        first = await candidate(world)
        await node.run(first)
        await until_phase(world, "Serving")
        await world.apply(**spec, server=server("mlserver:2"))
        second = await candidate(world)
        withdrawn_monitor = await node.run(second)
        async with node.traffic():
            await world.until_status(
                lambda status: status["stableRevision"] == second, limit_seconds=ROLLOUT_SECONDS
            )
        await node.evict(first)
        await until_phase(world, "Serving")

        await world.annotate(names.ANNOTATION_UNDO, f"{first}@one")
        status = await world.until_status(lambda status: status.get("rejectedRevisions"))
        (rejected,) = status["rejectedRevisions"]
        assert (rejected["revision"], rejected["reason"], rejected["cause"]) == (second, "Undone", "Unknown")
        assert status["lastHandledUndo"] == f"{first}@one"
        assert (status["history"][0]["action"], status["history"][0]["revision"]) == ("RolledBack", second)
        assert (status["phase"], status["stableRevision"]) == ("RollingBack", second)
        assert await selected(world) == second

        await node.run(first)
        await world.until_status(lambda status: status["stableRevision"] == first)
        await world.until(lambda: modes(withdrawn_monitor)[-1] == "Withdraw")
        await node.evict(second)
        status = await until_phase(world, "Serving")
        assert await selected(world) == first
        assert (status["stableRevision"], status.get("candidateRevision", "")) == (first, "")
        assert rejections(status) == {second: "Undone"}
        assert condition(status, "Stalled")["reason"] == "RevisionRejected"
        assert [event["type"] for event in await told(world, "Undone")] == ["Warning"]


async def test_paused_makes_no_candidate(world: World) -> None:
    """While paused a changed spec is seen but not tried; it is as soon as the pause ends."""
    async with world.operator():
        first = await served_first(world)
        made = await world.apply(server=server("mlserver:2"), paused=True)
        status = await acted_on(world, made)
        assert (status["phase"], status.get("candidateRevision", "")) == ("Serving", "")
        assert [workload["metadata"]["name"] for workload in await world.all(kinds.DEPLOYMENT)] == [first]

        await world.apply(server=server("mlserver:2"))
        second = await candidate(world)
        assert second != first
        await world.until(lambda: exists(world, second))
        assert (await world.status())["phase"] == "Starting"


async def served_first(world: World) -> str:
    """Apply the smallest deployment and have its revision serve; return which."""
    await world.apply()
    first = await candidate(world)
    await world.make_pod(first, 0, ready())
    await until_phase(world, "Serving")
    return first


async def rejected_second(world: World, token: str) -> str:
    """Apply a second revision and abort it before it has a pod; return which."""
    await world.apply(server=server("mlserver:2"))
    second = await candidate(world)
    await world.annotate(names.ANNOTATION_ABORT, token)
    status = await world.until_status(lambda status: status.get("lastHandledAbort") == token)
    assert rejections(status) == {second: "Aborted"}
    return second


async def second_with_history_limit(world: World, limit: int) -> Manifest:
    """Apply the second revision once more, with a change that makes no new one."""
    return await world.apply(server=server("mlserver:2"), revisionHistoryLimit=limit)


async def candidate(world: World) -> str:
    """Wait until there is a candidate, and return which."""
    status = await world.until_status(lambda status: status.get("candidateRevision"))
    revision: str = status["candidateRevision"]
    return revision


async def acted_on(world: World, made: Manifest) -> Manifest:
    """Wait until the status is about the spec that was applied, and return it."""
    generation = made["metadata"]["generation"]
    return await world.until_status(lambda status: status.get("observedGeneration") == generation)


async def until_phase(world: World, phase: str) -> Manifest:
    """Wait until the deployment is in a phase, and return the status."""
    return await world.until_status(lambda status: status.get("phase") == phase)


async def exists(world: World, revision: str) -> bool:
    """Return whether a revision has a workload."""
    return await world.get_or_none(kinds.DEPLOYMENT, revision) is not None


async def selected(world: World) -> str | None:
    """Return the one revision that the Service selects; None while it selects the whole deployment."""
    selector: dict[str, Any] = (await world.get(kinds.SERVICE, "electricity"))["spec"]["selector"]
    return selector.get(names.LABEL_REVISION)


async def is_split(world: World) -> bool:
    """Return whether the Service selects the pods of every revision."""
    return await selected(world) is None


async def told(world: World, reason: str) -> list[Manifest]:
    """Return the Events with a reason."""
    return [event for event in await world.everything(kinds.EVENT) if event["reason"] == reason]


def rejections(status: Manifest) -> dict[str, str]:
    """Return why each rejected revision was, by name."""
    return {rejected["revision"]: rejected["reason"] for rejected in status["rejectedRevisions"]}


def modes(monitor: FakeMonitor) -> list[str]:
    """Return the modes that a monitor was told, in order."""
    return [traffic["mode"] for traffic in monitor.told]
