"""status.conditions: kstatus' Ready, Reconciling and Stalled, and our Progressing and ObjectivesMet.

Each is a function of the status decided on and of what was seen. Messages carry no number that changes
by itself, so that a deployment at rest is never written to.
"""

from modelward.api.drift import PROFILE_DETECTOR
from modelward.api.reasons import REASONS_OF, ConditionType, Reason
from modelward.api.status import Condition, ModelDeploymentStatus, Phase
from modelward.decide import gates
from modelward.decide.clock import stamp
from modelward.decide.gate_conditions import gate_conditions
from modelward.decide.observation import MetricsState, ProfileProblem
from modelward.decide.placement import targets
from modelward.decide.situation import Situation, is_split
from modelward.decide.sizing import unmet_holdback, unmet_weight

_TRUE, _FALSE, _UNKNOWN = "True", "False", "Unknown"
_Said = tuple[str, Reason, str]
"""status, reason, message"""
_MESSAGE_BYTES = 1024


def with_conditions(situation: Situation, status: ModelDeploymentStatus) -> ModelDeploymentStatus:
    """Return `status` with its conditions; a transition time moves only when the condition's status does."""
    said = {
        ConditionType.READY: _ready(situation, status),
        ConditionType.RECONCILING: _reconciling(situation, status),
        ConditionType.STALLED: _stalled(situation, status),
        ConditionType.PROGRESSING: _progressing(situation, status),
        ConditionType.OBJECTIVES_MET: _objectives_met(situation, status),
        **({ConditionType.QUERIES_VALID: _queries_valid(situation)} if _has_queries(situation) else {}),
        **_drift_watched(situation),
        **gate_conditions(situation, status),
    }
    before = {condition.type: condition for condition in situation.status.conditions}
    return status.model_copy(
        update={
            "conditions": tuple(
                _condition(situation, name.value, value, before.get(name.value))
                for name, value in said.items()
            )
        }
    )


def _condition(situation: Situation, name: str, said: _Said, before: Condition | None) -> Condition:
    value, reason, message = said
    since = before.last_transition_time if before and before.status == value else stamp(situation.now)
    return Condition.model_validate(
        {
            "type": name,
            "status": value,
            "reason": reason.value,
            "message": message.encode()[:_MESSAGE_BYTES].decode(errors="ignore"),
            "observed_generation": situation.observation.generation,
            "last_transition_time": since,
        }
    )


def _ready(situation: Situation, status: ModelDeploymentStatus) -> _Said:
    stable = status.stable_revision
    if not stable:
        return _FALSE, Reason.NO_REVISION_SERVES, "no revision has become ready yet"
    if situation.spec.replicas == 0:
        return _FALSE, Reason.SCALED_TO_ZERO, "spec.replicas is 0"
    pods = situation.pods(stable)
    if pods.ready == 0:
        why = f": {pods.problem.message}" if pods.problem else ""
        return _FALSE, Reason.NO_REVISION_SERVES, f"no pod of {stable} is ready{why}"
    return _TRUE, Reason.SERVING, f"{stable} serves"


def _reconciling(situation: Situation, status: ModelDeploymentStatus) -> _Said:  # noqa: PLR0911 - a list of cases
    if status.phase is Phase.PROBING and status.control:
        control = status.control.revision
        return _TRUE, Reason.PROBE_IN_PROGRESS, f"{status.stable_revision} is compared with {control}"
    if status.phase is Phase.RESTORING and status.withdrawal:
        return _TRUE, Reason.SHARE_RETURNS, f"the share of {status.withdrawal.revision} moves back"
    if status.phase is Phase.ROLLING_BACK and status.withdrawal:
        return _TRUE, Reason.ROLLBACK_IN_PROGRESS, f"traffic moves to {status.withdrawal.to}"
    if status.candidate_revision and status.phase is not Phase.HELD:
        return _TRUE, Reason.ROLLOUT_IN_PROGRESS, f"{status.candidate_revision} is being tried"
    if status.withdrawal:
        return _TRUE, Reason.ROLLOUT_IN_PROGRESS, f"traffic moves to {status.withdrawal.to}"
    if status.stable_revision and situation.pods(status.stable_revision).ready < situation.spec.replicas:
        return _TRUE, Reason.PODS_CHANGING, f"not all pods of {status.stable_revision} are ready"
    return _FALSE, Reason.SETTLED, "nothing is going on"


