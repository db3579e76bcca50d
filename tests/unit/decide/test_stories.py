"""Whole stories, decision by decision: the rule, what becomes an Event, and what changes in status.

They are written down in stories/: write them with UPDATE_GOLDEN=1, then read the difference.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from modelward.api.gateverdict import ErrorReason, Result
from modelward.api.status import ModelDeploymentStatus
from modelward.decide.observation import (
    Commands,
    MetricsState,
    PodPressure,
    PressureKind,
    Problem,
    ProblemReason,
)
from modelward.evidence.verdict import Verdict
from tests.unit.decide.world import (
    NOISE,
    World,
    breached,
    gated,
    gating,
    promoted,
    serving,
    spec_of,
    stepping,
    worse,
)

OBJECTIVES = [
    {"name": "availability", "availability": {}, "target": "99%"},
    {"name": "storage", "storage": {"within": "300ms"}, "target": "99%", "onBreach": "Hold"},
]
COLD = {"standby": {"replicas": "0%"}, "steps": [{"weight": 50, "duration": "1m"}]}
HOLDBACK = {"steps": [{"weight": 50, "duration": "1m"}], "holdback": "10%", "deadline": "1h"}


def follow(world: World, *, rounds: int = 4) -> None:
    """Let pods do as they are told, and decide, some times."""
    for _ in range(rounds):
        world.settle()
        world.let_pods_follow()
    world.settle()


def a_rollout_that_ends_well() -> World:
    """The first revision serves; a second passes a step, ends one without a verdict, and is promoted."""
    world = serving()
    world.wanted = "m-2"
    follow(world)
    world.all_healthy("m-1", "m-2", not_worse=True)
    world.step()
    world.all_healthy("m-2", not_worse=False)
    world.pass_time(minutes=5)
    follow(world)
    world.drain("m-1")
    world.pass_time(hours=1)
    follow(world)
    return world


def a_second_rollout_while_a_standby_is_kept() -> World:
    """Its standby makes room; the rollout takes too long, is tried again, and spec changes its mind."""
    world = promoted()
    world.decisions.clear()
    world.wanted = "m-3"
    follow(world)
    world.all_healthy("m-2", "m-3")
    world.evidence.pop(("m-3", "accuracy"))
    world.pass_time(hours=1)
    world.step()
    world.commands = Commands(retry="m-3@1")
    world.step()
    world.wanted = "m-4"
    world.step()
    world.drain("m-3")
    return world


def a_spec_that_asks_for_the_standby() -> World:
    """It is the candidate like any other, and no standby any more; put back, it is dropped."""
    world = promoted()
    world.decisions.clear()
    world.wanted = "m-1"
    world.step()
    world.wanted = "m-2"
    world.settle()
    return world


def a_breach_after_a_promotion() -> World:
    """The standby gets a share, the breached revision is worse, and its monitors cannot be read."""
    world = promoted()
    world.decisions.clear()
    world.see(breached("m-2"))
    follow(world)
    world.see(replace(worse("m-2"), target=Verdict.BREACHED, target_log_evidence=16.0))
    world.step()
    world.let_pods_follow()
    world.pods("m-2", requests=None)
    world.pass_time(minutes=2)
    follow(world)
    return world


def a_breach_without_a_standby() -> World:
    """Pods of the last good revision start first; the team asks to go back at once."""
    world = promoted(rollout=COLD, rollback={"onUnknownCause": "Rollback"})
    world.decisions.clear()
    world.let_pods_follow()
    world.see(breached("m-2"))
    follow(world)
    return world


def a_revision_to_go_back_to_that_cannot_start() -> World:
    """It is rejected too, and what answers stays."""
    world = promoted(rollout=COLD, rollback={"onUnknownCause": "Rollback"})
    world.decisions.clear()
    world.let_pods_follow()
    world.see(breached("m-2"))
    world.settle()
    world.pods("m-1", ready=0, pods=1, problem=Problem(ProblemReason.FETCH_FAILED, "no such object"))
    world.now += world.spec.rollout.progress_deadline
    world.settle()
    return world


def a_target_that_says_nothing() -> World:
    """No pod of the revision to go back to says why it is not ready."""
    world = promoted(rollout=COLD, rollback={"onUnknownCause": "Rollback"})
    world.decisions.clear()
    world.let_pods_follow()
    world.see(breached("m-2"))
    world.settle()
    world.pods("m-1", ready=0, pods=1)
    world.now += world.spec.rollout.progress_deadline
    world.settle()
    return world


def a_node_that_is_too_small_for_both() -> World:
    """Pods of both are throttled and both are late: the rollout waits, and goes on when they are not."""
    world = stepping(objectives=[{"name": "latency", "latency": {"within": "200ms"}, "target": "99%"}])
    world.decisions.clear()
    world.see(breached("m-1", "latency"), breached("m-2", "latency"))
    world.pressures = tuple(PodPressure(f"m-{n}", PressureKind.THROTTLED, 0.3 + n / 10) for n in (1, 2))
    world.settle()
    world.all_healthy("m-1", "m-2")
    world.pressures = ()
    world.pass_time(minutes=5)
    world.settle()
    return world


def a_control_that_cannot_start() -> World:
    """Nothing says why, so that is what is said."""
    world = promoted()
    world.decisions.clear()
    world.pods("m-1", ready=0)
    world.see(breached("m-2"))
    world.step()
    world.now += world.spec.rollout.progress_deadline
    world.settle()
    return world


def a_holdback_that_spec_ends() -> World:
    """The old revision keeps a share until spec asks for none, and what has no pods is gone at once."""
    world = promoted(rollout=HOLDBACK)
    world.decisions.clear()
    without = world.spec.rollout.model_copy(update={"holdback": None})
    world.spec = world.spec.model_copy(update={"rollout": without})
    world.step()
    world.let_pods_follow()
    world.pods("m-1", ready=0, pods=0)
    follow(world)
    return world


def a_breach_of_both() -> World:
    """The rollout waits and goes on by itself."""
    world = stepping(objectives=OBJECTIVES)
    world.decisions.clear()
    world.see(breached("m-1"), breached("m-2"))
    world.settle()
    world.all_healthy("m-1", "m-2")
    world.settle()
    return world


def a_first_revision_that_never_starts() -> World:
    """Nothing serves, so there is nothing to undo; another spec is taken up."""
    world = World()
    world.settle()
    world.commands = Commands(undo="m-0@1")
    world.step()
    world.problem("m-1", ProblemReason.UNSCHEDULABLE, "no node fits")
    world.now += world.spec.rollout.progress_deadline
    world.settle()
    return world


def a_person_who_asks_for_what_cannot_be() -> World:
    """Each time it is said why not, and what to write."""
    world = stepping()
    world.decisions.clear()
    world.commands = Commands(undo="m-1@1")
    world.step()
    world.commands = Commands(abort="now")
    world.step()
    world.drain("m-2")
    world.commands = Commands(abort="now", undo="m-9@1")
    world.settle()
    return world


def a_deployment_without_replicas() -> World:
    """Traffic that should move has no pods to wait for."""
    world = stepping()
    world.decisions.clear()
    world.see(worse("m-2"))
    world.pods("m-1", ready=0)
    world.step()
    world.spec = world.spec.model_copy(update={"replicas": 0})
    world.settle()
    return world


def a_probe_that_outlasts_an_outage() -> World:
    """It goes on when they are back, and the breach is over."""
    world = promoted()
    world.decisions.clear()
    world.see(breached("m-2"))
    world.settle()
    world.let_pods_follow()
    world.metrics = MetricsState.UNAVAILABLE
    world.pass_time(minutes=1)
    world.settle()
    world.metrics = MetricsState.AVAILABLE
    world.all_healthy("m-1", "m-2")
    world.settle()
    world.drain("m-1")
    return world


def a_target_with_half_of_its_pods() -> World:
    """Half the pods are enough after half a minute."""
    world = promoted(rollout={**COLD, "progressDeadline": "10m"}, rollback={"onUnknownCause": "Rollback"})
    world.decisions.clear()
    world.let_pods_follow()
    world.see(breached("m-2"))
    world.settle()
    world.pods("m-1", ready=1)
    world.now += timedelta(seconds=30)
    world.settle()
    return world


GATES = (
    {"name": "data", "dataQuality": {}},
    {"name": "calm", **NOISE},
    {"name": "people", "approval": {"required": 2}},
)


def a_candidate_that_fails_a_gate() -> World:
    """One gate's Job is evicted and passes at its second try, another fails: it never has traffic."""
    world = gating(*GATES)
    world.decisions.clear()
    world.gate_says("data", Result.ERROR, ErrorReason.EVICTED, "the node was full")
    world.settle()
    world.gate_says("data", Result.PASSED, message="all 3 checks passed")
    world.gate_says("calm", Result.FAILED, message="noise 0.1 flips 31%, at most 5% is asked for")
    world.settle()
    return world


