"""The parts of status that sum up what was seen: traffic shares, objectives and their worst verdict."""

from datetime import timedelta
from typing import Any

from modelward.api.objectives import Objective, error_clip
from modelward.api.status import ModelDeploymentStatus, ObjectiveStatus, TrafficShare, VerdictName
from modelward.decide.clock import elapsed, stamp
from modelward.decide.placement import targets
from modelward.decide.situation import Situation, is_split
from modelward.decide.sizing import share_percent
from modelward.evidence.ledger import Assessment
from modelward.evidence.verdict import Verdict

REFRESH = timedelta(seconds=30)
"""How often the numbers in status.objectives are refreshed while a rollout is going on."""

_WORST_FIRST: tuple[VerdictName, ...] = ("Breached", "Unknown", "Inconclusive", "Healthy")


def summarized(situation: Situation, status: ModelDeploymentStatus) -> ModelDeploymentStatus:
    """Return `status` with the summary of what was seen."""
    selected = targets(situation.spec, status).selected
    shares = _traffic(situation, selected)
    candidate_share = next((s.weight for s in shares if s.revision == status.candidate_revision), 0)
    serving = status.stable_revision
    name = situation.observation.deployment
    labels = f"modelward.dev/deployment={name}" + (f",modelward.dev/revision={serving}" if serving else "")
    fields: dict[str, Any] = {
        "observed_generation": situation.observation.generation,
        "traffic": shares,
        "weight": candidate_share if is_split(status) else 0,
        "replicas": situation.pods(serving).pods if serving else 0,
        "selector": labels,
    }
    return status.model_copy(update=fields | _objectives(situation, status, selected))


def _traffic(situation: Situation, selected: tuple[str, ...]) -> tuple[TrafficShare, ...]:
    if len(selected) != 2:  # noqa: PLR2004 - a split is between two
        return tuple(TrafficShare(revision=revision, weight=100) for revision in selected)
    first, second = selected
    share = share_percent(situation.pods(second).ready, situation.pods(first).ready)
    return (TrafficShare(revision=first, weight=100 - share), TrafficShare(revision=second, weight=share))


def _objectives(
    situation: Situation, status: ModelDeploymentStatus, selected: tuple[str, ...]
) -> dict[str, Any]:
    now = tuple(
        _row(objective, revision, assessment)
        for revision in selected
        for objective, assessment in situation.assessed(revision)
    )
    worst = min((row.verdict for row in now), key=_WORST_FIRST.index, default="Unknown")
    same_verdicts = _verdicts(now) == _verdicts(status.objectives)
    is_moving = is_split(status)
    is_due = elapsed(status.objectives_read_at, situation.now) >= REFRESH
    if same_verdicts and not (is_moving and is_due and now != status.objectives):
        return {"verdict": worst}
    return {"verdict": worst, "objectives": now, "objectives_read_at": stamp(situation.now)}


def _verdicts(rows: tuple[ObjectiveStatus, ...]) -> list[tuple[str, str, str]]:
    return [(row.name, row.revision, row.verdict) for row in rows]


def _row(objective: Objective, revision: str, assessment: Assessment | None) -> ObjectiveStatus:
    if assessment is None:
        return ObjectiveStatus(name=objective.name, revision=revision, verdict="Unknown")
    return ObjectiveStatus(
        name=objective.name,
        revision=revision,
        good=round(assessment.good),
        total=round(assessment.total),
        mean_absolute_error=_mean_error(objective, assessment),
        verdict=_worst(assessment),
        evidence=f"{max(_shares(assessment)):.2f}",
    )


def _mean_error(objective: Objective, assessment: Assessment) -> str | None:
    clip = error_clip(objective)
    if clip is None or not assessment.total:
        return None
    return f"{(1 - assessment.good / assessment.total) * float(clip):.4g}"


def _worst(assessment: Assessment) -> VerdictName:
    if Verdict.BREACHED in (assessment.target, assessment.versus):
        return "Breached"
    return assessment.target.value


def _shares(assessment: Assessment) -> list[float]:
    shares = [assessment.target_log_evidence / assessment.target_log_threshold]
    if assessment.versus is not None:
        shares.append(assessment.versus_log_evidence / assessment.versus_log_threshold)
    return [max(0.0, share) for share in shares]
