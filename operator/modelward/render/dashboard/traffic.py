"""The row of a deployment's traffic: how much, to which revision, how quick, and what is going on."""

from typing import Final

from modelward import conventions as names
from modelward.render.dashboard.expressions import DEPLOYMENT, REVISION, quantile
from modelward.render.dashboard.panel import Kind, Panel, Row, Target, Unit

TRAFFIC: Final = Row(
    "Traffic",
    (
        Panel(
            "Requests by revision",
            "Requests that each revision's own server was given.",
            Kind.LINES,
            Unit.PER_SECOND,
            (Target(f"sum by (revision) (rate({names.METRIC_REQUESTS}{{{REVISION}}}[1m]))", "{{revision}}"),),
        ),
        Panel(
            "Share of traffic",
            "What the operator has set, and the candidate's real share follows.",
            Kind.LINES,
            Unit.RATIO,
            (Target(f"max by (revision) (modelward_traffic_ratio{{{REVISION}}})", "{{revision}}"),),
        ),
        Panel(
            "Phase",
            "Where the deployment stands: docs/rollout.md has what each phase means.",
            Kind.STATES,
            Unit.NUMBER,
            (Target(f"max by (phase) (modelward_deployment_phase{{{DEPLOYMENT}}})", "{{phase}}"),),
        ),
        Panel(
            "Latency",
            "Of predictions, first byte in to last byte out. The dots are traces.",
            Kind.LINES,
            Unit.SECONDS,
            tuple(
                Target(
                    quantile(share, names.METRIC_DURATION, "revision", REVISION),
                    f"{{{{revision}}}} {text}",
                    has_exemplars=True,
                )
                for share, text in (("0.5", "median"), ("0.99", "99%"))
            ),
        ),
    ),
)
