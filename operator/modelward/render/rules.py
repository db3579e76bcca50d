"""The PrometheusRule: what a person is told about a deployment's objectives.

Multi-window, multi-burn-rate alerts (Google, The Site Reliability Workbook, chapter 5, table 5-8): a
budget is burning too fast when both a long and a short window say so; the short one ends the alert soon
after the burning ends. These are for people: the operator itself decides on evidence, not on them.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from modelward.api.binning import DriftConfig
from modelward.api.drift import Detector
from modelward.api.objectives import Objective, event_config
from modelward.api.quantities import format_decimal, format_percentage
from modelward.api.spec import ModelDeploymentSpec
from modelward.render import promql
from modelward.render.alert import alert
from modelward.render.approval import approval_alert
from modelward.render.drift import rule_group
from modelward.render.identity import DeploymentIdentity, Platform
from modelward.render.incidents import incident_alerts
from modelward.render.infrastructure import infrastructure_groups
from modelward.render.manifest import Manifest, deployment_labels, owned

KIND: Final = "PrometheusRule"
ALERT_BURN: Final = "ModelwardErrorBudgetBurn"
ALERT_NO_DATA: Final = "ModelwardNoData"
ALERT_DRIFT: Final = "ModelwardInputsDrifted"
_INTERVAL: Final = f"{promql.RECORD_INTERVAL_SECONDS}s"


@dataclass(frozen=True, slots=True)
class BurnRate:
    """One row of the table: how fast a 30-day budget may burn, over which windows, and who is told."""

    factor: Decimal
    long: str
    short: str
    severity: str


BURN_RATES: Final = (
    BurnRate(Decimal("14.4"), "1h", "5m", "page"),
    BurnRate(Decimal(6), "6h", "30m", "page"),
    BurnRate(Decimal(3), "1d", "2h", "ticket"),
    BurnRate(Decimal(1), "3d", "6h", "ticket"),
)


def bad_ratio_threshold(target: Decimal, burn_rate: BurnRate) -> Decimal:
    """Return the share of bad events above which an alert fires.

    Where an objective allows so many bad events that this factor of them is more than all there are (a
    target of 65% and a factor of 14.4), it is midway between what is allowed and everything.
    """
    allowed = 1 - target
    return min(burn_rate.factor * allowed, (1 + allowed) / 2)


def prometheus_rule(
    identity: DeploymentIdentity,
    spec: ModelDeploymentSpec,
    platform: Platform,
    drift: DriftConfig | None = None,
) -> Manifest:
    """Return PrometheusRule NAME; a deployment without replicas has no alert for missing data.

    With the bins of a profile it has a group of rules more.
    """
    alerts = [
        _burn_alert(identity, objective, burn_rate, platform)
        for objective in spec.objectives
        if objective.query is None  # whose events are not recorded: the team has its own series
        for burn_rate in BURN_RATES
    ]
    alerts += [_drift_alert(identity, detector, platform) for detector in spec.drift.detectors]
    if spec.replicas > 0:
        alerts.append(_no_data_alert(identity, platform))
    alerts += [*incident_alerts(identity, spec, platform), approval_alert(identity, spec, platform)]
    labels = dict(platform.prometheus_rule_labels) | deployment_labels(identity, "monitoring")
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": KIND,
        "metadata": owned(identity, identity.name, labels),
        "spec": {
            "groups": [
                {
                    "name": f"modelward.{identity.name}",
                    "interval": _INTERVAL,
                    "rules": [*_recordings(identity, spec), *alerts],
                },
                *infrastructure_groups(identity, spec, platform),
                *([rule_group(identity, spec.drift, drift, platform)] if drift else []),
            ]
        },
    }


def _recordings(identity: DeploymentIdentity, spec: ModelDeploymentSpec) -> list[dict[str, Any]]:
    key = (identity.namespace, identity.name)
    return [
        {"record": promql.RECORD_ALL, "expr": promql.recorded_rate(key, "")},
        {"record": promql.RECORD_BAD, "expr": promql.recorded_rate(key, "bad")},
        *(_target(identity, objective) for objective in spec.objectives if objective.query is None),
    ]


def _target(identity: DeploymentIdentity, objective: Objective) -> dict[str, Any]:
    labels = {
        "namespace": identity.namespace,
        "deployment": identity.name,
        "objective": objective.name,
        "config": event_config(objective),
    }
    return {
        "record": promql.RECORD_TARGET,
        "expr": f"vector({objective.target.normalize():f})",
        "labels": labels,
    }


def _burn_alert(
    identity: DeploymentIdentity, objective: Objective, burn_rate: BurnRate, platform: Platform
) -> dict[str, Any]:
    threshold = bad_ratio_threshold(objective.target, burn_rate)
    expression = promql.burning(
        (identity.namespace, identity.name),
        (objective.name, event_config(objective)),
        (burn_rate.long, burn_rate.short),
        threshold,
    )
    allowed = format_percentage(1 - objective.target)
    texts = {
        "summary": f"{identity.name}: objective {objective.name} is missed",
        "description": (
            f"{{{{ $value | humanizePercentage }}}} of the events of objective {objective.name} of "
            f"ModelDeployment {identity.namespace}/{identity.name} were bad over the last {burn_rate.long}; "
            f"{allowed} may be. See: kubectl modelward explain {identity.name} -n {identity.namespace}"
        ),
    }
    labels = {
        "severity": burn_rate.severity,
        "objective": objective.name,
        "long_window": burn_rate.long,
        "short_window": burn_rate.short,
    }
    return alert(identity, platform, ALERT_BURN, expression, texts, labels)


def _drift_alert(identity: DeploymentIdentity, detector: Detector, platform: Platform) -> dict[str, Any]:
    key = (identity.namespace, identity.name)
    texts = {
        "summary": f"{identity.name}: drift detector {detector.name} is above its threshold",
        "description": (
            f"Drift detector {detector.name} of ModelDeployment {identity.namespace}/{identity.name} is at "
            f'{{{{ printf "%.3g" $value }}}}, above {format_decimal(detector.threshold)}: the inputs are not '
            "what the model was made for. Nothing is rolled back for this alone. "
            f"See: kubectl modelward explain {identity.name} -n {identity.namespace}"
        ),
    }
    labels = {"severity": "ticket", "detector": detector.name}
    expression = promql.drifted(key, detector.name, detector.threshold)
    rule = alert(identity, platform, ALERT_DRIFT, expression, texts, labels)
    return rule | {"for": "5m"}


def _no_data_alert(identity: DeploymentIdentity, platform: Platform) -> dict[str, Any]:
    texts = {
        "summary": f"{identity.name}: no metrics",
        "description": (
            f"Prometheus has no samples of any pod of ModelDeployment {identity.namespace}/{identity.name}. "
            "Until there are some, nothing is promoted and nothing is rolled back. "
            f"See: kubectl modelward explain {identity.name} -n {identity.namespace}"
        ),
    }
    expression = promql.no_data((identity.namespace, identity.name))
    rule = alert(identity, platform, ALERT_NO_DATA, expression, texts, {"severity": "ticket"})
    return rule | {"for": "10m"}
