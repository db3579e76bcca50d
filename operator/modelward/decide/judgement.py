"""What the evidence asks for: that the serving revision or the candidate goes, or that a rollout waits."""

from dataclasses import replace
from typing import Final

from modelward.api.objectives import OnBreach, Scope
from modelward.api.status import Cause, ModelDeploymentStatus
from modelward.decide import signs
from modelward.decide.approvals import approvals_of, said_by
from modelward.decide.attribution import Action, Attribution, Signs, after_promotion, attribute
from modelward.decide.clock import read
from modelward.decide.findings import Finding, drift_value
from modelward.decide.observation import ApprovalObservation, FiringAlert
from modelward.decide.situation import Situation
from modelward.evidence.verdict import Verdict

SUSPECTED: Final = {
    Cause.MODEL: "BreachHolds",
    Cause.INFRASTRUCTURE: "InfrastructureSuspected",
    Cause.DRIFT: "DriftSuspected",
    Cause.UNKNOWN: "StableAlsoBreached",
}
"""Reasons for which a rollout waits, by cause; all of them pass by themselves."""


def stable_must_go(situation: Situation) -> Finding | None:
    """Is the serving revision shown to be at fault, or named by an alert, with a good one to go back to?"""
    if not situation.last_good or budget_is_spent(situation):
        return None
    wish = wish_to_go_back(situation)
    if wish is None or not asks_a_person(situation, wish):
        return wish
    approved = said_by(_approvals_of_going_back(situation))
    return replace(wish, message=f"{approved}; {wish.message}") if approved else None


def asks_a_person(situation: Situation, wish: Finding) -> bool:
    """Return whether spec asks a person before a rollback for such a cause."""
    return situation.spec.require_approval.rollback and wish.cause in {Cause.DRIFT, Cause.UNKNOWN}


def _approvals_of_going_back(situation: Situation) -> tuple[ApprovalObservation, ...]:
    """Return who has approved going back since the breach was found; what was said before meant another."""
    incident = situation.status.incident
    if incident is None or incident.revision != situation.status.stable_revision:
        return ()
    return approvals_of(situation.observation, situation.last_good, read(incident.since))


def wish_to_go_back(situation: Situation) -> Finding | None:
    """Return why the serving revision should go, whether or not it can; None if nothing says so."""
    stable = situation.status.stable_revision
    if alert := situation.alert_against(stable):
        return _alerted(alert, stable)
    if not situation.metrics_are_available:
        return None
    against = signs.of_stable(situation)
    row = attribute(against)
    if row is None or after_promotion(row, situation.spec.rollback.on_unknown_cause) is not Action.GO_BACK:
        return None
    return _found(situation, row, against)


def budget_is_spent(situation: Situation) -> bool:
    """Return whether the operator has gone back as often as spec.rollback.budget allows."""
    budget = situation.spec.rollback.budget
    recent = [time for time in situation.status.rollbacks if situation.now - read(time) < budget.within]
    return len(recent) >= budget.max


def candidate_must_go(situation: Situation) -> Finding | None:
    """Is the candidate shown to be at fault: worse than stable, or breached while stable is good?"""
    candidate = situation.status.candidate_revision
    if alert := situation.alert_against(candidate):
        return _alerted(alert, candidate)
    if not situation.metrics_are_available:
        return None
    against = signs.of_candidate(situation, OnBreach.ROLLBACK)
    row = attribute(against)
    if row is None or row.in_rollout is not Action.GO_BACK:
        return None
    return _found(situation, row, against)


def rollout_must_wait(situation: Situation) -> Finding | None:
    """Is there a breach that asks for it, that stable shares or slow storage explains, or drift that does?"""
    if not situation.metrics_are_available:
        return None
    candidate = situation.status.candidate_revision
    if infrastructure := signs.infrastructure(situation, OnBreach.HOLD):
        against = Signs(candidate, breached=infrastructure)
        message = signs.describe(situation, against)
        return Finding(SUSPECTED[Cause.INFRASTRUCTURE], message, candidate, Cause.INFRASTRUCTURE)
    for action in (OnBreach.HOLD, OnBreach.ROLLBACK):
        against = signs.of_candidate(situation, action)
        row = attribute(against)
        if row and (action is OnBreach.HOLD or row.in_rollout is Action.STAY):
            shared = "stable is breached too: " if row.cause is Cause.UNKNOWN else ""
            message = shared + signs.describe(situation, against)
            return Finding(SUSPECTED[row.cause], message, candidate, row.cause)
    if situation.spec.drift.on_breach == "Hold" and (drifted := signs.drifted(situation)):
        message = "; ".join(map(drift_value, drifted))
        return Finding(SUSPECTED[Cause.DRIFT], message, candidate, Cause.DRIFT)
    return None


def cause_of_hold_is_known(situation: Situation) -> Finding | None:
    """Is a cause seen by now of the breach that holds the rollout, of which nothing was known at first?"""
    held = situation.status.rollout.held if situation.status.rollout else ""
    if held != SUSPECTED[Cause.UNKNOWN]:
        return None
    found = rollout_must_wait(situation)
    return found if found and found.cause in {Cause.INFRASTRUCTURE, Cause.DRIFT} else None


def lasting_cause(status: ModelDeploymentStatus) -> Cause | None:
    """Return what is at fault in a hold of the rollout, or else in an incident; None in neither."""
    held = status.rollout.held if status.rollout else ""
    of_incident = status.incident.cause if status.incident else None
    return next((cause for cause, reason in SUSPECTED.items() if reason == held), of_incident)


def hold_is_over(situation: Situation) -> Finding | None:
    """Has what held the rollout passed, clearly enough not to hold it again at once?"""
    held = situation.status.rollout.held if situation.status.rollout else ""
    if held not in SUSPECTED.values() or not situation.metrics_are_available:
        return None
    if rollout_must_wait(situation) or situation.unknown_objectives or _lingers(situation):
        return None
    if held == SUSPECTED[Cause.DRIFT] and situation.observation.drift_unknown:
        return None
    return Finding("HoldCleared", f"{held} no longer holds", situation.status.candidate_revision)


def _lingers(situation: Situation) -> bool:
    """Return whether evidence of the candidate's is still near what held the rollout."""
    return any(
        assessment is not None
        and assessment.target is not Verdict.UNKNOWN
        and objective.on_breach is not OnBreach.ALERT
        and objective.scope is Scope.ALWAYS
        and not signs.is_calm(assessment)
        for objective, assessment in situation.assessed(situation.status.candidate_revision)
    )


def _alerted(alert: FiringAlert, revision: str) -> Finding:
    return Finding("AlertFiring", f"alert {alert.name} since {alert.started_at:%H:%M:%S}Z", revision)


def _found(situation: Situation, row: Attribution, against: Signs) -> Finding:
    first = (*against.unexplained_worse, *against.unexplained_alone, *against.against)[0]
    name = "".join(part.capitalize() for part in first.objective.split("-"))
    reason = name + ("WorseThanStable" if against.unexplained_worse else "Breached")
    return Finding(reason, signs.describe(situation, against), against.suspect, row.cause)
