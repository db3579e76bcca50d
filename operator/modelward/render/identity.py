"""Whose children are rendered, and what of the cluster and the operator's settings they depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DeploymentIdentity:
    """The ModelDeployment that owns the children."""

    name: str
    namespace: str
    uid: str
    """metadata.uid, by which the garbage collector knows the owner."""


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """Secrets of one deployment, generated once by the caller."""

    receipt_keys: str = field(repr=False)
    """Base64 HMAC keys, one a line; the first signs, all verify."""
    admin_token: str = field(repr=False)
    """Bearer token of the monitors' admin port."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What the cluster offers and how the operator is set."""

    optional_kinds: frozenset[str] = frozenset()
    """Which of PodMonitor and PrometheusRule the API server knows."""
    pod_monitor_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels by which the cluster's Prometheus selects PodMonitors."""
    prometheus_rule_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels by which it selects PrometheusRules."""
    runbook_base_url: str = ""
    """Folder of docs/runbooks, as people read it; NAME.md of the alert is added. Empty: no runbook_url."""
