"""Which of the teams' alerts fire, according to Prometheus: a webhook is a hint, ALERTS is the truth.

`rollback.alerts[].matchLabels` of a deployment selects among the firing alerts of its own namespace only,
so that no team can move another's traffic.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from modelward.conventions import ALERT_LABEL_REVISION
from modelward.decide.observation import FiringAlert
from modelward.render import promql
from modelward.signals.answers import NonsenseAnswerError
from modelward.signals.clients import Clients
from modelward.signals.key import Key

MatchLabels: TypeAlias = Mapping[str, str]
CLOCK_SKEW: Final = timedelta(minutes=1)
"""By how much Prometheus' clock may be ahead of ours before an alert's beginning is nonsense."""


async def firing_alerts(
    clients: Clients, key: Key, selectors: Sequence[MatchLabels], at: datetime
) -> tuple[FiringAlert, ...]:
    """Ask which alerts of the deployment's namespace fire at a time and match any of its selectors.

    Raises:
        PrometheusUnavailableError: no complete answer in time, so that nobody can say.
        NonsenseAnswerError: an answer that is not one, or an alert that began in the future.
        ValueError: a selector that no alert can match.
    """
    prometheus = clients.of(key.namespace)
    queries = [promql.firing_since(key.namespace, selector) for selector in selectors]
    answers = await asyncio.gather(*(prometheus.instant(query, at.timestamp()) for query in queries))
    found = {firing(series.labels, series.points[0][1], at) for answer in answers for series in answer}
    return tuple(sorted(found, key=lambda alert: (alert.started_at, alert.name, alert.revision or "")))


def matches(labels: Mapping[str, str], selectors: Iterable[MatchLabels]) -> bool:
    """Whether an alert has every label of at least one selector."""
    return any(all(labels.get(name) == value for name, value in selector.items()) for selector in selectors)


def firing(labels: Mapping[str, str], began: float, at: datetime) -> FiringAlert:
    """Return the alert with these labels that fires at a time, and began at another (unix seconds).

    Raises:
        NonsenseAnswerError: it began in the future, or at no time.
    """
    name = labels.get("alertname", "")
    if not math.isfinite(began) or not 0 < began <= (at + CLOCK_SKEW).timestamp():
        raise NonsenseAnswerError(
            f"alert {name} began at {began}, which is not a time before {at.isoformat()}"
        )
    revision = labels.get(ALERT_LABEL_REVISION) or None
    return FiringAlert(name=name, revision=revision, started_at=datetime.fromtimestamp(began, UTC))
