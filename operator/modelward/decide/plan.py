"""Which evidence is to be kept: whose, and who is compared with whom in the same blocks."""

from modelward.api.objectives import (
    INFRASTRUCTURE_KINDS,
    Objective,
    event_config,
    judges_candidates,
    kind_of,
)
from modelward.api.spec import ModelDeploymentSpec
from modelward.api.status import ControlPurpose, ModelDeploymentStatus
from modelward.conventions import BLOCK_SECONDS
from modelward.decide.placement import targets
from modelward.decide.situation import is_shared, is_split
from modelward.evidence.ledger import Comparison, ObjectivePlan, Plan
from modelward.evidence.sharing import probe_parts
from modelward.evidence.versus import Form


def evidence_plan(spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> Plan:
    """Return what the ledger is to be advanced with, as a function of spec and status alone."""
    objectives = tuple(_objective_plan(objective, status) for objective in spec.objectives)
    return Plan(
        block_seconds=BLOCK_SECONDS,
        objectives=objectives,
        watched=_watched(spec, status),
        comparison=_comparison(spec, status),
        max_false_rollbacks_per_year=float(spec.rollback.max_false_rollbacks_per_year),
        max_false_rejection_probability=float(spec.rollout.max_false_rejection_probability),
    )


def _objective_plan(objective: Objective, status: ModelDeploymentStatus) -> ObjectivePlan:
    worse, better = objective.versus_stable.worse_above, objective.versus_stable.not_worse_below
    compared = _is_compared(objective, status)
    return ObjectivePlan(
        name=objective.name,
        config=event_config(objective),
        allowed_bad=float(1 - objective.target),
        max_ratio=float(worse.ratio) if compared else None,
        not_worse_ratio=float(better.ratio) if compared else None,
        max_margin=float(worse.margin),
        not_worse_margin=float(better.margin),
    )


def _watched(spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> tuple[str, ...]:
    """Return whose evidence is kept: what has traffic, and the standby for when it is asked again."""
    selected = targets(spec, status).selected
    return (*selected, *({status.standby_revision} - {"", *selected}))


def _comparison(spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> Comparison | None:
    """Return who is held against whom in the same blocks: whoever is suspected is the candidate."""
    if status.rollout and is_split(status):
        return Comparison(
            candidate=status.candidate_revision,
            stable=status.stable_revision,
            step=status.rollout.step,
            parts=max(len(spec.rollout.steps), status.rollout.step + 1),
        )
    if status.control and is_shared(status):
        is_probe = status.control.purpose is ControlPurpose.PROBE
        return Comparison(
            candidate=status.stable_revision,
            stable=status.control.revision,
            step=0,
            parts=probe_parts(_probe_number(status)) if is_probe else 1,
            form=Form.STEP if is_probe else Form.PERMANENT,
        )
    return None


def _probe_number(status: ModelDeploymentStatus) -> int:
    """Return which probe of its incident the present one is, counted from 1."""
    return 1 + (status.incident.probes if status.incident else 0)


def _is_compared(objective: Objective, status: ModelDeploymentStatus) -> bool:
    """Return whether an objective compares revisions: after promotion also those too late for a rollout."""
    if is_shared(status):
        return kind_of(objective) not in INFRASTRUCTURE_KINDS
    return judges_candidates(objective)
