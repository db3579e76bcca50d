"""Which evidence is to be kept: the revisions with traffic, and the comparison of a split."""

from modelward.api.objectives import event_config, judges_candidates
from modelward.api.spec import ModelDeploymentSpec
from modelward.api.status import ModelDeploymentStatus
from modelward.conventions import BLOCK_SECONDS
from modelward.decide.placement import targets
from modelward.decide.situation import is_split
from modelward.evidence.ledger import Comparison, ObjectivePlan, Plan


def evidence_plan(spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> Plan:
    """Return what the ledger is to be advanced with, as a function of spec and status alone."""
    split = is_split(status)
    objectives = tuple(
        ObjectivePlan(
            name=objective.name,
            config=event_config(objective),
            allowed_bad=float(1 - objective.target),
            max_ratio=float(objective.versus_stable.max_ratio) if judges_candidates(objective) else None,
            not_worse_ratio=(
                float(objective.versus_stable.not_worse_ratio) if judges_candidates(objective) else None
            ),
        )
        for objective in spec.objectives
    )
    comparison = None
    if split and status.rollout:
        comparison = Comparison(
            candidate=status.candidate_revision,
            stable=status.stable_revision,
            step=status.rollout.step,
            steps=max(len(spec.rollout.steps), status.rollout.step + 1),
        )
    return Plan(
        block_seconds=BLOCK_SECONDS,
        objectives=objectives,
        watched=targets(spec, status).selected,
        comparison=comparison,
        max_false_rollbacks_per_year=float(spec.rollback.max_false_rollbacks_per_year),
        max_false_rejection_probability=float(spec.rollout.max_false_rejection_probability),
    )
