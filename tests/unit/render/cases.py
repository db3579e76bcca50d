"""The deployments that golden files and the API server tests are made of: two specs in four states each."""

from collections.abc import Mapping
from typing import Any, Final

from modelward.api.spec import ModelDeploymentSpec
from modelward.decide.placement import MonitorMode, Placement, Targets
from modelward.render import monitoring, rules
from modelward.render.children import render
from modelward.render.identity import DeploymentIdentity, KeyMaterial, Platform
from modelward.render.manifest import Manifest
from modelward.render.revision import Images, RevisionRecord, new_record

IMAGES: Final = Images("example.com/collector:1", "example.com/monitor:1", "example.com/fetch:1")
KEYS: Final = KeyMaterial(receipt_keys="cmVjZWlwdC1rZXk=", admin_token="admin-token")
PLATFORM: Final = Platform(
    optional_kinds=frozenset({monitoring.KIND, rules.KIND}),
    pod_monitor_labels={"release": "prometheus"},
    prometheus_rule_labels={"role": "alert-rules"},
    runbook_base_url="https://example.com/runbooks",
)

MINIMAL: Final[Mapping[str, Any]] = {
    "model": {"uri": "s3://models/shop/1"},
    "server": {"template": {"spec": {"containers": [{"name": "model", "image": "example.com/server:1"}]}}},
}
FULL: Final[Mapping[str, Any]] = {
    "model": {
        "uri": "pvc://models/electricity/2",
        "storageSecretName": "model-store",
        "digest": "sha256:" + "0123456789abcdef" * 4,
    },
    "server": {
        "protocol": "http",
        "port": 8000,
        "template": {
            "metadata": {
                "labels": {"team": "energy", "app.kubernetes.io/name": "electricity"},
                "annotations": {"example.com/note": "kept"},
            },
            "spec": {
                "terminationGracePeriodSeconds": 60,
                "serviceAccountName": "default",
                "securityContext": {"fsGroup": 2000},
                "initContainers": [{"name": "convert", "image": "example.com/convert:1"}],
                "containers": [
                    {
                        "name": "model",
                        "image": "example.com/server:2",
                        "lifecycle": {"preStop": {"exec": {"command": ["/bin/stop"]}}},
                        "securityContext": {"runAsUser": 1000, "capabilities": {"drop": ["ALL"]}},
                        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
                        "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}},
                    },
                    {
                        "name": "tokenizer",
                        "image": "example.com/tokenizer:1",
                    },
                ],
                "volumes": [{"name": "cache", "emptyDir": {}}],
            },
        },
    },
    "replicas": 4,
    "objectives": [
        {"name": "latency", "latency": {"within": "200ms"}, "target": "99%"},
        {"name": "availability", "availability": {}, "target": "99.5%"},
        {"name": "accuracy", "accuracy": {"tolerance": "0.5"}, "target": "65%"},
    ],
    "telemetry": {"otlp": {"endpoint": "http://jaeger.tracing:4317"}, "sampleRatio": "0.5"},
}
SPECS: Final = {"minimal": MINIMAL, "full": FULL}
STATES: Final = ("first", "split", "withdraw", "settled")


def read(document: Mapping[str, Any]) -> ModelDeploymentSpec:
    """Read a spec as the operator does."""
    return ModelDeploymentSpec.model_validate(document)


def identity_of(name: str, namespace: str = "shops") -> DeploymentIdentity:
    """Return the owner of a case's children."""
    return DeploymentIdentity(name, namespace, "7d3b6c1e-0000-4000-8000-000000000000")


def two_records(
    identity: DeploymentIdentity, document: Mapping[str, Any]
) -> tuple[RevisionRecord, RevisionRecord]:
    """Return the revision that a spec describes, its digest known, and one with another model after it."""
    first = new_record(identity, read(document), 1, IMAGES)
    first = RevisionRecord(first.name, 1, first.model, first.server, IMAGES, digest="sha256:" + "ab" * 32)
    later = {**document, "model": {**document["model"], "uri": document["model"]["uri"] + "-next"}}
    return first, new_record(identity, read(later), 2, IMAGES)


def targets_of(state: str, stable: str, candidate: str, replicas: int) -> Targets:
    """Return the targets of a state."""
    serving, trying = Placement(stable, replicas), Placement(candidate, replicas)
    rebalanced = tuple(
        Placement(placement.revision, replicas, MonitorMode.REBALANCE) for placement in (serving, trying)
    )
    withdrawn = Placement(candidate, replicas, MonitorMode.WITHDRAW, stable)
    return {
        "first": Targets((serving,), (stable,), 1),
        "split": Targets(rebalanced, (stable, candidate), 3),
        "withdraw": Targets((serving, withdrawn), (stable,), 4),
        "settled": Targets((serving,), (stable,), 4),
    }[state]


def children_of(spec_name: str, state: str, namespace: str = "shops") -> tuple[Manifest, ...]:
    """Render one case."""
    document = SPECS[spec_name]
    identity, spec = identity_of("shop", namespace), read(document)
    stable, candidate = two_records(identity, document)
    records = {stable.name: stable} if state == "first" else {r.name: r for r in (stable, candidate)}
    targets = targets_of(state, stable.name, candidate.name, spec.replicas)
    return render(identity, spec, records, targets, PLATFORM, KEYS)
