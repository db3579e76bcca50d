"""Traffic on its way from one revision to another: when it is switched, and when it is all gone."""

from datetime import timedelta
from typing import Any, Final

from modelward.api.reasons import Reason
from modelward.api.status import Cause, ModelDeploymentStatus, Phase
from modelward.conventions import BLOCK_SECONDS
from modelward.decide.approvals import veto_of, vetoed_by
from modelward.decide.change import Change, changed, recorded, rejected
from modelward.decide.clock import elapsed, stamp
from modelward.decide.decision import Announcement
from modelward.decide.findings import Finding
from modelward.decide.observation import Problem, ProblemReason
from modelward.decide.situation import Situation

FULL_CAPACITY_WAIT: Final = timedelta(seconds=30)
"""How long a rollback waits for every pod of its target; after that one ready pod is enough."""
UNREADABLE_WAIT: Final = timedelta(minutes=2)
"""How long a withdrawal waits for monitors that cannot be read."""
_UNCHANGED_READINGS: Final = 2


def target_can_serve(situation: Situation) -> Finding | None:
    """Has the revision gone back to enough pods to take the traffic?"""
    moving = situation.status.withdrawal
    if moving is None or moving.switched or _vetoed_target(situation):
        return None
    ready = situation.pods(moving.to).ready
    waited = elapsed(moving.started_at, situation.now)
    if situation.spec.replicas == 0:
        return Finding("TrafficSwitched", "spec.replicas is 0, so there are no pods to wait for")
    if ready >= max(1, situation.spec.replicas) or (ready > 0 and waited >= FULL_CAPACITY_WAIT):
        return Finding(
            "TrafficSwitched", f"{ready} of {situation.spec.replicas} pods of {moving.to} are ready"
        )
    return None


def _vetoed_target(situation: Situation) -> Finding | None:
    """Return who has vetoed the revision that stable is to be left for."""
    moving = situation.status.withdrawal
    if moving is None or moving.to == situation.status.stable_revision:
        return None
    veto = veto_of(situation.observation, moving.to)
    return Finding(Reason.VETOED.value, vetoed_by(veto), moving.to) if veto else None


def target_cannot_serve(situation: Situation) -> Finding | None:
    """Has the revision to go back to had no ready pod for the progress deadline, or been vetoed?"""
    moving = situation.status.withdrawal
    if moving is None or moving.switched:
        return None
    if vetoed := _vetoed_target(situation):
        return vetoed
    pods, deadline = situation.pods(moving.to), situation.spec.rollout.progress_deadline
    if pods.ready > 0 or elapsed(moving.started_at, situation.now) < deadline:
        return None
    problem = pods.problem or Problem(ProblemReason.NOT_READY, "no pod says why")
    message = f"no pod ready to go back to after {deadline}: {problem.message}"
    cause = Cause.MODEL if problem.reason is ProblemReason.DIGEST_MISMATCH else Cause.UNKNOWN
    return Finding(problem.reason.value, message, moving.to, cause)


def give_up_target(situation: Situation, finding: Finding) -> Change:
    """Reject the revision that cannot be gone back to; what answers stays until there is a better one."""
    moving = situation.status.withdrawal
    assert moving is not None  # noqa: S101 - the guard has looked at it
    fields: dict[str, Any] = {
        "phase": Phase.SERVING,
        "withdrawal": None,
        "control": None,
        "cause": finding.cause,
    }
    if moving.revision != situation.status.stable_revision and situation.pods(moving.revision).ready == 0:
        # Neither answers: stable stays what it is, and spec may ask for another one.
        return recorded(situation, changed(situation.status, **fields), "Held", finding, "Warning")
    if moving.revision != situation.status.stable_revision:
        fields |= {"stable_revision": moving.revision, "promoted_at": stamp(situation.now)}
    # What serves for want of a better one is not rejected: it may be found wanting once more.
    remaining = tuple(r for r in rejected(situation, finding) if r.revision != moving.revision)
    status = changed(situation.status, **fields, rejected_revisions=remaining)
    return recorded(situation, status, "Rejected", finding, "Warning")


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
    if moving is None or not moving.switched or not _is_due_for_reading(situation):
        return None
    pods = situation.pods(moving.revision)
    informed = pods.informed_generation >= situation.status.traffic_generation
    return (
        Finding("CounterRead", revision=moving.revision) if pods.requests is not None and informed else None
    )


def _is_due_for_reading(situation: Situation) -> bool:
    """Return whether a block has passed since the counter was last read."""
    moving = situation.status.withdrawal
    return moving is not None and (
        moving.read_at is None or elapsed(moving.read_at, situation.now) >= timedelta(seconds=BLOCK_SECONDS)
    )


def switch(situation: Situation, finding: Finding) -> Change:
    """Send traffic to the revision gone back to, now that it can serve."""
    status = switched(situation, situation.status)
    return Change(status, (Announcement("Normal", finding.reason, "Switched", finding.message),))


def switched(situation: Situation, status: ModelDeploymentStatus) -> ModelDeploymentStatus:
    """Return a status in which the Service selects the revision that traffic moves to."""
    moving = status.withdrawal
    assert moving is not None  # noqa: S101 - the table calls this only while something is withdrawn
    fields: dict[str, Any] = {"withdrawal": moving.model_copy(update={"switched": True}), "control": None}
    if status.stable_revision == moving.revision:
        fields |= {"stable_revision": moving.to, "promoted_at": stamp(situation.now)}
    return changed(status, **fields)


def read_counter(situation: Situation, _finding: Finding) -> Change:
    """Take in a new reading of the withdrawn revision's request counter."""
    moving = situation.status.withdrawal
    requests = situation.pods(moving.revision).requests if moving else None
    assert moving is not None  # noqa: S101 - the guard has looked at it
    assert requests is not None  # noqa: S101 - the guard has looked at it
    stood_still = requests == moving.requests
    update = {
        "requests": requests,
        "read_at": stamp(situation.now),
        "unchanged_readings": moving.unchanged_readings + 1 if stood_still else 0,
    }
    return Change(changed(situation.status, withdrawal=moving.model_copy(update=update)))


def finish_withdrawal(situation: Situation, finding: Finding) -> Change:
    """All traffic has left the withdrawn revision."""
    status = changed(situation.status, phase=Phase.SERVING, withdrawal=None)
    return Change(status, (Announcement("Normal", finding.reason, "TrafficMoved", finding.message),))
