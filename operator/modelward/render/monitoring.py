"""The PodMonitor: both of the monitor's metrics pages, each at its own interval.

A PodMonitor and not a Service's endpoints, whose discovery misses the ports of native sidecars in older
Prometheus versions.
"""

from typing import Any, Final

from modelward import conventions as names
from modelward.render.identity import DeploymentIdentity, Platform
from modelward.render.manifest import Manifest, deployment_labels, owned

KIND: Final = "PodMonitor"
_PAGES: Final = (
    ("objectives", names.PATH_OBJECTIVES, names.BLOCK_SECONDS, names.BLOCK_SECONDS - 1),
    ("metrics", "/metrics", 30, 10),
)
"""Value of the label `endpoint`, path, interval and time-out in seconds."""


def pod_monitor(identity: DeploymentIdentity, platform: Platform) -> Manifest:
    """Return PodMonitor NAME, which has the pods of every revision scraped."""
    labels = dict(platform.pod_monitor_labels) | deployment_labels(identity, "monitoring")
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": KIND,
        "metadata": owned(identity, identity.name, labels),
        "spec": {
            "selector": {"matchLabels": {names.LABEL_DEPLOYMENT: identity.name}},
            "podMetricsEndpoints": [_endpoint(*page) for page in _PAGES],
        },
    }


def _endpoint(page: str, path: str, interval_seconds: int, timeout_seconds: int) -> dict[str, Any]:
    return {
        "port": names.PORT_NAME_METRICS,
        "path": path,
        "interval": f"{interval_seconds}s",
        "scrapeTimeout": f"{timeout_seconds}s",
        # Both pages are of one port, so without this their `up` and process metrics would be one series.
        "relabelings": [{"action": "replace", "targetLabel": "endpoint", "replacement": page}],
    }
