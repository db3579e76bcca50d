"""A good revision beside the serving one, to compare them in the same blocks: begun, shared, ended.

The control gets the share that its ready pods give, at most half. So an overwhelming breach needs no path
of its own: half the traffic goes to a warm standby as soon as the breach is found, and the rest as soon as
the serving revision is shown to be worse. If it is not, going back would not help, and the share returns.
"""

from dataclasses import replace
from typing import Any, Final

from modelward.api.reasons import Reason
from modelward.api.status import (
    MOST_PROBES,
    Cause,
    ControlPurpose,
    ControlStatus,
    ModelDeploymentStatus,
    Phase,
    WithdrawalStatus,
)
from modelward.decide import incident, signs
from modelward.decide.approvals import veto_of, vetoed_by
from modelward.decide.attribution import Action, Signs, attribute
from modelward.decide.change import Change, changed, recorded, rejected
from modelward.decide.clock import elapsed, stamp
from modelward.decide.decision import Announcement
from modelward.decide.findings import Finding
from modelward.decide.guards import new_revision
from modelward.decide.judgement import budget_is_spent
from modelward.decide.observation import Problem, ProblemReason
from modelward.decide.placement import holdback_replicas, probe_replicas
from modelward.decide.situation import Situation
from modelward.decide.withdrawal import FULL_CAPACITY_WAIT

_CONTROL_GONE: Final = "ControlGone"
_SUPERSEDED: Final = "Superseded"
_PODS_IN_THE_WAY: Final = "PodsInTheWay"
_CONTROL_NOT_READY: Final = "ControlNotReady"
_NOT_OF_THE_BREACH: Final = frozenset(
    {_CONTROL_GONE, _SUPERSEDED, _PODS_IN_THE_WAY, _CONTROL_NOT_READY, Reason.VETOED.value}
)
"""Why a comparison ended that say nothing of what it was about."""


def begin_probe(situation: Situation, finding: Finding) -> Change:
    """Start, or keep, pods of the last good revision to share the traffic; a waiting candidate is let go."""
    before = situation.status.control
    control = ControlStatus(
        revision=situation.last_good,
        purpose=ControlPurpose.PROBE,
        replicas=probe_replicas(situation.spec),
        wanted_revision=situation.observation.wanted_revision,
        started_at=stamp(situation.now),
        shared_at=stamp(situation.now) if before and before.shared_at else None,
    )
    status = changed(
        situation.status, phase=Phase.PROBING, control=control, candidate_revision="", rollout=None
    )
    if status.standby_revision != control.revision:
        # The Service is widened only while no third revision has pods.
        status = changed(status, standby_revision="", standby_until=None)
    return recorded(situation, status, "Probing", finding, "Warning")


def control_is_ready(situation: Situation) -> Finding | None:
    """Are the control's pods ready, and they and the serving revision's the only ones?"""
    control = situation.status.control
    if control is None or not situation.metrics_are_available:
        return None
    if not _has_pods_enough(situation, control) or _others(situation):
        return None
    ready = situation.pods(control.revision).ready
    return Finding("ProbeStarted", f"{ready} pods of {control.revision} take traffic", control.revision)


def _has_pods_enough(situation: Situation, control: ControlStatus) -> bool:
    """Return whether a control that has no share yet has the pods to take one."""
    waited = elapsed(control.started_at, situation.now)
    enough = control.replicas if waited < FULL_CAPACITY_WAIT else 1
    return control.shared_at is None and situation.pods(control.revision).ready >= enough


def _others(situation: Situation) -> list[str]:
    """Return the revisions that have pods although they are to have no traffic."""
    status = situation.status
    two = {status.stable_revision, status.control.revision if status.control else ""}
    return [name for name, seen in situation.observation.revisions.items() if seen.pods and name not in two]


def share(situation: Situation, finding: Finding) -> Change:
    """Give the control its share of the traffic."""
    status = _with_control(situation, shared_at=stamp(situation.now))
    return Change(status, (Announcement("Normal", finding.reason, "Shared", finding.message),))


def control_cannot_start(situation: Situation) -> Finding | None:
    """Has the control, before it had a share, had no ready pod for the progress deadline by its own fault?"""
    problem = _lasting_problem(situation)
    if problem is None or _may_be_of_the_infrastructure(situation, problem):
        return None
    control = situation.status.control
    assert control is not None  # noqa: S101 - it has a problem
    cause = Cause.MODEL if problem.reason is ProblemReason.DIGEST_MISMATCH else Cause.UNKNOWN
    return Finding(problem.reason.value, _not_ready(situation, problem), control.revision, cause)


