"""One decision: try the transition table, then bring the summary and the conditions up to date."""

from datetime import datetime, timedelta

from modelward.api.spec import ModelDeploymentSpec
from modelward.api.status import ModelDeploymentStatus, Phase
from modelward.conventions import BLOCK_SECONDS
from modelward.decide.bound import bounded
from modelward.decide.clock import elapsed, read, stamp
from modelward.decide.conditions import with_conditions
from modelward.decide.decision import Announcement, Decision
from modelward.decide.gates import times_out_in, with_words
from modelward.decide.incident import LOOK_AGAIN, with_doubt
from modelward.decide.observation import Observation
from modelward.decide.placement import targets
from modelward.decide.probe import with_control_readiness
from modelward.decide.record import record
from modelward.decide.situation import Situation, is_split
from modelward.decide.steps import with_pause
from modelward.decide.summary import summarized
from modelward.decide.transitions import first_that_fires
from modelward.decide.withdrawal import FULL_CAPACITY_WAIT, UNREADABLE_WAIT

STAY = "Stay"
"""Rule name of a decision in which no row of the table fired."""


def decide(
    spec: ModelDeploymentSpec, status: ModelDeploymentStatus, observation: Observation, now: datetime
) -> Decision:
    """Return what follows from what was seen: at most one transition, and a status that says so.

    Args:
        spec: what the team asks for.
        status: the last status written.
        observation: everything seen in this reconcile.
        now: the time, with a time zone.
    """
    situation = Situation(spec, status, observation, now)
    rule, after = STAY, status
    announcements: tuple[Announcement, ...] = ()
    if fired := first_that_fires(situation):
        row, finding = fired
        change = row.change(situation, finding)
        rule, after, announcements = row.name, change.status, change.announcements
        if change.entry:
            newest = record(situation, rule, finding, change.entry)
            after = after.model_copy(update={"last_decision": newest})
    after = _with_readiness(Situation(spec, after, observation, now))
    after = with_pause(Situation(spec, after, observation, now))
    after = with_doubt(Situation(spec, after, observation, now))
    after = with_words(Situation(spec, after, observation, now))
    if targets(spec, after).routing != targets(spec, status).routing:
        after = after.model_copy(update={"traffic_generation": status.traffic_generation + 1})
    after = bounded(with_conditions(situation, summarized(situation, after)))
    return Decision(after, rule, announcements, _look_again_after(Situation(spec, after, observation, now)))


def _with_readiness(situation: Situation) -> ModelDeploymentStatus:
    """Return the status with the times since when the candidate or the control lacks pods that it needs."""
    status = with_control_readiness(situation)
    if status.rollout is None:
        return status
    since = None if situation.candidate_is_up else status.rollout.unready_since or stamp(situation.now)
    return status.model_copy(update={"rollout": status.rollout.model_copy(update={"unready_since": since})})


def _look_again_after(situation: Situation) -> timedelta | None:
    """Return the time until the next moment at which the passing of time alone may change the decision."""
    spec, status, now = situation.spec, situation.status, situation.now
    waits: list[timedelta] = []
    if status.withdrawal:
        waits.append(timedelta(seconds=BLOCK_SECONDS))
        waits += [
            wait - elapsed(status.withdrawal.started_at, now)
            for wait in (FULL_CAPACITY_WAIT, UNREADABLE_WAIT, spec.rollout.progress_deadline)
        ]
    if status.rollout and status.phase not in {Phase.HELD, Phase.GATING}:
        waits.append(spec.rollout.deadline - situation.since_rollout_began())
    if status.rollout and status.rollout.unready_since:
        waits.append(spec.rollout.progress_deadline - elapsed(status.rollout.unready_since, now))
    if is_split(status):
        waits.append(situation.step.duration - situation.since_step_began())
    if status.control and not status.control.shared_at:
        waits.append(FULL_CAPACITY_WAIT - elapsed(status.control.started_at, now))
    if status.control:
        away = (status.control.unready_since, status.control.alone_since)
        waits += [spec.rollout.progress_deadline - elapsed(since, now) for since in away if since]
    if status.control and status.control.shared_at:
        since = max(status.control.shared_at, status.control.started_at)
        waits.append(spec.rollback.probe.duration - elapsed(since, now))
    waits += times_out_in(situation)
    if status.incident:
        waits.append(LOOK_AGAIN)
    if status.standby_revision and status.standby_until:
        waits.append(read(status.standby_until) - now)
    ahead = [wait for wait in waits if wait > timedelta(0)]
    return min(ahead) + timedelta(seconds=1) if ahead else None
