"""When a decision is looked at again: a second after the next moment at which time alone may change it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from modelward.evidence.verdict import Verdict
from tests.unit.decide.world import World, breached, probing, promoted, serving, stepping, worse

MARGIN = timedelta(seconds=1)


def starting() -> World:
    """Build a world in which m-2 has no pod yet."""
    world = serving()
    world.wanted = "m-2"
    world.settle()
    return world


def silent() -> World:
    """Build a world in which m-2 has a share, and no step can end for want of data."""
    world = stepping()
    world.evidence.pop(("m-2", "accuracy"))
    return world


def withdrawn() -> World:
    """Build a world in which m-2 loses its traffic, and its monitors cannot be read."""
    world = stepping()
    world.see(worse("m-2"))
    assert world.step().rule == "RejectCandidate"
    return world


def waiting_for_a_control() -> World:
    """Build a world in which m-2 is to be compared with m-1, which has lost its pods."""
    world = promoted()
    world.pods("m-1", ready=0)
    world.see(breached("m-2"))
    assert world.step().rule == "Probe"
    return world


def left_by_stable() -> World:
    """Build a world in which only the control of a probe has pods."""
    world = probing(rollback={"probe": {"duration": "1h"}})
    world.pods("m-2", ready=0)
    return world


def bearing() -> World:
    """Build a world in which m-1 is breached and there is nothing to go back to."""
    world = serving()
    world.see(breached("m-1"))
    assert world.settle() == ["BearBreach"]
    return world


@pytest.mark.parametrize(
    ("world", "seconds_later", "seconds_left"),
    [
        (starting, 4 * 60, 6 * 60),
        (stepping, 2 * 60, 3 * 60),
        (silent, 58 * 60, 2 * 60),
        (withdrawn, 0, 5),
        (withdrawn, 28, 2),
        (withdrawn, 118, 2),
        (promoted, 20 * 60 - 20, 40 * 60),  # Traffic took 20 s to move.
        (waiting_for_a_control, 10, 20),
        (waiting_for_a_control, 40, 10 * 60 - 40),
        (probing, 60, 9 * 60),
        (left_by_stable, 0, 10 * 60),
        (bearing, 0, 30),
    ],
)
def test_the_next_look_is_when_time_alone_may_change_something(
    world: Callable[[], World], seconds_later: int, seconds_left: int
) -> None:
    """A step, a deadline, a wait for pods or counters, a probe, an incident or a standby: what is next."""
    seen = world()
    seen.step()
    seen.pass_time(seconds=seconds_later)
    decision = seen.step()
    assert decision.rule == "Stay"
    assert decision.look_again_after == timedelta(seconds=seconds_left) + MARGIN


def test_time_changes_nothing_at_rest() -> None:
    """Nor for a rollout that is held at its deadline: a person decides."""
    assert serving().step().look_again_after is None
    held = silent()
    held.pass_time(hours=1)
    assert held.settle() == ["HoldAtDeadline"]
    assert held.step().look_again_after is None


def test_a_held_rollout_has_no_deadline() -> None:
    """While slow storage holds it, only its step goes on; that is looked at again, the deadline is not."""
    world = stepping()
    world.see(*(replace(breached(each), target=Verdict.BREACHED) for each in ("m-1", "m-2")))
    assert world.settle() == ["HoldOnBreach"]
    world.pass_time(minutes=30)
    assert world.step().look_again_after is None