def _lasting_problem(situation: Situation) -> Problem | None:
    """Return what has kept a control without a share from having a ready pod for the progress deadline."""
    control, deadline = situation.status.control, situation.spec.rollout.progress_deadline
    if control is None or control.shared_at or elapsed(control.unready_since, situation.now) < deadline:
        return None
    return situation.pods(control.revision).problem or Problem(ProblemReason.NOT_READY, "no pod says why")


def _may_be_of_the_infrastructure(situation: Situation, problem: Problem) -> bool:
    """Return whether a good control may lack pods for what the suspect suffers from: it fetches from there.

    Without metrics nobody knows what the suspect suffers from.
    """
    if problem.reason is ProblemReason.DIGEST_MISMATCH:
        return False
    row = attribute(signs.of_stable(situation))
    return not situation.metrics_are_available or (row is not None and row.cause is Cause.INFRASTRUCTURE)


def _not_ready(situation: Situation, problem: Problem) -> str:
    deadline = situation.spec.rollout.progress_deadline
    return f"no pod ready to compare with after {deadline}: {problem.message}"


def give_up_control(situation: Situation, finding: Finding) -> Change:
    """Reject the revision that cannot be compared with, since it could not be gone back to either."""
    status = changed(
        situation.status,
        phase=Phase.SERVING,
        control=None,
        standby_revision="",
        standby_until=None,
        rejected_revisions=rejected(situation, finding),
    )
    return recorded(situation, status, "Rejected", finding, "Warning")


def control_is_alone(situation: Situation) -> Finding | None:
    """Has the serving revision had no ready pod for the progress deadline, while the control answers?"""
    control, deadline = situation.status.control, situation.spec.rollout.progress_deadline
    if control is None or not control.shared_at or situation.pods(control.revision).ready == 0:
        return None
    if elapsed(control.alone_since, situation.now) < deadline:
        return None
    stable = situation.status.stable_revision
    problem = situation.pods(stable).problem or Problem(ProblemReason.NOT_READY, "no pod says why")
    return Finding(problem.reason.value, f"no pod ready for {deadline}: {problem.message}", stable)


def probe_is_over(situation: Situation) -> Finding | None:
    """Is the breach over or explained, the suspect not worse, spec changed, time over, or a veto there?"""
    control = situation.status.control
    return (_vetoed(situation, control) or _shown(situation, control)) if control else None


def _vetoed(situation: Situation, control: ControlStatus) -> Finding | None:
    """Return who has vetoed the control, unless it alone answers."""
    veto, stable = veto_of(situation.observation, control.revision), situation.status.stable_revision
    if veto is None or (control.shared_at and situation.pods(stable).ready == 0):
        return None
    return Finding(Reason.VETOED.value, f"{control.revision} was {vetoed_by(veto)}", stable)


def _shown(situation: Situation, control: ControlStatus) -> Finding | None:
    """Return what evidence, spec or time say that ends a comparison."""
    status = situation.status
    if not situation.metrics_are_available:
        return None
    superseded = _superseded(situation, control)
    if control.shared_at and situation.pods(status.stable_revision).ready == 0:
        # What is left of the traffic is the control's; there is nobody to give it back to.
        return None if situation.pods(control.revision).ready else superseded
    if not incident.stable_is_unwell(situation):
        return Finding("Recovered", "the breach is over", status.stable_revision)
    if control.shared_at and situation.pods(control.revision).ready == 0:
        message = f"{control.revision} has no ready pod any more"
        return Finding(_CONTROL_GONE, message, status.stable_revision)
    kept = _in_the_way(situation, control) or _kept_from_starting(situation)
    return superseded or kept or _nothing_to_gain(situation)


def _kept_from_starting(situation: Situation) -> Finding | None:
    """Return why the control did not start, where that may be no fault of its own: it is not rejected."""
    problem = _lasting_problem(situation)
    if problem is None or not _may_be_of_the_infrastructure(situation, problem):
        return None
    return Finding(_CONTROL_NOT_READY, _not_ready(situation, problem), situation.status.stable_revision)


def _in_the_way(situation: Situation, control: ControlStatus) -> Finding | None:
    """Return whose pods have kept the control from a share for the progress deadline.

    They should have gone when the comparison began; where a node is lost they may stay for ever.
    """
    deadline = situation.spec.rollout.progress_deadline
    others = _others(situation)
    if not others or not _has_pods_enough(situation, control):
        return None
    if elapsed(control.started_at, situation.now) < deadline:
        return None
    message = f"pods of {', '.join(sorted(others))} have not gone in {deadline}"
    return Finding(_PODS_IN_THE_WAY, message, situation.status.stable_revision)


def _superseded(situation: Situation, control: ControlStatus) -> Finding | None:
    """Return what spec has come to ask for since the comparison began, if it is to be tried."""
    wanted = new_revision(situation)
    # One that asks for the control has the comparison that it needs already.
    compared = {control.revision, control.wanted_revision}
    if wanted is None or not control.wanted_revision or wanted.revision in compared:
        return None
    message = f"spec now asks for {wanted.revision}"
    return Finding(_SUPERSEDED, message, situation.status.stable_revision)


