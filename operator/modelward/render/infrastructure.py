"""Rules about what a deployment stands on: its store, and its pods' processor, memory and restarts.

The store's latency is judged as people think of it, the mean of five minutes against the objective, looked at
every minute. That there are no reads, and that Prometheus cannot evaluate the rules, are alerts of their own:
neither is taken for a fast store. The operator reads what is recorded of pods, and no alert.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from modelward.api.objectives import Objective
from modelward.api.quantities import format_duration
from modelward.api.spec import ModelDeploymentSpec
from modelward.render import infrastructure_promql as promql
from modelward.render.alert import alert
from modelward.render.identity import DeploymentIdentity, Platform

ALERT_STORAGE_SLOW: Final = "ModelwardStorageSlow"
ALERT_STORAGE_FAILING: Final = "ModelwardStorageFailing"
ALERT_STORAGE_NO_DATA: Final = "ModelwardStorageNoData"
ALERT_STORAGE_RULES_FAILING: Final = "ModelwardStorageRulesFailing"
ALERT_THROTTLED: Final = "ModelwardPodsThrottled"
ALERT_MEMORY: Final = "ModelwardPodMemoryPressure"
ALERT_RESTARTS: Final = "ModelwardPodRestarts"
RESTARTS_FROM: Final = 2
INTERVAL: Final = "1m"
_TICKET: Final = {"severity": "ticket"}


def infrastructure_groups(
    identity: DeploymentIdentity, spec: ModelDeploymentSpec, platform: Platform
) -> list[dict[str, Any]]:
    """Return the groups of rules about a deployment's store, if an objective watches it, and its pods."""
    watched = [_storage_group(identity, spec, each, platform) for each in spec.objectives if each.storage]
    return [*watched, _pod_group(identity, platform)]


def _storage_group(
    identity: DeploymentIdentity, spec: ModelDeploymentSpec, objective: Objective, platform: Platform
) -> dict[str, Any]:
    assert objective.storage is not None  # noqa: S101 - the caller has chosen it for that
    key, name = _key(identity), f"modelward.{identity.name}.storage"
    within = objective.storage.within
    rules = [
        {"record": promql.RECORD_STORAGE_MEAN, "expr": promql.storage_mean(key)},
        _slow(identity, within, platform),
        _failing(identity, platform),
        _rules_failing(identity, name, platform),
    ]
    if spec.replicas > 0:
        rules.append(_no_data(identity, platform))
    return {"name": name, "interval": INTERVAL, "rules": rules}


