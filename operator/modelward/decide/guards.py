"""The questions of the transition table. Each returns the finding that makes its row fire, or None."""

from datetime import timedelta

from modelward.api.spec import Objective, OnBreach
from modelward.api.status import Cause
from modelward.decide.clock import elapsed, read
from modelward.decide.findings import Finding, against_stable, against_target
from modelward.decide.moves import is_due_for_reading
from modelward.decide.observation import Problem, ProblemReason
from modelward.decide.situation import Situation
from modelward.evidence.ledger import Assessment

FULL_CAPACITY_WAIT = timedelta(seconds=30)
"""How long a rollback waits for every pod of its target; after that one ready pod is enough."""
UNREADABLE_WAIT = timedelta(minutes=2)
"""How long a withdrawal waits for monitors that cannot be read."""
_UNCHANGED_READINGS = 2

_ALWAYS = Finding("", "")


# Traffic on its way


def target_can_serve(situation: Situation) -> Finding | None:
    """Has the revision gone back to enough pods to take the traffic?"""
    moving = situation.status.withdrawal
    if moving is None or moving.switched:
        return None
    ready = situation.pods(moving.to).ready
    waited = elapsed(moving.started_at, situation.now)
    if ready >= max(1, situation.spec.replicas) or (ready > 0 and waited >= FULL_CAPACITY_WAIT):
        return Finding(
            "TrafficSwitched", f"{ready} of {situation.spec.replicas} pods of {moving.to} are ready"
        )
    return None


def withdrawal_is_over(situation: Situation) -> Finding | None:
    """Has the withdrawn revision stopped answering requests?"""
    moving = situation.status.withdrawal
    if moving is None or not moving.switched:
        return None
    pods = situation.pods(moving.revision)
    waited = elapsed(moving.started_at, situation.now)
    if pods.pods == 0:
        return Finding("TrafficMoved", f"{moving.revision} has no pods left", moving.revision)
    if moving.unchanged_readings >= _UNCHANGED_READINGS:
        return Finding("TrafficMoved", f"{moving.revision} answers no requests any more", moving.revision)
    if pods.requests is None and waited >= UNREADABLE_WAIT:
        minutes = UNREADABLE_WAIT // timedelta(minutes=1)
        message = (
            f"its monitors could not be read for {minutes} minutes; the Service has not selected it since"
        )
        return Finding("TrafficMoved", f"{moving.revision}: {message}", moving.revision)
    return None


def counter_was_read(situation: Situation) -> Finding | None:
    """Is there a new reading of the withdrawn revision's request counter?"""
    moving = situation.status.withdrawal
    if moving is None or not moving.switched or not is_due_for_reading(situation):
        return None
    pods = situation.pods(moving.revision)
    informed = pods.informed_generation >= situation.status.traffic_generation
    return _ALWAYS if pods.requests is not None and informed else None


# The serving revision


def stable_must_go(situation: Situation) -> Finding | None:
    """Is the serving revision breached, or named by an alert, with a good one to go back to?"""
    stable = situation.status.stable_revision
    if not stable or not situation.last_good:
        return None
    if alert := situation.alert_against(stable):
        return Finding("AlertFiring", f"alert {alert.name} since {alert.started_at:%H:%M:%S}Z", stable)
    if not situation.metrics_are_available:
        return None
    breaches = situation.breaches(stable, OnBreach.ROLLBACK)
    if not breaches:
        return None
    return Finding(_breach_reason(breaches), _describe(situation, breaches), stable)


# The candidate


def candidate_must_go(situation: Situation) -> Finding | None:
    """Is the candidate worse than stable, or breached while stable is not?"""
    candidate = situation.status.candidate_revision
    if alert := situation.alert_against(candidate):
        return Finding("AlertFiring", f"alert {alert.name} since {alert.started_at:%H:%M:%S}Z", candidate)
    if not situation.metrics_are_available:
        return None
    if worse := situation.worse_than_stable(OnBreach.ROLLBACK):
        message = "; ".join(against_stable(assessment) for assessment in worse)
        return Finding(_worse_reason(worse), message, candidate, Cause.MODEL)
    alone = _breached_alone(situation, OnBreach.ROLLBACK)
    if not alone:
        return None
    return Finding(_breach_reason(alone), _describe(situation, alone), candidate, Cause.MODEL)


