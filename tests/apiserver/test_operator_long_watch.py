"""A revision that is breached after its promotion, on real counts in a real Prometheus."""

from collections.abc import Callable
from typing import Any

import pytest

from modelward.api.status import DecisionRecord
from modelward.control import kinds
from tests.apiserver.operators import World, condition, server
from tests.apiserver.serving_pods import OBJECTIVE, Stage

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(900)]

ROLLOUT = {"steps": [{"weight": 50, "duration": "20s", "minRequests": 20}]}
LIMIT_SECONDS = 300


async def until(world: World, is_so: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Wait for a status."""
    return await world.until_status(is_so, limit_seconds=LIMIT_SECONDS)


async def two_promoted(stage: Stage, **rollback: Any) -> tuple[str, str]:
    """Promote a second revision after a first; return both."""
    first = await _promoted(stage.world, "mlserver:1", rollback, before="")
    return first, await _promoted(stage.world, "mlserver:2", rollback, before=first)


async def _promoted(world: World, image: str, rollback: dict[str, Any], before: str) -> str:
    await world.apply(server=server(image), objectives=[OBJECTIVE], rollout=ROLLOUT, rollback=rollback)

    def is_promoted(status: dict[str, Any]) -> bool:
        return status.get("stableRevision", "") not in {"", before} and status["phase"] == "Serving"

    stable: str = (await until(world, is_promoted))["stableRevision"]
    return stable


async def records_until(world: World, last: str) -> list[DecisionRecord]:
    """Wait for the record of a decision, which follows its status; return all, oldest first."""
    kept: list[DecisionRecord] = []

    async def is_there() -> bool:
        data = (await world.get(kinds.CONFIG_MAP, "electricity-decisions"))["data"]
        kept[:] = [DecisionRecord.model_validate_json(data[key]) for key in sorted(data)]
        return kept[-1].action == last

    await world.until(is_there)
    return kept


async def test_a_promoted_revision_that_turns_bad_is_compared_and_rolled_back(stage: Stage) -> None:
    """The standby gets a share, the comparison convicts, and the record has the numbers of both."""
    world = stage.world
    async with world.operator():
        first, second = await two_promoted(stage)
        stage.bad_share[second] = 0.5
        status = await until(world, lambda status: status["phase"] == "Probing")
        assert status["control"]["revision"] == first
        status = await until(
            world, lambda status: status["stableRevision"] == first and status["phase"] == "Serving"
        )
        (rejected,) = status["rejectedRevisions"]
        assert (rejected["revision"], rejected["cause"]) == (second, "Model")
        assert f"while {first} had 0 of" in rejected["message"]
        assert stage.pods.told(second)[-1] == "Withdraw"
        kept = await records_until(world, "RolledBack")
    actions = ["Promoted", "StepEnded", "Promoted", "Probing", "RolledBack"]
    assert [each.action for each in kept] == actions
    assert kept[-1] == DecisionRecord.model_validate(status["lastDecision"])
    line = next(each for each in kept[-1].evidence if each.revision == second)
    assert (line.compared_with, line.others_bad[:5]) == (first, "0 of ")


async def test_slow_storage_rolls_nothing_back_and_recovers(stage: Stage) -> None:
    """Only what came on slow storage is bad, of both: the share returns, and that is said until its end."""
    world = stage.world
    async with world.operator():
        first, second = await two_promoted(stage)
        stage.storage_when_bad = "slow"
        stage.bad_share = {first: 0.3, second: 0.3}
        await until(world, lambda status: status["phase"] == "Probing")
        status = await until(world, lambda status: status["phase"] == "Serving")
        assert (status["incident"]["reason"], status["cause"]) == (
            "InfrastructureSuspected",
            "Infrastructure",
        )
        assert "storage was slow for both" in status["incident"]["message"]
        assert condition(status, "ObjectivesMet")["reason"] == "InfrastructureSuspected"
        assert [share["revision"] for share in status["traffic"]] == [second]
        stage.bad_share.clear()
        status = await until(world, lambda status: not status.get("incident"))
        assert (status["stableRevision"], status.get("rejectedRevisions", [])) == (second, [])
        kept = await records_until(world, "Recovered")
        assert [each.action for each in kept][-3:] == ["Probing", "Stayed", "Recovered"]


async def test_slow_reads_of_its_own_are_rolled_back(stage: Stage) -> None:
    """A revision that says that storage is slow is at fault if the other does not find it so."""
    world = stage.world
    async with world.operator():
        first, second = await two_promoted(stage)
        stage.storage_when_bad = "slow"
        stage.bad_share[second] = 0.3
        status = await until(
            world, lambda status: status["stableRevision"] == first and status["phase"] == "Serving"
        )
        (rejected,) = status["rejectedRevisions"]
        assert (rejected["revision"], rejected["cause"]) == (second, "Model")


async def test_a_spent_budget_stays_where_it_is(stage: Stage) -> None:
    """No rollback is allowed: the breach is borne, the deployment stalls, and traffic stays."""
    world = stage.world
    async with world.operator():
        _, second = await two_promoted(stage, budget={"max": 0})
        stage.bad_share[second] = 1.0
        status = await until(
            world, lambda status: condition(status, "Stalled").get("reason") == "RollbackBudgetExhausted"
        )
        assert (status["stableRevision"], status["phase"]) == (second, "Serving")
        assert status.get("control") is None
        events = {event["reason"] for event in await world.everything(kinds.EVENT)}
    assert "RollbackBudgetExhausted" in events