def _stalled(situation: Situation, status: ModelDeploymentStatus) -> _Said:
    if situation.observation.render_problem:
        return _TRUE, Reason.RENDER_REFUSED, situation.observation.render_problem
    if status.phase is Phase.HELD and status.rollout:
        held = next((entry.message for entry in status.history if entry.action == "Held"), "")
        return _TRUE, Reason.HELD, f"{status.rollout.held}: {held}"
    incident = status.incident
    if incident and incident.reason == Reason.ROLLBACK_BUDGET_EXHAUSTED:
        return _TRUE, Reason.ROLLBACK_BUDGET_EXHAUSTED, incident.message
    rejected = _wanted_rejection(situation, status)
    if rejected and not status.candidate_revision:
        return _TRUE, Reason.REVISION_REJECTED, rejected
    return _FALSE, Reason.NOT_STALLED, ""


def _progressing(situation: Situation, status: ModelDeploymentStatus) -> _Said:  # noqa: PLR0911 - a list of cases
    candidate = status.candidate_revision
    if not candidate:
        return _not_progressing(situation, status)
    if situation.spec.paused and status.stable_revision:
        return _FALSE, Reason.PAUSED, "spec.paused is true"
    if status.phase is Phase.HELD and status.rollout:
        return _FALSE, Reason.HELD, status.rollout.held
    if is_split(status) and not situation.metrics_are_available:
        return _FALSE, Reason.WAITING_FOR_METRICS, situation.observation.metrics_message
    if status.phase is Phase.GATING:
        waits = ", ".join(gate.name for gate in status.gates if not gates.is_settled(gate))
        return _TRUE, Reason.GATING, f"{candidate} has gates to pass before any traffic: {waits}"
    if status.phase is Phase.PROMOTING:
        return _TRUE, Reason.PROMOTING, f"{candidate} gets its remaining pods"
    if is_split(status) and status.rollout:
        step = status.rollout.step
        if unmet := unmet_weight(situation.spec, min(step, len(situation.spec.rollout.steps) - 1)):
            return _TRUE, Reason.WEIGHT_NOT_MET, unmet
        return _TRUE, Reason.STEP_IN_PROGRESS, f"step {step + 1} of {len(situation.spec.rollout.steps)}"
    problem = situation.pods(candidate).problem
    return (
        _TRUE,
        Reason.NEW_REVISION,
        f"pods of {candidate} start" + (f": {problem.message}" if problem else ""),
    )


def _not_progressing(situation: Situation, status: ModelDeploymentStatus) -> _Said:
    rejected = _wanted_rejection(situation, status)
    if rejected:
        return _FALSE, Reason.REVISION_REJECTED, rejected
    if status.withdrawal:
        return _TRUE, Reason.PROMOTING, f"traffic moves to {status.withdrawal.to}"
    if situation.observation.wanted_revision != status.stable_revision:
        return _waiting(situation, status)
    if status.control and (unmet := unmet_holdback(situation.spec)):
        return _TRUE, Reason.WEIGHT_NOT_MET, unmet
    return _TRUE, Reason.ROLLOUT_COMPLETE, f"{status.stable_revision} is the revision that spec asks for"


def _waiting(situation: Situation, status: ModelDeploymentStatus) -> _Said:
    """Return what the revision that spec asks for waits for."""
    wanted, stable, control = situation.observation.wanted_revision, status.stable_revision, status.control
    if stable and situation.spec.paused:
        return _FALSE, Reason.PAUSED, f"{wanted} waits: spec.paused is true"
    if control and status.phase is Phase.PROBING:
        return _TRUE, Reason.NEW_REVISION, f"{wanted} waits: {stable} is compared with {control.revision}"
    if control:
        return (
            _TRUE,
            Reason.NEW_REVISION,
            f"{wanted} waits: {control.revision} has a share until {stable} is ready",
        )
    return _TRUE, Reason.NEW_REVISION, f"{wanted} begins next"


