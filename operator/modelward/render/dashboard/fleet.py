"""The row of all deployments, the worst first."""

from typing import Final

from modelward.render.dashboard.expressions import burn_rate
from modelward.render.dashboard.panel import Kind, Panel, Row, Target, Unit

FLEET: Final = Row(
    "All deployments",
    (
        Panel(
            "Nearest to a breach",
            "Evidence against the target of the worst objective: at 1 the operator acts.",
            Kind.TABLE,
            Unit.NUMBER,
            (
                Target(
                    "sort_desc(max by (namespace, deployment) (modelward_objective_evidence))",
                    "{{namespace}}/{{deployment}}",
                ),
            ),
            width=8,
        ),
        Panel(
            "Burning fastest",
            "Burn rate over an hour of the worst objective: at 1 the error budget of 30 days lasts 30 days.",
            Kind.TABLE,
            Unit.NUMBER,
            (
                Target(
                    f"sort_desc(max by (namespace, deployment) ({burn_rate('1h', '')}))",
                    "{{namespace}}/{{deployment}}",
                ),
            ),
            width=8,
        ),
        Panel(
            "Phases",
            "Where each deployment stands.",
            Kind.TABLE,
            Unit.NUMBER,
            (
                Target(
                    "max by (namespace, deployment, phase) (modelward_deployment_phase) > 0",
                    "{{namespace}}/{{deployment}} {{phase}}",
                ),
            ),
            width=8,
        ),
    ),
)
