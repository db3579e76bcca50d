"""PromQL about what a deployment stands on: its store, and its pods' processor, memory and restarts.

The pods' series are cAdvisor's (the kubelet's) and kube-state-metrics', where Prometheus has them. They name
a namespace and a pod; whose pod it is, the monitor's own series say. Where they are absent nothing is
recorded: absence is neither a good sign nor a bad one.
"""

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from modelward.conventions import METRIC_REQUESTS, METRIC_STORAGE_FAILURES, METRIC_STORAGE_READ
from modelward.decide.observation import PressureKind
from modelward.render.promql import DeploymentKey, deployment_matchers, deployments_matchers

WINDOW: Final = "5m"
RECORD_STORAGE_MEAN: Final = "modelward:storage_read_seconds:mean5m"
"""Mean time of a read, by namespace and deployment; absent without reads."""
RECORD_THROTTLED: Final = "modelward:pod_cpu_throttled:ratio5m"
"""Share of scheduling periods in which a pod was held back, by namespace, deployment, revision and pod."""
RECORD_MEMORY: Final = "modelward:pod_memory:ratio"
"""Memory in use over its limit, of the container nearest to it, by the same labels."""
RECORD_RESTARTS: Final = "modelward:pod_restarts:increase10m"
"""Restarts of a pod's containers within ten minutes, by the same labels."""

THROTTLED_ABOVE: Final = 0.25
"""Share of scheduling periods, of a revision's pods on average, from which they are held back."""
MEMORY_ABOVE: Final = 0.9
"""Share of the limit from which a container is near it."""
RESTARTS_EACH_FROM: Final = 1
"""Of a revision's pods within ten minutes, on average, from which it is no single pod that restarts."""
PRESSURE_LABEL: Final = "pressure"

_OF_DEPLOYMENT: Final = "namespace, deployment"
_OF_POD: Final = "namespace, pod"


def of_deployment(series: str, key: DeploymentKey) -> str:
    """Select a deployment's series of a metric."""
    return f"{series}{{{deployment_matchers(key)}}}"


def storage_mean(key: DeploymentKey) -> str:
    """Mean seconds of a read of the store over 5 minutes, whoever measured it; nothing without reads."""
    matchers = deployment_matchers(key)
    total = f"sum by ({_OF_DEPLOYMENT}) (rate({METRIC_STORAGE_READ}_sum{{{matchers}}}[{WINDOW}]))"
    reads = f"sum by ({_OF_DEPLOYMENT}) (rate({METRIC_STORAGE_READ}_count{{{matchers}}}[{WINDOW}]))"
    return f"{total}\n/ ({reads} > 0)"


def storage_slow(key: DeploymentKey, within_seconds: Decimal) -> str:
    """Answer the recorded mean while it is above the objective."""
    return f"{of_deployment(RECORD_STORAGE_MEAN, key)} > {within_seconds.normalize():f}"


def storage_failing(key: DeploymentKey) -> str:
    """Share of the monitor's own reads that had no answer, while it is above half."""
    matchers = deployment_matchers(key)
    unanswered = f'{METRIC_STORAGE_FAILURES}{{{matchers}, reason=~"timeout|unreachable"}}'
    answered = f'{METRIC_STORAGE_READ}_count{{{matchers}, source="probe"}}'
    failed = f"sum by ({_OF_DEPLOYMENT}) (increase({unanswered}[{WINDOW}]))"
    read = f"sum by ({_OF_DEPLOYMENT}) (increase({answered}[{WINDOW}]))"
    return f"{failed}\n/ ({failed} + ({read} or {failed} * 0)) > 0.5"


def storage_no_data(key: DeploymentKey) -> str:
    """Answer 1 while no read has been measured within 5 minutes."""
    return f"absent({of_deployment(RECORD_STORAGE_MEAN, key)})"


def rules_failing(key: DeploymentKey, group: str) -> str:
    """Evaluations of a group of the deployment's rules that failed within 5 minutes, while there are any.

    Prometheus tells of its own rules, by file and group; prometheus-operator names the file by the
    PrometheusRule's namespace, name and uid. It answers only where Prometheus scrapes itself.
    """
    namespace, name = key
    rule_group = f".*/{namespace}-{name}-[^/]*;{group.replace('.', r'[.]')}"
    failures = f'prometheus_rule_evaluation_failures_total{{rule_group=~"{rule_group}"}}'
    return f"sum(increase({failures}[{WINDOW}])) > 0"


def pod_throttled(key: DeploymentKey) -> str:
    """Share of the periods in which a pod's containers were throttled, over 5 minutes (cAdvisor)."""
    where = f'namespace="{key[0]}", container!=""'
    throttled = f"rate(container_cpu_cfs_throttled_periods_total{{{where}}}[{WINDOW}])"
    periods = f"rate(container_cpu_cfs_periods_total{{{where}}}[{WINDOW}])"
    return _of_ours(f"sum by ({_OF_POD}) ({throttled})\n/ (sum by ({_OF_POD}) ({periods}) > 0)", key)


def pod_memory(key: DeploymentKey) -> str:
    """Working set over limit of a pod's container that is nearest to its limit (cAdvisor)."""
    where = f'namespace="{key[0]}", container!=""'
    used, limit = (
        f"container_memory_working_set_bytes{{{where}}}",
        f"container_spec_memory_limit_bytes{{{where}}}",
    )
    each = f"max by ({_OF_POD}, container) ({used})\n/ (max by ({_OF_POD}, container) ({limit}) > 0)"
    return _of_ours(f"max by ({_OF_POD}) ({each})", key)


def pod_restarts(key: DeploymentKey) -> str:
    """Restarts of a pod's containers, sidecars among them, within ten minutes (kube-state-metrics)."""
    kinds = ("container", "init_container")
    counted = " or ".join(
        f'increase(kube_pod_{kind}_status_restarts_total{{namespace="{key[0]}"}}[10m])' for kind in kinds
    )
    return _of_ours(f"sum by ({_OF_POD}) ({counted})", key)


def pressures(deployments: Collection[DeploymentKey]) -> str:
    """Answer what the pods of each revision lack on average, by namespace, deployment, revision and pressure.

    `pressure` is a PressureKind. Nothing that is at most what people are told of is answered, and nothing
    where nobody measures it.

    Raises:
        ValueError: no deployment is given.
    """
    matchers = deployments_matchers(deployments)
    kinds = (
        (PressureKind.THROTTLED, RECORD_THROTTLED, f"> {THROTTLED_ABOVE}"),
        (PressureKind.MEMORY, RECORD_MEMORY, f"> {MEMORY_ABOVE}"),
        (PressureKind.RESTARTS, RECORD_RESTARTS, f">= {RESTARTS_EACH_FROM}"),
    )
    return "\nor ".join(
        f"label_replace(avg by (namespace, deployment, revision) ({record}{{{matchers}}}) {compared}, "
        f'"{PRESSURE_LABEL}", "{kind}", "", "")'
        for kind, record, compared in kinds
    )


def _of_ours(per_pod: str, key: DeploymentKey) -> str:
    ours = f"group by (namespace, deployment, revision, pod) ({of_deployment(METRIC_REQUESTS, key)})"
    return f"({per_pod})\n* on ({_OF_POD}) group_left (deployment, revision) {ours}"
