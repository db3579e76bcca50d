"""The first revision of a deployment."""

from datetime import timedelta

from modelward.api.status import Cause, Phase
from modelward.decide import targets
from modelward.decide.observation import ProblemReason
from tests.unit.decide.world import World, serving


def test_first_revision_gets_all_pods_and_the_service() -> None:
    """A new deployment starts its first revision with every replica, and the Service selects it."""
    world = World()
    world.settle()
    wanted = targets(world.spec, world.status)
    assert [(p.revision, p.replicas) for p in wanted.placements] == [("m-1", 2)]
    assert wanted.selected == ("m-1",)
    assert world.status.phase is Phase.INITIALIZING


def test_first_revision_serves_when_all_pods_are_ready() -> None:
    """It is promoted when every pod is ready, and not before."""
    world = World()
    world.settle()
    world.pods("m-1", ready=1)
    assert world.settle() == []
    world.pods("m-1", ready=2)
    assert world.settle() == ["ServeFirst"]
    assert world.status.stable_revision == "m-1"
    assert world.status.history[0].action == "Promoted"
    assert world.conditions()["Ready"] == ("True", "Serving")


def test_first_revision_is_rejected_with_its_problem_after_the_deadline() -> None:
    """Pods that never become ready are the reason, in words, and nothing is tried again by itself."""
    world = World()
    world.settle()
    world.problem("m-1", ProblemReason.FETCH_FAILED, "s3://models/electricity/1 does not exist")
    assert world.settle() == []
    world.now += world.spec.rollout.progress_deadline
    assert world.settle() == ["RejectUnstartable"]
    rejected = world.status.rejected_revisions[0]
    assert (rejected.revision, rejected.reason, rejected.cause) == ("m-1", "FetchFailed", Cause.UNKNOWN)
    assert "does not exist" in rejected.message
    assert world.conditions()["Stalled"] == ("True", "RevisionRejected")
    world.pass_time(days=1)
    assert world.settle() == []
    assert targets(world.spec, world.status).placements == ()


def test_another_spec_replaces_a_first_revision_that_is_not_ready() -> None:
    """A corrected spec is taken up at once."""
    world = World()
    world.settle()
    world.wanted = "m-2"
    assert world.settle() == ["ReplaceBeforeTraffic", "Begin"]
    assert world.status.candidate_revision == "m-2"


def test_a_first_revision_starts_even_while_paused() -> None:
    """Pausing holds rollouts; a deployment that serves nothing yet is not a rollout."""
    world = serving(paused=True)
    assert world.status.phase is Phase.SERVING


def test_a_settled_deployment_is_not_written_to() -> None:
    """At rest, the same observation at a later time gives the same status, byte for byte."""
    world = serving()
    before = world.status
    world.pass_time(hours=3)
    decision = world.step()
    assert decision.rule == "Stay"
    assert decision.status == before


def test_with_no_replicas_nothing_is_rejected() -> None:
    """A deployment scaled to zero waits; there is no deadline for pods it does not want."""
    world = World()
    world.spec = world.spec.model_copy(update={"replicas": 0})
    world.settle()
    world.now += world.spec.rollout.progress_deadline + timedelta(hours=2)
    assert "RejectUnstartable" not in world.settle()
