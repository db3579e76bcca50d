"""People and rollbacks, on real counts in a real Prometheus: a yes that is awaited, and a no in a move."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from modelward.control import kinds
from tests.apiserver.operators import Manifest, World, condition, server
from tests.apiserver.people import say
from tests.apiserver.serving_pods import OBJECTIVE, Stage

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(900)]

ROLLOUT: Final = {"steps": [{"weight": 50, "duration": "20s", "minRequests": 20}]}
ASKED: Final[Manifest] = {
    "rollback": {"onUnknownCause": "Rollback"},
    "requireApproval": {"rollback": True},
}
"""Nothing explains the breach, so that spec alone says that going back is the answer, and who is asked."""
LIMIT_SECONDS: Final = 300


async def until(world: World, holds: Callable[[Manifest], Any]) -> Manifest:
    """Wait until something holds of the status, and return that."""
    return await world.until_status(holds, limit_seconds=LIMIT_SECONDS)


async def promoted(world: World, image: str, before: str = "") -> str:
    """Apply a revision and wait until it serves alone; return it."""
    await world.apply(server=server(image), objectives=[OBJECTIVE], rollout=ROLLOUT, **ASKED)

    def is_so(status: Manifest) -> bool:
        return status.get("stableRevision", "") not in {"", before} and status["phase"] == "Serving"

    stable: str = (await until(world, is_so))["stableRevision"]
    return stable


def approved(status: Manifest) -> str:
    """Return the reason of condition Approved, if it is False."""
    found = condition(status, "Approved")
    return str(found["reason"]) if found.get("status") == "False" else ""


async def retried(world: World, revision: str) -> None:
    """Ask for a retry until it is taken: the operator may hear of it before the deletion of a Veto."""
    asked = ""

    def is_answered(status: Manifest) -> bool:
        return bool(status["lastHandledRetry"] == asked)

    for token in range(1, 100):
        asked = f"{revision}@{token}"
        await world.annotate("modelward.dev/retry", asked)
        status = await until(world, is_answered)
        if not status.get("rejectedRevisions"):
            return
    raise AssertionError(f"{revision} is still rejected")


async def test_a_rollback_waits_for_a_persons_yes(stage: Stage) -> None:
    """Traffic stays until then, and where it would go is told; a no keeps it from there, a yes moves it."""
    world = stage.world
    async with world.operator():
        first = await promoted(world, "mlserver:1")
        second = await promoted(world, "mlserver:2", before=first)
        say(world, "alice", "too-early", revision=first)
        stage.bad_share[second] = 0.5
        status = await until(world, lambda status: approved(status) == "AwaitingRollbackApproval")
        told = f"apply a ModelApproval with revision: {first} and decision: Approve"
        assert told in condition(status, "Approved")["message"]
        assert (status["stableRevision"], status["incident"]["goBackTo"]) == (second, first)
        assert [share["revision"] for share in status["traffic"]] == [second]
        events = [each for each in await world.everything(kinds.EVENT) if told in each.get("note", "")]
        assert [(each["reason"], each["type"]) for each in events] == [
            ("AwaitingRollbackApproval", "Warning")
        ]

        say(world, "carol", "no", revision=first, decision="Veto", reason="it was worse")
        status = await until(world, lambda status: status["incident"]["reason"] == "NothingToGoBackTo")
        assert status["stableRevision"] == second
        assert [each["revision"] for each in status["rejectedRevisions"]] == [first]

        await world.delete(kinds.MODEL_APPROVAL, "no")
        await retried(world, first)
        await until(world, lambda status: approved(status) == "AwaitingRollbackApproval")
        say(world, "bob", "yes", revision=first, reason="it was better")
        status = await until(
            world, lambda status: status["stableRevision"] == first and status["phase"] == "Serving"
        )
        (rejected,) = status["rejectedRevisions"]
        assert rejected["revision"] == second
        assert "approved by bob: it was better" in rejected["message"]
        assert "alice" not in rejected["message"]
        assert stage.pods.told(second)[-1] == "Withdraw"
        records = (await world.get(kinds.CONFIG_MAP, "electricity-decisions"))["data"]
        assert "approved by bob: it was better" in json.dumps(records)


async def test_a_no_turns_traffic_back_that_is_on_its_way(stage: Stage) -> None:
    """A revision that is vetoed while it is promoted is left at once for the one that was withdrawn."""
    world = stage.world
    async with world.operator():
        first = await promoted(world, "mlserver:1")
        await world.apply(server=server("mlserver:2"), objectives=[OBJECTIVE], rollout=ROLLOUT, **ASKED)
        status = await until(world, lambda status: status.get("withdrawal"))
        second = status["stableRevision"]
        assert (status["phase"], status["withdrawal"]["revision"]) == ("Promoting", first)
        say(world, "carol", "no", revision=second, decision="Veto", reason="biased")
        status = await until(world, lambda status: status.get("rejectedRevisions"))
        assert (status["phase"], status["stableRevision"]) == ("RollingBack", first)
        assert status["withdrawal"]["revision"] == second
        await until(world, lambda status: status["phase"] == "Serving")
        selector = (await world.get(kinds.SERVICE, "electricity"))["spec"]["selector"]
        assert selector["modelward.dev/revision"] == first
        assert stage.pods.told(first)[2:4] == ["Withdraw", "Serve"]
        assert stage.pods.told(second)[-1] == "Withdraw"
