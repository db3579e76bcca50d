"""Every PromQL expression of the project: what is asked and what is alerted on is tested in one place.

Counts of one block
-------------------
Sums of `increase()` lose a new pod's first sample and count twice where windows overlap, so events are
differences of raw counters at multiples of the block, per pod, summed afterwards. For a target (one
monitor) at the end t of a block of B seconds, from its process_start_time_seconds S:

* *sampled*: its newest sample lies in (t-B, t]. A target that is not contributes nothing; if none is,
  the block has no series at all, which is Unknown. A pod that went away needs no stale marker for that,
  so that a live poll and a range query made later see the same.
* *began*: the process started after the previous sample (or, without one, less than B before this one):
  all that it counted belongs to this block.
* *measured*: not begun, and the previous sample is at most 3B old at t, so that the difference covers one
  block (two, when a scrape was late), never a gap.

A counter of zero counts zero: label sets start at 0, so one that appears at zero brings no unseen events.
Anything else (a scrape missed, a gap in Prometheus, a counter that fell) is what `unknown_counts` finds.
"""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final

from modelward.conventions import (
    ALERT_PREFIX,
    BLOCK_SECONDS,
    METRIC_APPROVAL_AWAITED,
    METRIC_DRIFT,
    METRIC_EVENTS,
    METRIC_EVIDENCE_STATE,
    METRIC_INCIDENT,
    METRIC_PROCESS_START,
    METRIC_REQUESTS,
)

# One scrape target, whatever scraped it: labels that are absent are equal on both sides.
_TARGET: Final = "namespace, pod, job, instance, endpoint"
_EVENTS_BY: Final = "namespace, deployment, revision, objective, config, result, storage"
_UNKNOWN_BY: Final = "namespace, deployment, revision, objective, config"

RECORD_ALL: Final = "modelward:objective_events:rate5m"
"""Events a second, by namespace, deployment, objective and config."""
RECORD_BAD: Final = "modelward:objective_events_bad:rate5m"
RECORD_TARGET: Final = "modelward:objective_target:ratio"
"""The share of events that must be good, by the same labels."""
RECORD_INTERVAL_SECONDS: Final = 30
"""How often the three are recorded."""
LEAST_BAD_EVENTS: Final = 10
"""At little traffic a single bad event is a large share."""

TOTAL_LABEL: Final = "modelward_total"
"""Tells a team's running totals apart where both are asked for at once."""

_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED_ALERT_LABELS: Final = frozenset({"__name__", "alertstate"})

DeploymentKey = tuple[str, str]
"""Namespace and name of a ModelDeployment."""


def counts(deployments: Collection[DeploymentKey], block_seconds: int = BLOCK_SECONDS) -> str:
    """Events of the block that ends at the evaluation time, a multiple of `block_seconds`.

    Answers a vector by namespace, deployment, revision, objective, config, result and storage, of other
    deployments too (names and namespaces are matched apart). Valid only where `unknown_counts` is silent.

    Raises:
        ValueError: no deployment is given.
    """
    target = _Target(deployments, block_seconds)
    return (
        f"sum by ({_EVENTS_BY}) ((\n"
        f"  {target.differences}\n"
        f"  or {target.events} and on ({_TARGET}) ({target.began})\n"
        f"  or {target.events} == 0\n"
        f") and on ({_TARGET}) ({target.sampled}))"
    )


def unknown_counts(deployments: Collection[DeploymentKey], block_seconds: int = BLOCK_SECONDS) -> str:
    """How many series of the block cannot be counted, by namespace, deployment, revision, objective, config.

    A group that is present has an Unknown block: part of its events cannot be told from earlier ones.

    Raises:
        ValueError: no deployment is given.
    """
    target = _Target(deployments, block_seconds)
    return (
        f"count by ({_UNKNOWN_BY}) ((\n"
        f"  {target.events} > 0\n"
        f"  unless on ({_TARGET}) ({target.began})\n"
        f"  unless ({target.differences})\n"
        f") and on ({_TARGET}) ({target.sampled}))"
    )


