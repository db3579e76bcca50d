"""Drift from a profile: what is recorded of it, and the alert. The group is one of the PrometheusRule's."""

from decimal import Decimal
from typing import Any, Final

from modelward import conventions as names
from modelward.api.binning import DriftConfig
from modelward.api.drift import PROFILE_DETECTOR, Drift
from modelward.api.quantities import format_decimal, format_duration
from modelward.evidence.drift import EVENTS_PER_BIN, DriftPolicy, chi_squared_quantile
from modelward.render import drift_promql as promql
from modelward.render.alert import alert
from modelward.render.identity import DeploymentIdentity, Platform

ALERT: Final = "ModelwardFeatureDrifted"
INTERVAL_SECONDS: Final = 60
"""How often a window is looked at."""
FALSE_ALARMS_PER_YEAR: Final = 1.0


def rule_group(
    identity: DeploymentIdentity, drift: Drift, config: DriftConfig, platform: Platform
) -> dict[str, Any]:
    """Return the group of rules that hold the counts of bins against the profile.

    Rules of one group are evaluated in order, at one time: each sees what those before it recorded.
    """
    key = (identity.namespace, identity.name)
    recorded = (
        (names.RECORD_BIN_VALUES, promql.bin_values(key, format_duration(drift.window_length))),
        (names.RECORD_BIN_VALUES, promql.bin_values_of_all(key)),
        (names.RECORD_BIN_SHARE, promql.bin_share(key)),
        (names.RECORD_BIN_RATIO, promql.bin_ratio(key)),
        (names.RECORD_PSI, promql.psi(key)),
        (names.RECORD_JENSEN_SHANNON, promql.jensen_shannon(key)),
        (names.RECORD_CHI_SQUARED, promql.chi_squared(key)),
        (names.RECORD_PSI_LIMIT, _limit(key, drift.psi_threshold, config)),
    )
    return {
        "name": f"modelward.{identity.name}.drift",
        "interval": f"{INTERVAL_SECONDS}s",
        "rules": [
            *({"record": record, "expr": expression} for record, expression in recorded),
            _alert(identity, drift, config, platform),
        ],
    }


def limit_policy(threshold: Decimal, config: DriftConfig) -> DriftPolicy:
    """Return when a feature has drifted.

    Windows overlap, so every look counts as one, as if what it sees were new: the false alarms of a year are
    at most what is stated, whatever looks have to do with each other.
    """
    features = len(config.features) + (config.prediction is not None)
    return DriftPolicy(float(threshold), FALSE_ALARMS_PER_YEAR, features, INTERVAL_SECONDS)


def _limit(key: tuple[str, str], threshold: Decimal, config: DriftConfig) -> str:
    policy = limit_policy(threshold, config)
    counted = config.features if config.prediction is None else (*config.features, config.prediction)
    bins = {len(feature.labels) for feature in counted}
    quantiles = {number: chi_squared_quantile(policy.tail, number - 1) for number in bins}
    return promql.psi_limit(key, policy.threshold, quantiles, EVENTS_PER_BIN)


def _alert(
    identity: DeploymentIdentity, drift: Drift, config: DriftConfig, platform: Platform
) -> dict[str, Any]:
    window = format_duration(drift.window_length)
    texts = {
        "summary": f"{identity.name}: {{{{ $labels.role }}}} {{{{ $labels.feature }}}} has drifted",
        "description": (
            f"Over the last {window} the population stability index of {{{{ $labels.role }}}} "
            f"{{{{ $labels.feature }}}} of ModelDeployment {identity.namespace}/{identity.name} was "
            f'{{{{ printf "%.3g" $value }}}}; above {format_decimal(drift.psi_threshold)}, and above what '
            "chance would do, it is not what the model was trained on. Nothing is rolled back for it alone. "
            f"See: kubectl modelward explain {identity.name} -n {identity.namespace}"
        ),
    }
    expression = promql.drifted_features((identity.namespace, identity.name), config.profile)
    labels = {"severity": "ticket", "detector": PROFILE_DETECTOR}
    return alert(identity, platform, ALERT, expression, texts, labels) | {"for": "5m"}
