"""A Prometheus for one test's namespace alone: what becomes of it does not touch the other tests."""

import json
from typing import Any, Final

from dev.demo.stage import Stage

NAMESPACE: Final = "e2e-prometheus-away-touches-nothing"
CHART_VALUES: Final = {
    f"prometheusPerNamespace.{NAMESPACE}.url": f"http://prometheus-operated.{NAMESPACE}.svc:9090"
}
"""Have the operator ask it about its namespace."""
START_SECONDS: Final = 600

_NAME: Final = "prometheus"
_SERVICE_ACCOUNT: Final = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _NAME}}
_ROLE_BINDING: Final = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": _NAME},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _NAME},
    "subjects": [{"kind": "ServiceAccount", "name": _NAME}],
}


def furnish(stage: Stage) -> None:
    """Run a Prometheus like that of the cluster, which looks at the stage's namespace only."""
    assert stage.namespace == NAMESPACE, "the operator asks another Prometheus about this namespace"
    shared = stage.cluster.kubectl("get", "prometheus", "dev", "--namespace", "monitoring", "-o", "json")
    spec: dict[str, Any] = json.loads(shared)["spec"]
    kept = {key: value for key, value in spec.items() if not key.endswith("NamespaceSelector")}
    kept.pop("alerting")
    own = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Prometheus",
        "metadata": {"name": _NAME},
        "spec": {**kept, "serviceAccountName": _NAME, "resources": {"requests": {"cpu": "10m"}}},
    }
    for manifest in (_SERVICE_ACCOUNT, _ROLE_BINDING, own):
        stage.apply(manifest)
    stage.kubectl("wait", "--for=condition=Available", f"--timeout={START_SECONDS}s", f"prometheus/{_NAME}")


def scale(stage: Stage, replicas: int) -> None:
    """Take it away, or bring it back without its data."""
    patch = json.dumps({"spec": {"replicas": replicas}})
    stage.kubectl("patch", "prometheus", _NAME, "--type=merge", "-p", patch)
