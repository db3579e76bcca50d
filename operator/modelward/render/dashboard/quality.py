"""The rows of a model's quality: by revision, from labels, and its inputs against the training data."""

from typing import Final

from modelward import conventions as names
from modelward.render.dashboard.expressions import DEPLOYMENT, EVENTS, GOOD, REVISION, quantile
from modelward.render.dashboard.panel import Kind, Panel, Row, Target, Unit

QUALITY: Final = Row(
    "Quality by revision, and labels",
    (
        Panel(
            "Good events by revision",
            "Of each objective, over 5 minutes; of an accuracy objective this is the accuracy.",
            Kind.LINES,
            Unit.RATIO,
            (Target(f"{GOOD} / ({EVENTS} > 0)", "{{objective}} {{revision}}"),),
        ),
        Panel(
            "Label delay",
            "From prediction to label.",
            Kind.LINES,
            Unit.SECONDS,
            tuple(
                Target(
                    quantile(share, names.METRIC_LABEL_DELAY, "revision", REVISION),
                    f"{{{{revision}}}} {text}",
                )
                for share, text in (("0.5", "median"), ("0.9", "90%"))
            ),
            width=6,
        ),
        Panel(
            "Labelled",
            "Labels that came back for each receipt issued, over 15 minutes; late ones are of earlier ones.",
            Kind.LINES,
            Unit.RATIO,
            (
                Target(
                    f"clamp_max(sum by (revision) (rate({names.METRIC_LABELLED}{{{REVISION}}}[15m])) "
                    f"/ (sum by (revision) (rate({names.METRIC_RECEIPTS}{{{REVISION}}}[15m])) > 0), 1)",
                    "{{revision}}",
                ),
            ),
            width=6,
        ),
        Panel(
            "Confusion",
            "Labelled predictions: what was predicted, and what was true.",
            Kind.CONFUSION,
            Unit.NUMBER,
            (
                Target(
                    "sum by (revision, predicted, actual) "
                    f"(increase({names.METRIC_CONFUSION}{{{REVISION}}}[$__range])) > 0",
                    "{{revision}}: predicted {{predicted}}, was {{actual}}",
                ),
            ),
        ),
    ),
)
DRIFT: Final = Row(
    "Drift",
    (
        Panel(
            "Drift by feature",
            "Population stability index against the profile of the training data, over its limit: from 1 on "
            "it has drifted.",
            Kind.HEAT,
            Unit.NUMBER,
            (
                Target(
                    f'{names.RECORD_PSI}{{{DEPLOYMENT}, revision=""}} '
                    f'/ {names.RECORD_PSI_LIMIT}{{{DEPLOYMENT}, revision=""}}',
                    "{{role}} {{feature}}",
                ),
            ),
        ),
        Panel(
            "Drift detectors",
            "The profile's and the team's own, as the operator reads them.",
            Kind.LINES,
            Unit.NUMBER,
            (Target(f"max by (detector) ({names.METRIC_DRIFT}{{{DEPLOYMENT}}})", "{{detector}}"),),
        ),
    ),
)
