"""The row of a deployment's objectives: what is bad, how fast the budget burns, what the evidence says."""

from typing import Final

from modelward.render.dashboard.expressions import BAD_SHARE, DEPLOYMENT, REVISION, burn_rate
from modelward.render.dashboard.panel import Kind, Panel, Row, Target, Unit

OBJECTIVES: Final = Row(
    "Objectives",
    (
        Panel(
            "Bad events",
            "Share of bad events of each objective, over 5 minutes.",
            Kind.LINES,
            Unit.RATIO,
            (Target(BAD_SHARE, "{{objective}}"),),
            width=8,
        ),
        Panel(
            "Burn rate",
            "How many times faster than allowed the error budget is used, over an hour. 14.4 pages.",
            Kind.LINES,
            Unit.NUMBER,
            (Target(burn_rate("1h", DEPLOYMENT), "{{objective}}"),),
            width=8,
            limit=14.4,
        ),
        Panel(
            "Error budget left",
            "Of the last 30 days, as far back as Prometheus has them.",
            Kind.LINES,
            Unit.RATIO,
            (Target(f"1 - {burn_rate('30d', DEPLOYMENT)}", "{{objective}}"),),
            width=8,
            limit=0,
        ),
        Panel(
            "Evidence against the target",
            "As a share of what a breach takes. It forgets nothing that matters and proves nothing early.",
            Kind.LINES,
            Unit.NUMBER,
            (
                Target(
                    f"max by (objective, revision) (modelward_objective_evidence{{{REVISION}}})",
                    "{{objective}} {{revision}}",
                ),
            ),
            limit=1,
        ),
        Panel(
            "Verdicts",
            "What the evidence says of each objective and revision. Unknown is no good news.",
            Kind.STATES,
            Unit.NUMBER,
            (
                Target(
                    f"max by (objective, revision, verdict) (modelward_objective_verdict{{{REVISION}}})",
                    "{{objective}} {{revision}} {{verdict}}",
                ),
            ),
        ),
    ),
)
