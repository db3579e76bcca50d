"""What the evidence asks for: that the serving revision or the candidate goes, or that a rollout waits."""

from modelward.api.objectives import Objective, OnBreach
from modelward.api.status import Cause
from modelward.decide.findings import Finding, against_stable, against_target
from modelward.decide.situation import Situation
from modelward.evidence.ledger import Assessment


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