def _nothing_to_gain(situation: Situation) -> Finding | None:
    """Return why going back would not help, or may not be done; None while that is not known."""
    against = signs.of_stable(situation)
    row = attribute(against)
    cause = row.cause if row else Cause.UNKNOWN
    reason = incident.REASONS[cause]
    if budget_is_spent(situation):
        reason, why = Reason.ROLLBACK_BUDGET_EXHAUSTED, "no rollback is allowed any more"
    elif row and row.after_promotion is Action.STAY:
        why = "storage was slow for both"
    else:
        why = _acquitted(against) or _timed_out(situation)
    if not why:
        return None
    message = f"{why}; {signs.describe(situation, against)}".removesuffix("; ")
    return Finding(reason.value, message, situation.status.stable_revision, cause)


def _acquitted(against: Signs) -> str:
    """Say that the serving revision is shown not to be worse wherever it is breached; or nothing."""
    if not against.other or not against.breached or not all(a.not_worse is True for a in against.breached):
        return ""
    first = against.breached[0]
    return f"no worse than {against.other} on {first.total:.0f} and {first.stable_total:.0f} events"


def _timed_out(situation: Situation) -> str:
    control, duration = situation.status.control, situation.spec.rollback.probe.duration
    if control is None or control.shared_at is None:
        return ""
    # One that was held back has had a share since before the probe.
    if elapsed(max(control.shared_at, control.started_at), situation.now) < duration:
        return ""
    return f"not shown to be worse than {control.revision} in {duration}"


def end_probe(situation: Situation, finding: Finding) -> Change:
    """Put the share back where it was, to none or a holdback, and keep in mind what was found."""
    status, control = situation.status, situation.status.control
    assert control is not None  # noqa: S101 - the guard has looked at it
    fields: dict[str, Any] = {"phase": Phase.SERVING, "control": None}
    if finding.reason == "Recovered":
        fields |= {"incident": None, "cause": None}
    else:
        found = incident.of(situation, _in_mind(situation, finding), probed_at=_probed_at(situation, finding))
        probes = min(found.probes + (control.shared_at is not None), MOST_PROBES)
        fields |= {"incident": found.model_copy(update={"probes": probes}), "cause": found.cause}
    if control.shared_at and holdback_replicas(situation.spec):
        fields["control"] = control.model_copy(update={"purpose": ControlPurpose.HOLDBACK})
    elif control.shared_at:
        fields |= {"phase": Phase.RESTORING, "withdrawal": _withdrawn(situation, control, finding.reason)}
    status = changed(status, **fields)
    if finding.reason == "Recovered":
        return recorded(situation, status, "Recovered", finding)
    return recorded(situation, status, "Stayed", finding, "Warning")


def _in_mind(situation: Situation, finding: Finding) -> Finding:
    """Return what is to be known of the breach itself, for a comparison that ended for another reason."""
    if finding.reason not in _NOT_OF_THE_BREACH:
        return finding
    row = attribute(signs.of_stable(situation))
    cause = row.cause if row else Cause.UNKNOWN
    return replace(finding, reason=incident.REASONS[cause].value, cause=cause)


def _probed_at(situation: Situation, finding: Finding) -> str | None:
    """Return when the next comparison is put off from; None where what it shows may not be followed."""
    return None if finding.reason == Reason.ROLLBACK_BUDGET_EXHAUSTED else stamp(situation.now)


def with_control_readiness(situation: Situation) -> ModelDeploymentStatus:
    """Return the status with the times since when the control, or stable, has had no pod that it should."""
    control = situation.status.control
    if control is None:
        return situation.status
    update = {
        "unready_since": _away_since(situation, control.revision, control.unready_since),
        "alone_since": _away_since(situation, situation.status.stable_revision, control.alone_since),
    }
    return changed(situation.status, control=control.model_copy(update=update))


def _away_since(situation: Situation, revision: str, before: str | None) -> str | None:
    is_away = situation.spec.replicas > 0 and situation.pods(revision).ready == 0
    return (before or stamp(situation.now)) if is_away else None


def _withdrawn(situation: Situation, control: ControlStatus, reason: str) -> WithdrawalStatus:
    return WithdrawalStatus(
        revision=control.revision,
        to=situation.status.stable_revision,
        started_at=stamp(situation.now),
        reason=reason,
        replicas=control.replicas,
        switched=True,
    )


def _with_control(situation: Situation, **update: Any) -> Any:  # noqa: ANN401 - as model_copy
    status = situation.status
    assert status.control is not None  # noqa: S101 - the guard has looked at it
    return changed(status, control=status.control.model_copy(update=update))
