"""A breach by the serving revision that no rollback answers: found, kept in mind, and over.

Nothing that is known to be no help is done twice: while an incident lasts the serving revision is not
compared with a good one again before `PROBE_AGAIN`.
"""

from datetime import timedelta
from typing import Final

from modelward.api.objectives import OnBreach
from modelward.api.reasons import Reason
from modelward.api.status import Cause, IncidentStatus, ModelDeploymentStatus
from modelward.decide import signs
from modelward.decide.approvals import how_to_approve
from modelward.decide.attribution import Action, Attribution, after_promotion, attribute
from modelward.decide.change import MESSAGE_LENGTH, Change, changed, recorded
from modelward.decide.clock import elapsed, stamp
from modelward.decide.findings import Finding
from modelward.decide.judgement import asks_a_person, budget_is_spent, lasting_cause, wish_to_go_back
from modelward.decide.situation import Situation
from modelward.evidence.assessment import Assessment

_SPEAKS_SHARE: Final = 1 / 3
"""From this share of what a breach takes evidence speaks against a revision whose data end."""
PROBE_AGAIN: Final = timedelta(hours=1)
"""How long after a comparison that did not show the serving revision to be worse the next may begin."""
DOUBT: Final = timedelta(minutes=2)
"""How long slow storage must not explain an incident any more before another cause is looked for: the
evidence against the target takes about as long to fall once storage is fast again."""
REASONS: Final = {
    Cause.MODEL: Reason.CAUSE_UNKNOWN,
    Cause.INFRASTRUCTURE: Reason.INFRASTRUCTURE_SUSPECTED,
    Cause.DRIFT: Reason.DRIFT_SUSPECTED,
    Cause.UNKNOWN: Reason.CAUSE_UNKNOWN,
}
"""Why nothing is rolled back, by cause."""
_HINDRANCES: Final = frozenset(
    {
        Reason.NOTHING_TO_GO_BACK_TO.value,
        Reason.ROLLBACK_BUDGET_EXHAUSTED.value,
        Reason.AWAITING_ROLLBACK_APPROVAL.value,
    }
)
LOOK_AGAIN: Final = timedelta(seconds=30)
"""How often an incident is looked at while no verdict changes."""


def stable_is_suspect(situation: Situation) -> Finding | None:
    """Is the serving revision breached for a cause that a comparison with a good one would tell?"""
    if not situation.metrics_are_available or situation.spec.replicas == 0:
        return None
    against = signs.of_stable(situation)
    row = attribute(against)
    if row is None or not situation.last_good or budget_is_spent(situation):
        return None
    if after_promotion(row, situation.spec.rollback.on_unknown_cause) is not Action.PROBE:
        return None
    if _is_settled(situation) or _is_too_early(situation, row):
        return None
    message = f"{signs.describe(situation, against)}; to be compared with {situation.last_good}"
    return Finding("Suspected", message, against.suspect, row.cause)


def _is_settled(situation: Situation) -> bool:
    """Return whether what a comparison could tell is known already."""
    incident = situation.status.incident
    if incident is None:
        return False
    if incident.probed_at is not None:
        return elapsed(incident.probed_at, situation.now) < PROBE_AGAIN
    if incident.reason != Reason.INFRASTRUCTURE_SUSPECTED or signs.of_stable(situation).is_explained:
        return False
    return elapsed(incident.unexplained_since, situation.now) < DOUBT


def _is_too_early(situation: Situation, row: Attribution) -> bool:
    """Return whether the cause is about to show without a comparison; the incident bounds the waiting."""
    return row.after_promotion is Action.PROBE_LATER_OR_STAY and situation.status.incident is None


def breach_is_borne(situation: Situation) -> Finding | None:
    """Is the serving revision breached, and nothing to be done about it that would help?"""
    found = _borne(situation)
    incident = situation.status.incident
    if found is None or incident is None or incident.revision != found.revision:
        return found
    is_told = (
        incident.reason == found.reason
        and incident.go_back_to == _to_go_back_to(situation, found)
        and not _names_a_cause(incident, found)
    )
    return found if not is_told and _is_weightier(situation, incident, found) else None


def _names_a_cause(incident: IncidentStatus, found: Finding) -> bool:
    return incident.cause is Cause.UNKNOWN and found.cause is not Cause.UNKNOWN


def _borne(situation: Situation) -> Finding | None:
    """Return the breach that is borne, with the reason why."""
    if wish := wish_to_go_back(situation):
        return _hindered(situation, wish) or _to_be_approved(situation, wish)
    if not situation.metrics_are_available:
        return None
    against = signs.of_stable(situation)
    row = attribute(against)
    if row is None:
        return None
    found = Finding(REASONS[row.cause].value, signs.describe(situation, against), against.suspect, row.cause)
    to_be_probed = after_promotion(row, situation.spec.rollback.on_unknown_cause) is Action.PROBE
    if to_be_probed and not _is_settled(situation) and not _is_too_early(situation, row):
        hindered = _hindered(situation, found)
        return found if hindered and against.is_explained else hindered
    return found