def _wanted_rejection(situation: Situation, status: ModelDeploymentStatus) -> str:
    wanted = situation.observation.wanted_revision
    for rejected in status.rejected_revisions:
        if rejected.revision == wanted:
            return (
                f"{wanted} was rejected ({rejected.reason}): {rejected.message}; change spec, "
                f"or set modelward.dev/retry: {wanted}@TOKEN"
            )
    return ""


def _objectives_met(situation: Situation, status: ModelDeploymentStatus) -> _Said:
    away = {
        MetricsState.UNAVAILABLE: Reason.METRICS_UNAVAILABLE,
        MetricsState.NOT_SCRAPED: Reason.NOT_SCRAPED,
    }
    if reason := away.get(situation.observation.metrics):
        return _UNKNOWN, reason, situation.observation.metrics_message
    selected = targets(situation.spec, status).selected
    rows = [row for row in status.objectives if row.revision in selected]
    by_verdict = {
        verdict: sorted({row.name for row in rows if row.verdict == verdict})
        for verdict in ("Breached", "Unknown", "Inconclusive")
    }
    if status.incident:
        return _FALSE, _named(status.incident.reason), status.incident.message
    if breached := by_verdict["Breached"]:
        return _FALSE, _why_breached(status), f"breached: {', '.join(breached)}"
    if unknown := by_verdict["Unknown"]:
        return _UNKNOWN, Reason.NO_DATA, f"no data for: {', '.join(unknown)}"
    if inconclusive := by_verdict["Inconclusive"]:
        return _UNKNOWN, Reason.INCONCLUSIVE, f"not enough evidence yet for: {', '.join(inconclusive)}"
    return (
        (_TRUE, Reason.MET, "every objective is met")
        if rows
        else (_UNKNOWN, Reason.NO_DATA, "nothing serves")
    )


def _why_breached(status: ModelDeploymentStatus) -> Reason:
    """Return what a held rollout says of a breach, or no more than that there is one."""
    return _named(status.rollout.held if status.rollout else "")


def _named(reason: str) -> Reason:
    """Return the reason for a breach of this name; one that nobody documents is a breach."""
    allowed = REASONS_OF[ConditionType.OBJECTIVES_MET]
    return next((each for each in allowed if each == reason), Reason.BREACHED)


def _has_queries(situation: Situation) -> bool:
    spec = situation.spec
    queries = [*(each.query for each in spec.drift.detectors), *(each.query for each in spec.objectives)]
    return any(query is not None for query in queries)


def _queries_valid(situation: Situation) -> _Said:
    if not situation.metrics_are_available:
        return _UNKNOWN, Reason.METRICS_UNAVAILABLE, situation.observation.metrics_message
    if problems := situation.observation.query_problems:
        return _FALSE, Reason.QUERY_FAILED, "; ".join(f"{each.subject}: {each.message}" for each in problems)
    return _TRUE, Reason.QUERIES_ANSWERED, "every query of the team gives one series"


def _counted_but_unknown(situation: Situation) -> list[str]:
    """Return the detectors of what monitors count that have no value: the profile's, and those by events."""
    of_events = [each.name for each in situation.spec.drift.detectors if each.events is not None]
    return [name for name in (PROFILE_DETECTOR, *of_events) if name in situation.observation.drift_unknown]


def _drift_watched(situation: Situation) -> dict[ConditionType, _Said]:
    """Return what there is to say of the profile that spec names; nothing where it names none."""
    profile = situation.observation.profile
    if profile is None:
        return {}
    match profile.problem:
        case ProfileProblem.MISSING:
            said = _FALSE, Reason.PROFILE_MISSING, profile.message
        case ProfileProblem.INVALID:
            said = _FALSE, Reason.PROFILE_INVALID, profile.message
        case _ if not situation.metrics_are_available:
            said = _UNKNOWN, Reason.METRICS_UNAVAILABLE, situation.observation.metrics_message
        case _ if unknown := _counted_but_unknown(situation):
            message = f"too few values in the window, or nothing is recorded: {', '.join(unknown)}"
            said = _UNKNOWN, Reason.TOO_FEW_VALUES, message
        case ProfileProblem.CUT:
            said = _TRUE, Reason.FEATURES_CUT, profile.message
        case _:
            said = _TRUE, Reason.PROFILE_IN_USE, "every feature of the profile is watched"
    return {ConditionType.DRIFT_WATCHED: said}