def a_candidate_that_two_people_approve_and_one_vetoes() -> World:
    """It passes its gates, is held until the second person says yes, serves, and is rolled back."""
    world = gating(*GATES)
    world.decisions.clear()
    for name in ("data", "calm"):
        world.gate_says(name, Result.PASSED)
    world.says("Approve", "m-2", "alice", "better on every slice")
    world.settle()
    world.pass_time(days=7)
    world.settle()
    world.says("Approve", "m-2", "bob", "agreed")
    world.settle()
    world.all_healthy("m-1", "m-2", not_worse=True)
    follow(world, rounds=8)
    world.drain("m-1")
    world.pass_time(minutes=10)
    world.says("Veto", "m-2", "carol", "a customer complained")
    follow(world)
    world.drain("m-2")
    return world


def a_first_revision_with_gates() -> World:
    """No client reaches it before."""
    world = World(spec=spec_of(**gated(GATES[1])))
    follow(world)
    world.gate_says("calm", Result.PASSED)
    follow(world)
    return world


STORIES = (
    a_candidate_that_fails_a_gate,
    a_candidate_that_two_people_approve_and_one_vetoes,
    a_first_revision_with_gates,
    a_rollout_that_ends_well,
    a_second_rollout_while_a_standby_is_kept,
    a_spec_that_asks_for_the_standby,
    a_breach_after_a_promotion,
    a_breach_without_a_standby,
    a_revision_to_go_back_to_that_cannot_start,
    a_target_that_says_nothing,
    a_control_that_cannot_start,
    a_node_that_is_too_small_for_both,
    a_holdback_that_spec_ends,
    a_breach_of_both,
    a_first_revision_that_never_starts,
    a_person_who_asks_for_what_cannot_be,
    a_deployment_without_replicas,
    a_probe_that_outlasts_an_outage,
    a_target_with_half_of_its_pods,
)


