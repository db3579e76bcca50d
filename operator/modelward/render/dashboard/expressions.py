"""PromQL that several panels share; it holds the variables $namespace, $deployment and $revision."""

from typing import Final

from modelward import conventions as names
from modelward.render import promql

DEPLOYMENT: Final = 'namespace="$namespace", deployment="$deployment"'
REVISION: Final = f'{DEPLOYMENT}, revision=~"$revision"'
_BY_OBJECTIVE: Final = "by (namespace, deployment, objective, config)"


def burn_rate(window: str, matchers: str) -> str:
    """Share of bad events over what the target allows; 1 uses the budget up just in time."""
    bad = f"avg_over_time({promql.RECORD_BAD}{{{matchers}}}[{window}])"
    every = f"avg_over_time({promql.RECORD_ALL}{{{matchers}}}[{window}])"
    target = f"max {_BY_OBJECTIVE} ({promql.RECORD_TARGET}{{{matchers}}})"
    return f"({bad} / ({every} > 0)) / on (namespace, deployment, objective, config) (1 - {target})"


def quantile(share: str, metric: str, by: str, matchers: str) -> str:
    """Quantile of a histogram, over 5 minutes."""
    rate = f"sum by (le, {by}) (rate({metric}_bucket{{{matchers}}}[5m]))"
    return f"histogram_quantile({share}, {rate})"


def storage_mean_ms(by: str) -> str:
    """Mean milliseconds of a read of storage, over 5 minutes."""
    rates = [
        f"sum by ({by}) (rate({names.METRIC_STORAGE_READ}_{part}{{{REVISION}}}[5m]))"
        for part in ("sum", "count")
    ]
    return f"1000 * {rates[0]} / ({rates[1]} > 0)"


BAD_SHARE: Final = (
    f"sum by (objective) ({promql.RECORD_BAD}{{{DEPLOYMENT}}}) "
    f"/ (sum by (objective) ({promql.RECORD_ALL}{{{DEPLOYMENT}}}) > 0)"
)
GOOD: Final = f'sum by (objective, revision) (rate({names.METRIC_EVENTS}{{{REVISION}, result="good"}}[5m]))'
EVENTS: Final = f"sum by (objective, revision) (rate({names.METRIC_EVENTS}{{{REVISION}}}[5m]))"