class _Target:
    """The expressions about scrape targets that `counts` and `unknown_counts` share."""

    def __init__(self, deployments: Collection[DeploymentKey], block_seconds: int) -> None:
        namespaces = _one_of("namespace", {namespace for namespace, _ in deployments})
        names = _one_of("deployment", {name for _, name in deployments})
        start = f"{METRIC_PROCESS_START}{{{namespaces}}}"
        before = f"{start} offset {block_seconds}s"
        self.events = f"{METRIC_EVENTS}{{{namespaces}, {names}}}"
        self.sampled = f"timestamp({start}) > time() - {block_seconds}"
        self.began = f"{start} > {before} or ({start} > timestamp({start}) - {block_seconds} unless {before})"
        measured = f"timestamp({before}) > time() - {3 * block_seconds} unless {start} > {before}"
        self.differences = (
            f"(({self.events} - {self.events} offset {block_seconds}s) >= 0) and on ({_TARGET}) ({measured})"
        )


def requests(deployment: DeploymentKey, block_seconds: int = BLOCK_SECONDS) -> str:
    """Requests by revision that its own pods were given in the block that ends at the evaluation time.

    Good for whether there were any: a pod's first sample is taken as if all of it were of this block.
    """
    now = f"{METRIC_REQUESTS}{{{_deployments([deployment])}}}"
    return f"sum by (revision) ({now} - {now} offset {block_seconds}s >= 0 or {now})"


def sampled_lately(deployments: Collection[DeploymentKey], lookback_seconds: int = 3600) -> str:
    """Answer 1 by namespace and deployment for those with any sample in the last `lookback_seconds`.

    Raises:
        ValueError: no deployment is given.
    """
    requests = f"{METRIC_REQUESTS}{{{_deployments(deployments)}}}"
    return f"group by (namespace, deployment) (last_over_time({requests}[{lookback_seconds}s]))"


def evidence_block_times(deployments: Collection[DeploymentKey], lookback_seconds: int = 3600) -> str:
    """Every scrape of a deployment's evidence: raw samples, each with its own time, a range vector.

    Values are the end of the last block that the evidence holds, in unix seconds; series are per operator
    pod that exported it.

    Raises:
        ValueError: no deployment is given.
    """
    return (
        f'{METRIC_EVIDENCE_STATE}{{{_deployments(deployments)}, component="block_time"}}[{lookback_seconds}s]'
    )


def evidence_state(deployments: Collection[DeploymentKey]) -> str:
    """Detector state as of one scrape, per operator pod that exported it.

    To be evaluated at the time of a sample of `evidence_block_times`: the state of one scrape is whole, while
    the last samples of an hour would mix it with series that had ended before (another target's, say).

    Raises:
        ValueError: no deployment is given.
    """
    return f"last_over_time({METRIC_EVIDENCE_STATE}{{{_deployments(deployments)}}}[1ms])"


def firing_since(namespace: str, match_labels: Mapping[str, str]) -> str:
    """Alerts of one namespace that fire now and have these labels; the value is the start, in unix seconds.

    Our own alerts are not among them: some say that going back would not help.

    The start is when the alert's condition first held (ALERTS_FOR_STATE), not when `for` was over.

    Raises:
        ValueError: no label is given, or one that an alert cannot have.
    """
    if not match_labels:
        msg = "an alert is matched by at least one label; write for instance severity: page"
        raise ValueError(msg)
    for name in match_labels:
        if not _LABEL_NAME.fullmatch(name) or name in _RESERVED_ALERT_LABELS:
            msg = f"{name!r} is not a label of an alert; write a name of letters, digits and underscores"
            raise ValueError(msg)
    matchers = ", ".join(
        [
            f"namespace={_quoted(namespace)}",
            f"alertname!~{_quoted(ALERT_PREFIX + '.+')}",
            *(f"{key}={_quoted(match_labels[key])}" for key in sorted(match_labels)),
        ]
    )
    return (
        f'ALERTS_FOR_STATE{{{matchers}}} and ignoring (alertstate) ALERTS{{alertstate="firing", {matchers}}}'
    )


def recorded_rate(deployment: DeploymentKey, result: str) -> str:
    """Events a second over 5 minutes, of one result or (empty) of all, by objective and event definition."""
    matchers = _deployments([deployment]) + (f", result={_quoted(result)}" if result else "")
    return f"sum by (namespace, deployment, objective, config) (rate({METRIC_EVENTS}{{{matchers}}}[5m]))"