def lines_of(world: World) -> Iterator[str]:
    """Yield what was decided, leaving out where nothing was told and nothing changed."""
    for now, before, decision in world.decisions:
        old, new = dict(facts_of(before)), dict(facts_of(decision.status))
        changes = [
            f"  {name}: {old.get(name, '-')} -> {new.get(name, '-')}"
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]
        if changes or decision.announcements:
            yield f"{now:%H:%M:%S} {decision.rule}"
        for told in decision.announcements:
            yield f"  {told.type} Event {told.reason} ({told.action}) {told.message}"
        yield from changes


def facts_of(status: ModelDeploymentStatus) -> Iterator[tuple[str, str]]:
    """Yield each value with its place; of conditions not since when, and nothing of records."""
    for condition in status.conditions:
        said = f"{condition.status} {condition.reason} {condition.message}"
        yield f"condition {condition.type}", said.rstrip()
    for each in status.objectives:
        said = f"{each.verdict}, {each.good} of {each.total}, {each.evidence}"
        yield f"objective {each.name} of {each.revision}", said
    left = status.model_dump(
        mode="json", exclude_none=True, exclude={"conditions", "objectives", "history", "last_decision"}
    )
    yield from values("", left)


def values(name: str, found: object) -> Iterator[tuple[str, str]]:
    """Yield the values within a value, each with its place; what is empty is left out."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from values(f"{name}.{key}".removeprefix("."), value)
    elif isinstance(found, list):
        for number, value in enumerate(found):
            yield from values(f"{name}[{number}]", value)
    elif found != "":
        yield name, str(found)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_story_goes_as_written(story: Callable[[], World]) -> None:
    """Every rule, Event and change of status, in order and with its time."""
    file = Path(__file__).with_name("stories") / f"{story.__name__}.txt"
    told = "".join(f"{line}\n" for line in lines_of(story()))
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(told)
    assert told == file.read_text()
