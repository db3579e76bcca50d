"""A candidate that waits for people: whose word counts, when it is taken back, and what a no does."""

import json
import signal
from typing import Any, Final

import pytest

from modelward.control import kinds
from tests.apiserver.operators import Manifest, World, condition, ready
from tests.apiserver.people import say

pytestmark = pytest.mark.apiserver

TWO_PEOPLE: Final[Manifest] = {"gates": [{"name": "people", "approval": {"required": 2}}]}


async def awaiting(world: World, **spec: Any) -> str:
    """Apply a deployment that waits for people; return the revision when they are awaited."""
    await world.apply(**spec)
    status = await world.until_status(lambda status: status.get("candidateRevision"))
    revision: str = status["candidateRevision"]
    await world.make_pod(revision, 1, ready())
    await world.until_status(lambda status: status["phase"] == "Gating")
    return revision


def approved(status: Manifest) -> Manifest:
    """Return condition Approved; an empty one if nobody is asked."""
    found = (each for each in status.get("conditions", ()) if each["type"] == "Approved")
    return next(found, {})


def given(status: Manifest) -> str:
    """Return what status says of how many have approved."""
    (gate,) = status["gates"]
    return str(gate.get("message", ""))


async def test_no_traffic_before_a_persons_yes(world: World) -> None:
    """requireApproval.rollout holds even the first revision; who approved and why is in the record."""
    async with world.operator():
        revision = await awaiting(world, requireApproval={"rollout": True})
        status = await world.status()
        assert not status.get("traffic")
        assert (approved(status)["status"], approved(status)["reason"]) == ("False", "AwaitingApproval")
        assert revision in approved(status)["message"]
        say(world, "alice", "yes", revision=revision, reason="seen the plots")
        status = await world.until_status(lambda status: status["phase"] == "Serving")
        assert status["stableRevision"] == revision
        assert approved(status)["status"] == "True"
        assert "approved by alice: seen the plots" in approved(status)["message"]
        records = await world.get(kinds.CONFIG_MAP, "electricity-decisions")
        assert "approved by alice: seen the plots" in json.dumps(records["data"])


async def test_two_people_are_two_different_people_who_name_this_revision(world: World) -> None:
    """One person's second word, and a word on another revision, count for nothing; another person's does."""
    async with world.operator():
        revision = await awaiting(world, **TWO_PEOPLE)
        say(world, "bob", "other", revision="electricity-2222222222")
        say(world, "alice", "one", revision=revision)
        await world.until_status(lambda status: given(status).startswith("1 of 2"))
        say(world, "alice", "two", revision=revision)
        say(world, "carol", "no-word-yet", revision="electricity-3333333333")
        status = await world.until_status(lambda status: status["observedGeneration"] == 1)
        assert given(status).startswith("1 of 2")
        assert status["phase"] == "Gating"
        say(world, "bob", "yes", revision=revision)
        await world.until_status(lambda status: status["phase"] == "Serving")


async def test_a_word_that_is_taken_back_counts_no_more(world: World) -> None:
    """Also when it is taken back, and another given, while no operator runs."""
    async with world.operator() as running:
        revision = await awaiting(world, **TWO_PEOPLE)
        say(world, "alice", "one", revision=revision)
        await world.until_status(lambda status: given(status).startswith("1 of 2"))
        running.kill(signal.SIGKILL)
        await running.ended()
    await world.lease_runs_out()
    await world.delete(kinds.MODEL_APPROVAL, "one")
    say(world, "bob", "two", revision=revision)
    async with world.operator():
        await world.until_status(
            lambda status: "Serving" in status["phase"] or given(status).startswith("1 of 2")
        )
        say(world, "carol", "three", revision=revision)
        status = await world.until_status(lambda status: status["phase"] == "Serving")
        said = approved(status)["message"]
        assert "bob" in said
        assert "carol" in said
        assert "alice" not in said


async def test_a_no_outlives_its_object_and_the_operator(world: World) -> None:
    """A Veto rejects with the person's reason, whoever has approved; deleting it revokes nothing."""
    async with world.operator():
        revision = await awaiting(world, **TWO_PEOPLE)
        say(world, "alice", "yes", revision=revision)
        say(world, "carol", "no", revision=revision, decision="Veto", reason="it must not see postcodes")
        status = await world.until_status(lambda status: status.get("rejectedRevisions"))
        (rejected,) = status["rejectedRevisions"]
        assert (rejected["revision"], rejected["reason"]) == (revision, "Vetoed")
        assert "vetoed by carol: it must not see postcodes" in rejected["message"]
        assert condition(status, "Approved")["reason"] == "Vetoed"
        await world.delete(kinds.MODEL_APPROVAL, "no")
    async with world.operator():
        say(world, "bob", "yes-too", revision=revision)
        await world.apply(**TWO_PEOPLE, replicas=2)
        status = await world.until_status(lambda status: status["observedGeneration"] == 2)
        assert [each["revision"] for each in status["rejectedRevisions"]] == [revision]
        assert not status.get("candidateRevision")