def burning(
    deployment: DeploymentKey, objective: tuple[str, str], windows: tuple[str, str], threshold: Decimal
) -> str:
    """Share of bad events of an objective in the longer window, where it is above a threshold in both.

    Long windows are averages of the recorded rates: a 3-day rate of raw counters that are sampled every few
    seconds would cost as much as all else together. Fewer than `LEAST_BAD_EVENTS` in the longer window
    are nobody's alarm.

    Args:
        deployment: namespace and name.
        objective: its name, and the hash of its event definition.
        windows: the longer and the shorter, as Prometheus writes durations.
        threshold: share of bad events, from 0 to 1.
    """
    name, config = objective
    matchers = f"{_deployments([deployment])}, objective={_quoted(name)}, config={_quoted(config)}"
    bad, every = f"{RECORD_BAD}{{{matchers}}}", f"{RECORD_ALL}{{{matchers}}}"
    ratios = [
        f"avg_over_time({bad}[{window}]) / avg_over_time({every}[{window}]) > {threshold.normalize():f}"
        for window in windows
    ]
    enough = f"sum_over_time({bad}[{windows[0]}]) * {RECORD_INTERVAL_SECONDS} >= {LEAST_BAD_EVENTS}"
    return "\nand ".join([*ratios, enough])


def no_data(deployment: DeploymentKey) -> str:
    """Answer 1 while Prometheus has no current sample of any pod of a deployment."""
    return f"absent({METRIC_REQUESTS}{{{_deployments([deployment])}}})"


def incident(deployment: DeploymentKey, labels: Mapping[str, str]) -> str:
    """Answer 1 while the operator has an incident of a deployment whose labels match these expressions."""
    wanted = [f"{name}=~{_quoted(expression)}" for name, expression in sorted(labels.items())]
    matchers = ", ".join([_deployments([deployment]), *wanted])
    return f"max by (namespace, deployment, cause, reason) ({METRIC_INCIDENT}{{{matchers}}}) == 1"


def approval_awaited(deployment: DeploymentKey, limit: timedelta) -> str:
    """Answer for how many seconds a person's word has been awaited, once that is longer than the limit."""
    labels = "namespace, deployment, revision, reason"
    since = f"max by ({labels}) ({METRIC_APPROVAL_AWAITED}{{{_deployments([deployment])}}})"
    return f"time() - {since} > {limit.total_seconds():.0f}"


def drifted(deployment: DeploymentKey, detector: str, threshold: Decimal) -> str:
    """Answer a drift detector's value, as the operator reads it, while it is above the threshold.

    Not with the team's own query: prometheus-operator leaves out the whole PrometheusRule for one expression
    that it cannot read, and with it every other alert.
    """
    matchers = f"{_deployments([deployment])}, detector={_quoted(detector)}"
    value = f"max by (namespace, deployment, detector) ({METRIC_DRIFT}{{{matchers}}})"
    return f"{value} > {threshold.normalize():f}"


def bad_share(deployment: DeploymentKey, objective: tuple[str, str]) -> str:
    """Share of bad events of an objective, by its name and event definition, over 5 minutes."""
    name, config = objective
    matchers = f"{_deployments([deployment])}, objective={_quoted(name)}, config={_quoted(config)}"
    return f"sum({RECORD_BAD}{{{matchers}}}) / sum({RECORD_ALL}{{{matchers}}})"


def totals(good: str, total: str) -> str:
    """Both running totals of a team in one answer, told apart by the label `TOTAL_LABEL` (good or total).

    In one query, since Prometheus reads both from one state of its data: asked one after the other, a scrape
    between them would make the events that it brought look bad. A line's end closes what may be a comment.
    """
    parts = (
        f'label_replace((\n{query}\n), "{TOTAL_LABEL}", "{name}", "", "")'
        for name, query in (("good", good), ("total", total))
    )
    return " or ".join(parts)


def deployment_matchers(deployment: DeploymentKey) -> str:
    """Return the label matchers of one deployment's series."""
    return _deployments([deployment])


def deployments_matchers(deployments: Collection[DeploymentKey]) -> str:
    """Return the label matchers of several deployments' series; names and namespaces are matched apart.

    Raises:
        ValueError: no deployment is given.
    """
    return _deployments(deployments)


def _deployments(deployments: Collection[DeploymentKey]) -> str:
    namespaces = _one_of("namespace", {namespace for namespace, _ in deployments})
    return f"{namespaces}, {_one_of('deployment', {name for _, name in deployments})}"


def _one_of(label: str, values: Collection[str]) -> str:
    if not values:
        msg = "a query needs at least one deployment; an empty matcher would select all of them"
        raise ValueError(msg)
    if len(values) == 1:
        return f"{label}={_quoted(*values)}"
    return f"{label}=~{_quoted('|'.join(_regex_escaped(value) for value in sorted(values)))}"


def _regex_escaped(value: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
