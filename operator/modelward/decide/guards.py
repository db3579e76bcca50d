"""The questions about a rollout's progress. Each returns the finding that makes its row fire, or None."""

from modelward.api.objectives import OnBreach
from modelward.api.status import Cause
from modelward.decide.clock import elapsed, read
from modelward.decide.findings import Finding
from modelward.decide.gates import let_through
from modelward.decide.observation import Problem, ProblemReason
from modelward.decide.situation import Situation


def candidate_cannot_start(situation: Situation) -> Finding | None:
    """Do the candidate's pods lack readiness for the progress deadline, or serve different models?"""
    candidate = situation.status.candidate_revision
    rollout = situation.status.rollout
    if not candidate or not rollout:
        return None
    pods = situation.pods(candidate)
    if situation.candidate_is_up:
        problem = pods.problem
        if problem is None or problem.reason is not ProblemReason.DIGEST_MISMATCH:
            return None
        return Finding(problem.reason.value, problem.message, candidate, Cause.MODEL)
    # Not since the step began: a pod that is moved or restarted in a long step has the same time to return.
    deadline = situation.spec.rollout.progress_deadline
    if elapsed(rollout.unready_since, situation.now) < deadline:
        return None
    problem = pods.problem or Problem(ProblemReason.NOT_READY, "no pod says why")
    message = f"{pods.ready} of {situation.candidate_needs} pods ready after {deadline}: {problem.message}"
    cause = Cause.MODEL if problem.reason is ProblemReason.DIGEST_MISMATCH else Cause.UNKNOWN
    return Finding(problem.reason.value, message, candidate, cause)


def candidate_is_ready_to_serve(situation: Situation) -> Finding | None:
    """Is every pod of the first revision ready, and has it passed its gates?"""
    candidate = situation.status.candidate_revision
    ready = situation.pods(candidate).ready
    if not candidate or ready < max(1, situation.spec.replicas) or not let_through(situation):
        return None
    return Finding("FirstRevisionReady", f"{ready} of {situation.spec.replicas} pods ready", candidate)


def standby_is_in_the_way(situation: Situation) -> Finding | None:
    """Is the candidate ready while a standby still runs?"""
    if _may_move(situation) and situation.candidate_is_up and situation.status.standby_revision:
        standby = situation.status.standby_revision
        return Finding("StandbyRetired", f"{standby} makes room for a split", standby)
    return None


def steps_can_begin(situation: Situation) -> Finding | None:
    """Is the candidate ready and past its gates, and are its pods and stable's the only ones?"""
    status = situation.status
    if (
        not let_through(situation)
        or not _may_move(situation)
        or not situation.candidate_is_up
        or situation.spec.replicas == 0
    ):
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
    """Is the candidate shown to be no worse, on enough requests, and not breached?"""
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
    """Has the candidate all its pods, data for all it is judged by, and no breach?"""
    candidate = situation.status.candidate_revision
    if not candidate or situation.pods(candidate).ready < max(1, situation.spec.replicas):
        return None
    if not _may_go_on(situation):
        return None
    return Finding("StepsPassed", _how_steps_ended(situation), candidate)


def _how_steps_ended(situation: Situation) -> str:
    """Say how many steps showed the candidate to be as good, and how many only found nothing against it."""
    rollout = situation.status.rollout
    assert rollout is not None  # noqa: S101 - a candidate that has all steps behind it has a rollout
    ended, inconclusive = rollout.step + 1, rollout.inconclusive_steps
    return f"steps shown no worse: {ended - inconclusive}, inconclusive: {inconclusive}"


def deadline_is_over(situation: Situation) -> Finding | None:
    """Has the rollout taken longer than its deadline?"""
    deadline = situation.spec.rollout.deadline
    if situation.stands_still or not situation.status.rollout or situation.since_rollout_began() < deadline:
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
    """Does spec want a revision that neither serves nor is rejected, and is no share held back?"""
    return None if situation.status.control else new_revision(situation)


def new_revision(situation: Situation) -> Finding | None:
    """Return the revision that spec wants, if it neither serves nor is rejected.

    None before it is known what gates it must pass: a first revision would be selected as if it had none.
    """
    if situation.observation.gates_in_force is None:
        return None
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
        _may_go_on(situation)
        and situation.candidate_is_up
        and situation.candidate_requests >= situation.step.min_requests
    )


def _may_go_on(situation: Situation) -> bool:
    """Return whether the candidate may get more traffic: all is known of it, and it is not breached."""
    return (
        _may_move(situation)
        and situation.metrics_are_available
        and not situation.unknown_objectives
        and not _is_breached(situation)
    )


def _is_breached(situation: Situation) -> bool:
    """Return whether the candidate is breached by what asks for more than an alert, whoever is to blame."""
    candidate = situation.status.candidate_revision
    return any(situation.breaches(candidate, action) for action in (OnBreach.ROLLBACK, OnBreach.HOLD))