def _hindered(situation: Situation, wish: Finding) -> Finding | None:
    """Return why what would be done cannot be done; None if it can."""
    if not situation.last_good:
        reason, why = Reason.NOTHING_TO_GO_BACK_TO, "no other revision is known to be good"
    elif budget_is_spent(situation):
        budget = situation.spec.rollback.budget
        reason = Reason.ROLLBACK_BUDGET_EXHAUSTED
        why = (
            f"rolled back {budget.max} times within {budget.within} already"
            if budget.max
            else "spec.rollback.budget.max is 0"
        )
    else:
        return None
    return Finding(reason.value, f"{why}; {wish.message}", wish.revision, wish.cause)


def _to_be_approved(situation: Situation, wish: Finding) -> Finding | None:
    """Return that a rollback waits for a person; None if it does not."""
    if not asks_a_person(situation, wish):
        return None
    target = situation.last_good
    message = f"going back to {target} waits for a person: {how_to_approve(target)}; {wish.message}"
    return Finding(Reason.AWAITING_ROLLBACK_APPROVAL.value, message, wish.revision, wish.cause)


def _to_go_back_to(situation: Situation, found: Finding) -> str:
    """Return the revision that a person is asked to go back to; empty if nobody is asked."""
    return situation.last_good if found.reason == Reason.AWAITING_ROLLBACK_APPROVAL else ""


def _is_weightier(situation: Situation, incident: IncidentStatus, found: Finding) -> bool:
    """Return whether a finding says more than what is known; causes that come and go are no news."""
    if incident.cause is Cause.UNKNOWN or found.reason in _HINDRANCES:
        return True
    return found.cause is not incident.cause and not _is_settled(situation)


def bear(situation: Situation, finding: Finding) -> Change:
    """Leave traffic where it is, and tell a person why."""
    status = changed(situation.status, incident=of(situation, finding), cause=finding.cause)
    return recorded(situation, status, "Stayed", finding, "Warning")


def of(situation: Situation, finding: Finding, probed_at: str | None = None) -> IncidentStatus:
    """Return the incident that a finding makes or goes on with."""
    before = situation.status.incident
    goes_on = before is not None and before.revision == finding.revision
    return IncidentStatus(
        revision=finding.revision,
        cause=finding.cause,
        reason=finding.reason,
        message=finding.message[:MESSAGE_LENGTH],
        since=before.since if before and goes_on else stamp(situation.now),
        probed_at=probed_at or (before.probed_at if before and goes_on else None),
        probes=before.probes if before and goes_on else 0,
        go_back_to=_to_go_back_to(situation, finding),
    )


def incident_is_over(situation: Situation) -> Finding | None:
    """Is the serving revision clearly no longer breached?"""
    incident = situation.status.incident
    if incident is None or not situation.metrics_are_available or stable_is_unwell(situation):
        return None
    return Finding("Recovered", f"{incident.reason} no longer holds", incident.revision)


def stable_is_unwell(situation: Situation) -> bool:
    """Return whether anything still stands out against the serving revision; no data is no recovery.

    Where spec has no objective that asks for a rollback the team's alerts alone speak against it.
    """
    stable = situation.status.stable_revision
    judged = [
        assessment
        for objective, assessment in situation.assessed(stable)
        if objective.on_breach is OnBreach.ROLLBACK
    ]
    silent = [assessment for assessment in judged if assessment and signs.is_silent(assessment)]
    known = [assessment for assessment in judged if assessment and assessment not in silent]
    return (
        situation.alert_against(stable) is not None
        or (bool(judged) and not known)
        or not all(signs.is_calm(assessment) for assessment in known)
        or any(_stood_out(assessment) for assessment in silent)
    )


def _stood_out(silent: Assessment) -> bool:
    """Return whether an objective spoke against the revision when its data ended."""
    return silent.target_log_evidence >= _SPEAKS_SHARE * silent.target_log_threshold


def recover(situation: Situation, finding: Finding) -> Change:
    """Close the incident."""
    status = changed(situation.status, incident=None)
    return recorded(situation, changed(status, cause=lasting_cause(status)), "Recovered", finding)


def with_doubt(situation: Situation) -> ModelDeploymentStatus:
    """Return the status with the time since when slow storage has not explained its incident any more."""
    status, incident = situation.status, situation.status.incident
    if incident is None or incident.reason != Reason.INFRASTRUCTURE_SUSPECTED:
        return status
    if not situation.metrics_are_available:
        return status
    explained = signs.of_stable(situation).is_explained
    since = None if explained else incident.unexplained_since or stamp(situation.now)
    if since == incident.unexplained_since:
        return status
    return changed(status, incident=incident.model_copy(update={"unexplained_since": since}))