def rollout_must_wait(situation: Situation) -> Finding | None:
    """Is there a breach that holds the rollout: an objective that asks for it, or both arms breached?"""
    if not situation.metrics_are_available:
        return None
    candidate = situation.status.candidate_revision
    asked = situation.worse_than_stable(OnBreach.HOLD) or _breached_alone(situation, OnBreach.HOLD)
    if asked:
        return Finding("BreachHolds", _describe(situation, asked), candidate)
    shared = _breached_both(situation)
    if shared:
        message = "stable is breached too: " + _describe(situation, shared)
        return Finding("StableAlsoBreached", message, candidate)
    return None


def hold_is_over(situation: Situation) -> Finding | None:
    """Has the breach that held the rollout gone?"""
    held = situation.status.rollout.held if situation.status.rollout else ""
    if held not in {"BreachHolds", "StableAlsoBreached"} or not situation.metrics_are_available:
        return None
    if rollout_must_wait(situation) or situation.unknown_objectives:
        return None
    return Finding("HoldCleared", f"{held} no longer holds", situation.status.candidate_revision)


def candidate_cannot_start(situation: Situation) -> Finding | None:
    """Are the candidate's pods still not ready after the progress deadline?"""
    candidate = situation.status.candidate_revision
    rollout = situation.status.rollout
    if not candidate or not rollout or situation.candidate_is_up:
        return None
    since = rollout.step_started_at or rollout.started_at
    deadline = situation.spec.rollout.progress_deadline
    if elapsed(since, situation.now) < deadline:
        return None
    pods = situation.pods(candidate)
    problem = pods.problem or Problem(ProblemReason.NOT_READY, "no pod says why")
    message = f"{pods.ready} of {situation.candidate_needs} pods ready after {deadline}: {problem.message}"
    cause = Cause.MODEL if problem.reason is ProblemReason.DIGEST_MISMATCH else Cause.UNKNOWN
    return Finding(problem.reason.value, message, candidate, cause)


def candidate_is_ready_to_serve(situation: Situation) -> Finding | None:
    """Is every pod of the first revision ready?"""
    candidate = situation.status.candidate_revision
    ready = situation.pods(candidate).ready
    if not candidate or ready < max(1, situation.spec.replicas):
        return None
    return Finding("FirstRevisionReady", f"{ready} of {situation.spec.replicas} pods ready", candidate)


def standby_is_in_the_way(situation: Situation) -> Finding | None:
    """Is the candidate ready while a standby still runs?"""
    if _may_move(situation) and situation.candidate_is_up and situation.status.standby_revision:
        standby = situation.status.standby_revision
        return Finding("StandbyRetired", f"{standby} makes room for a split", standby)
    return None


def steps_can_begin(situation: Situation) -> Finding | None:
    """Is the candidate ready, and are its pods and stable's the only ones?"""
    status = situation.status
    if not _may_move(situation) or not situation.candidate_is_up or situation.spec.replicas == 0:
        return None
    split = {status.stable_revision, status.candidate_revision}
    others = [
        name for name, seen in situation.observation.revisions.items() if seen.pods and name not in split
    ]
    if others or status.standby_revision or not situation.metrics_are_available:
        return None
    pods = situation.pods(status.candidate_revision).ready
    return Finding(
        "StepStarted", f"{pods} pods of {status.candidate_revision} take traffic", status.candidate_revision
    )


def step_is_passed(situation: Situation) -> Finding | None:
    """Is the candidate shown to be no worse, on enough requests?"""
    if not _step_may_end(situation) or not situation.is_not_worse:
        return None
    message = f"no worse than stable on {situation.candidate_requests} requests"
    return Finding("NotWorse", message, situation.status.candidate_revision)


