"""What becomes an Event: kind, reason, action and text, for commands and for candidates that are let go."""

from datetime import timedelta

from modelward.api.status import Cause, Phase
from modelward.decide.decision import Announcement
from modelward.decide.observation import Commands
from tests.unit.decide.world import World, serving, stepping, worse


def answered(world: World, **asked: str) -> tuple[Announcement, ...]:
    """Return what is told when a person asks for something."""
    world.commands = Commands(**asked)
    return world.step().announcements


def rejecting() -> World:
    """Build a world in which m-2 was rejected and m-1 serves again."""
    world = stepping()
    world.see(worse("m-2"))
    world.step()
    world.drain("m-2")
    world.settle()
    assert [each.revision for each in world.status.rejected_revisions] == ["m-2"]
    return world


def test_a_retry_is_told() -> None:
    """It is what was asked for, so no warning."""
    assert answered(rejecting(), retry="m-2@1") == (
        Announcement("Normal", "Retried", "Retried", "m-2 may be tried again"),
    )


def test_a_retry_of_nothing_rejected_says_what_is() -> None:
    """By name, or that there is none, and what to write."""
    told = [answered(world, retry="m-9@1") for world in (rejecting(), serving())]
    texts = [
        f"retry: 'm-9' is neither rejected nor held; rejected are: {known}; "
        "write modelward.dev/retry: REVISION@TOKEN"
        for known in ("m-2", "none")
    ]
    assert told == [(Announcement("Warning", "CommandRefused", "Refused", text),) for text in texts]


def test_an_abort_of_nothing_is_refused() -> None:
    """With a warning."""
    (told,) = answered(serving(), abort="1")
    assert (told.type, told.reason, told.action) == ("Warning", "CommandRefused", "Refused")
    assert told.message.startswith("abort: no rollout is in progress")


def test_a_replaced_candidate_is_told() -> None:
    """In history as in the Event."""
    world = stepping()
    world.wanted = "m-3"
    (told,) = world.step().announcements
    assert (told.type, told.action) == ("Normal", "Replaced")
    assert world.status.history[0].action == "Replaced"


def test_a_cause_goes_with_the_candidate_that_it_was_of() -> None:
    """What was found of a candidate that is dropped before it had traffic says nothing of what serves."""
    world = serving("m-1")
    world.wanted = "m-2"
    world.settle()
    world.status = world.status.model_copy(update={"cause": Cause.INFRASTRUCTURE})
    world.wanted = "m-3"
    world.step()
    assert world.status.history[0].action == "Replaced"
    assert world.status.cause is None


def test_a_rollout_that_goes_on_has_the_time_back_that_it_was_held() -> None:
    """Its deadline did not run meanwhile; nothing of the hold is left, and its step begins anew."""
    world = stepping()
    rollout = world.status.rollout
    assert rollout is not None
    began = world.now - timedelta(seconds=30)
    held = rollout.model_copy(
        update={
            "started_at": f"{began:%Y-%m-%dT%H:%M:%SZ}",
            "held": "BreachHolds",
            "held_since": f"{world.now:%Y-%m-%dT%H:%M:%SZ}",
        }
    )
    world.status = world.status.model_copy(update={"phase": Phase.HELD, "rollout": held})
    world.pass_time(minutes=10)
    world.let_pods_follow()
    assert world.step().rule == "Resume"
    after = world.status.rollout
    assert after is not None
    assert world.status.phase is Phase.STEPPING
    assert after.started_at == f"{began + timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}"
    assert (after.held, after.held_since) == ("", None)
    assert after.step_started_at == f"{world.now:%Y-%m-%dT%H:%M:%SZ}"