def _slow(identity: DeploymentIdentity, within: timedelta, platform: Platform) -> dict[str, Any]:
    texts = {
        "summary": f"{identity.name}: storage is slow",
        "description": (
            f"A read of the storage of {_named(identity)} took {{{{ $value | humanizeDuration }}}} on "
            f"average over the last 5 minutes; the objective is {format_duration(within)}. {_see(identity)}"
        ),
    }
    seconds = Decimal(within // timedelta(milliseconds=1)) / 1000
    expression = promql.storage_slow(_key(identity), seconds)
    return alert(identity, platform, ALERT_STORAGE_SLOW, expression, texts, _TICKET)


def _failing(identity: DeploymentIdentity, platform: Platform) -> dict[str, Any]:
    texts = {
        "summary": f"{identity.name}: storage does not answer",
        "description": (
            f"{{{{ $value | humanizePercentage }}}} of the monitors' own reads of the storage of "
            f"{_named(identity)} had no answer within the last 5 minutes. {_see(identity)}"
        ),
    }
    expression = promql.storage_failing(_key(identity))
    return alert(identity, platform, ALERT_STORAGE_FAILING, expression, texts, _TICKET)


def _no_data(identity: DeploymentIdentity, platform: Platform) -> dict[str, Any]:
    texts = {
        "summary": f"{identity.name}: nobody knows how fast storage is",
        "description": (
            f"No read of the storage of {_named(identity)} has been measured for 10 minutes: neither by the "
            f"monitors nor by the model server. {_see(identity)}"
        ),
    }
    expression = promql.storage_no_data(_key(identity))
    return alert(identity, platform, ALERT_STORAGE_NO_DATA, expression, texts, _TICKET) | {"for": "5m"}


def _rules_failing(identity: DeploymentIdentity, group: str, platform: Platform) -> dict[str, Any]:
    texts = {
        "summary": f"{identity.name}: the rules about storage cannot be evaluated",
        "description": (
            f"Prometheus could not evaluate the rules of group {group}, of {_named(identity)}, within the "
            f"last 5 minutes: nothing is known of its storage. {_see(identity)}"
        ),
    }
    expression = promql.rules_failing(_key(identity), group)
    return alert(identity, platform, ALERT_STORAGE_RULES_FAILING, expression, texts, _TICKET)


def _pod_group(identity: DeploymentIdentity, platform: Platform) -> dict[str, Any]:
    key = _key(identity)
    return {
        "name": f"modelward.{identity.name}.pods",
        "interval": INTERVAL,
        "rules": [
            {"record": promql.RECORD_THROTTLED, "expr": promql.pod_throttled(key)},
            {"record": promql.RECORD_MEMORY, "expr": promql.pod_memory(key)},
            {"record": promql.RECORD_RESTARTS, "expr": promql.pod_restarts(key)},
            _throttled(identity, platform),
            _memory(identity, platform),
            _restarts(identity, platform),
        ],
    }


def _throttled(identity: DeploymentIdentity, platform: Platform) -> dict[str, Any]:
    texts = {
        "summary": f"{identity.name}: pods are held back by their CPU limit",
        "description": (
            "Pods of revision {{ $labels.revision }} of "
            f"{_named(identity)} were throttled in {{{{ $value | humanizePercentage }}}} of the scheduling "
            f"periods of the last 5 minutes. {_see(identity)}"
        ),
    }
    series = promql.of_deployment(promql.RECORD_THROTTLED, _key(identity))
    expression = f"avg by (namespace, deployment, revision) ({series}) > {promql.THROTTLED_ABOVE}"
    return alert(identity, platform, ALERT_THROTTLED, expression, texts, _TICKET) | {"for": "10m"}


def _memory(identity: DeploymentIdentity, platform: Platform) -> dict[str, Any]:
    texts = {
        "summary": f"{identity.name}: a pod is near its memory limit",
        "description": (
            "A container of pod {{ $labels.pod }} of "
            f"{_named(identity)} uses {{{{ $value | humanizePercentage }}}} of its memory limit; at all of "
            f"it the kernel ends it. {_see(identity)}"
        ),
    }
    expression = f"{promql.of_deployment(promql.RECORD_MEMORY, _key(identity))} > {promql.MEMORY_ABOVE}"
    return alert(identity, platform, ALERT_MEMORY, expression, texts, _TICKET) | {"for": "10m"}


def _restarts(identity: DeploymentIdentity, platform: Platform) -> dict[str, Any]:
    texts = {
        "summary": f"{identity.name}: a pod restarts",
        "description": (
            "Containers of pod {{ $labels.pod }} of "
            f'{_named(identity)} restarted {{{{ printf "%.0f" $value }}}} times within ten minutes. '
            f"{_see(identity)}"
        ),
    }
    expression = f"{promql.of_deployment(promql.RECORD_RESTARTS, _key(identity))} >= {RESTARTS_FROM}"
    return alert(identity, platform, ALERT_RESTARTS, expression, texts, _TICKET)


def _key(identity: DeploymentIdentity) -> tuple[str, str]:
    return identity.namespace, identity.name


def _named(identity: DeploymentIdentity) -> str:
    return f"ModelDeployment {identity.namespace}/{identity.name}"


def _see(identity: DeploymentIdentity) -> str:
    return f"See: kubectl modelward explain {identity.name} -n {identity.namespace}"
