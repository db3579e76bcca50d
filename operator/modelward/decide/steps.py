"""The steps of a rollout: begun, passed, ended without a verdict, held, and gone on with."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from modelward.api.spec import OnInconclusive
from modelward.api.status import ModelDeploymentStatus, Phase, RolloutStatus
from modelward.decide.change import Change, changed, entry_of, recorded
from modelward.decide.clock import elapsed, read, stamp
from modelward.decide.decision import Announcement
from modelward.decide.findings import Finding
from modelward.decide.handover import reject
from modelward.decide.judgement import SUSPECTED, lasting_cause
from modelward.decide.situation import Situation

DEADLINE_RUNS: Final = (Phase.STARTING, Phase.STEPPING, Phase.PROMOTING)
"""Phases in which a rollout's deadline runs."""


def next_step(situation: Situation, finding: Finding) -> Change:
    """Begin the next step, or promote after the last."""
    rollout = situation.status.rollout
    assert rollout is not None  # noqa: S101 - the table calls this only in phases that have a rollout
    following = rollout.step + 1
    is_last = following >= len(situation.spec.rollout.steps)
    status = changed(
        situation.status,
        phase=Phase.PROMOTING if is_last else Phase.STEPPING,
        rollout=rollout.model_copy(
            update={
                "step": rollout.step if is_last else following,
                "step_started_at": stamp(situation.now),
                "held": "",
                "held_since": None,
            }
        ),
    )
    action = "Promoting" if is_last else f"Step {following + 1} of {len(situation.spec.rollout.steps)}"
    return Change(status, (Announcement("Normal", finding.reason, action, finding.message),))


def pass_step(situation: Situation, finding: Finding) -> Change:
    """Begin the next step, or promote after the last; the numbers at the end of this one are recorded."""
    return replace(next_step(situation, finding), entry=entry_of(situation, "StepEnded", finding))


def end_inconclusive(situation: Situation, finding: Finding) -> Change:
    """Follow spec.rollout.onInconclusive."""
    policies = {
        OnInconclusive.PROMOTE: _pass_inconclusive,
        OnInconclusive.HOLD: hold,
        OnInconclusive.ROLLBACK: reject,
    }
    return policies[situation.spec.rollout.on_inconclusive](situation, finding)


def _pass_inconclusive(situation: Situation, finding: Finding) -> Change:
    """Go on as after a step that was passed, and count it."""
    change = pass_step(situation, finding)
    before, after = situation.status.rollout, change.status.rollout
    assert before is not None  # noqa: S101 - the table calls this only in phases that have a rollout
    assert after is not None  # noqa: S101 - the next step keeps the rollout
    # The last step ends twice where the rollout is held after its end: no more have ended than were begun.
    inconclusive = min(before.inconclusive_steps + 1, before.step + 1)
    counted = after.model_copy(update={"inconclusive_steps": inconclusive})
    return replace(change, status=changed(change.status, rollout=counted))


def hold(situation: Situation, finding: Finding) -> Change:
    """Stop the rollout where it is until a person decides or the reason is gone."""
    rollout = situation.status.rollout
    assert rollout is not None  # noqa: S101 - the table calls this only in phases that have a rollout
    status = changed(
        situation.status,
        phase=Phase.HELD,
        rollout=without_gating_time(rollout, situation.now).model_copy(
            update={"held": finding.reason, "held_since": stamp(situation.now)}
        ),
        cause=finding.cause if finding.reason in SUSPECTED.values() else situation.status.cause,
    )
    return recorded(situation, status, "Held", finding, "Warning")


def explain_hold(situation: Situation, finding: Finding) -> Change:
    """Say what the rollout is held for; it waits as before."""
    rollout = situation.status.rollout
    assert rollout is not None  # noqa: S101 - the table calls this only in phases that have a rollout
    status = changed(
        situation.status, rollout=rollout.model_copy(update={"held": finding.reason}), cause=finding.cause
    )
    return recorded(situation, status, "Held", finding, "Warning")


def resume(situation: Situation, finding: Finding) -> Change:
    """Go on with a held rollout; its step starts over, and its deadline is put off by the time held."""
    rollout = situation.status.rollout
    assert rollout is not None  # noqa: S101 - the table calls this only in phases that have a rollout
    has_traffic = rollout.step >= 0
    held = elapsed(rollout.held_since, situation.now)
    before_traffic = Phase.STARTING if situation.status.stable_revision else Phase.INITIALIZING
    status = changed(
        situation.status,
        phase=Phase.STEPPING if has_traffic else before_traffic,
        rollout=rollout.model_copy(
            update={
                "held": "",
                "held_since": None,
                "started_at": stamp(read(rollout.started_at) + held),
                "step_started_at": stamp(situation.now) if has_traffic else None,
            }
        ),
    )
    return recorded(situation, changed(status, cause=lasting_cause(status)), "Resumed", finding)


def without_gating_time(rollout: RolloutStatus, now: datetime) -> RolloutStatus:
    """Return a rollout that waits for no gates any more; its deadline is put off by the time they took."""
    if rollout.gating_since is None:
        return rollout
    began = stamp(read(rollout.started_at) + elapsed(rollout.gating_since, now))
    return rollout.model_copy(update={"started_at": began, "gating_since": None})


def with_pause(situation: Situation) -> ModelDeploymentStatus:
    """Return the status with the time since when spec keeps its rollout from going on.

    Once it may go on, or its deadline does not run for another reason, the deadline is put off by that time.
    """
    status, rollout = situation.status, situation.status.rollout
    if rollout is None:
        return status
    if situation.stands_still and status.phase in DEADLINE_RUNS:
        paused = rollout.model_copy(update={"paused_since": rollout.paused_since or stamp(situation.now)})
        return changed(status, rollout=paused)
    began = read(rollout.started_at) + elapsed(rollout.paused_since, situation.now)
    running = rollout.model_copy(update={"started_at": stamp(began), "paused_since": None})
    return changed(status, rollout=running)