def step_is_over(situation: Situation) -> Finding | None:
    """Is the step's time over with no evidence against the candidate?"""
    if not _step_may_end(situation) or situation.since_step_began() < situation.step.duration:
        return None
    message = (
        f"neither worse nor shown as good in {situation.step.duration} and "
        f"{situation.candidate_requests} requests"
    )
    return Finding("Inconclusive", message, situation.status.candidate_revision)


def promotion_is_ready(situation: Situation) -> Finding | None:
    """Has the candidate all its pods?"""
    candidate = situation.status.candidate_revision
    ready = situation.pods(candidate).ready
    if not candidate or not _may_move(situation) or ready < max(1, situation.spec.replicas):
        return None
    return Finding("StepsPassed", f"all {len(situation.spec.rollout.steps)} steps passed", candidate)


def deadline_is_over(situation: Situation) -> Finding | None:
    """Has the rollout taken longer than its deadline?"""
    deadline = situation.spec.rollout.deadline
    if situation.spec.paused or not situation.status.rollout or situation.since_rollout_began() < deadline:
        return None
    missing = situation.unknown_objectives
    message = f"not finished after {deadline}" + (f"; no data for {', '.join(missing)}" if missing else "")
    return Finding("DeadlineExceeded", message, situation.status.candidate_revision)


# What spec wants


def wanted_changed(situation: Situation) -> Finding | None:
    """Does spec want another revision than the candidate?"""
    candidate = situation.status.candidate_revision
    wanted = situation.observation.wanted_revision
    if not candidate or candidate == wanted:
        return None
    return Finding("Replaced", f"spec now asks for {wanted}", candidate)


def wanted_is_new(situation: Situation) -> Finding | None:
    """Does spec want a revision that neither serves nor is rejected?"""
    wanted = situation.observation.wanted_revision
    status = situation.status
    if status.candidate_revision or wanted == status.stable_revision or situation.is_rejected(wanted):
        return None
    if situation.spec.paused and status.stable_revision:
        return None
    return Finding("NewRevision", "spec asks for it", wanted)


def standby_is_expired(situation: Situation) -> Finding | None:
    """Is the standby's time over?"""
    until = situation.status.standby_until
    if not situation.status.standby_revision or until is None or situation.now < read(until):
        return None
    standby = situation.status.standby_revision
    return Finding(
        "StandbyExpired", f"{standby} was kept for {situation.spec.rollout.standby.retain}", standby
    )


# Shared


def _may_move(situation: Situation) -> bool:
    return not situation.spec.paused


def _step_may_end(situation: Situation) -> bool:
    return (
        _may_move(situation)
        and situation.metrics_are_available
        and not situation.unknown_objectives
        and situation.candidate_is_up
        and situation.candidate_requests >= situation.step.min_requests
    )


def _breached_names(situation: Situation, revision: str) -> set[str]:
    return {a.objective for action in OnBreach for a in situation.breaches(revision, action)}


def _breached_alone(situation: Situation, action: OnBreach) -> tuple[Assessment, ...]:
    stable = _breached_names(situation, situation.status.stable_revision)
    return tuple(
        a
        for a in situation.breaches(situation.status.candidate_revision, action)
        if a.objective not in stable
    )


def _breached_both(situation: Situation) -> tuple[Assessment, ...]:
    stable = _breached_names(situation, situation.status.stable_revision)
    candidate = situation.status.candidate_revision
    return tuple(
        a
        for action in (OnBreach.ROLLBACK, OnBreach.HOLD)
        for a in situation.breaches(candidate, action)
        if a.objective in stable
    )


def _objective(situation: Situation, name: str) -> Objective:
    return next(objective for objective in situation.spec.objectives if objective.name == name)


def _describe(situation: Situation, breaches: tuple[Assessment, ...]) -> str:
    return "; ".join(against_target(_objective(situation, a.objective), a) for a in breaches)


def _breach_reason(breaches: tuple[Assessment, ...]) -> str:
    return _camel(breaches[0].objective) + "Breached"


def _worse_reason(worse: tuple[Assessment, ...]) -> str:
    return _camel(worse[0].objective) + "WorseThanStable"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
