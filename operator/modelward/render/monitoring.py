"""The PodMonitor: the metrics pages of the monitor and of the collector, each at its own interval.

A PodMonitor and not a Service's endpoints, whose discovery misses the ports of native sidecars in older
Prometheus versions.
"""

from typing import Any, Final

from modelward import conventions as names
from modelward.render.identity import DeploymentIdentity, Platform
from modelward.render.manifest import Manifest, deployment_labels, owned

KIND: Final = "PodMonitor"
_SLOW_SECONDS: Final = 30
_PAGES: Final = (
    ("objectives", names.PORT_NAME_METRICS, names.PATH_OBJECTIVES, names.BLOCK_SECONDS),
    ("metrics", names.PORT_NAME_METRICS, "/metrics", _SLOW_SECONDS),
    ("collector", names.PORT_NAME_COLLECTOR_METRICS, "/metrics", _SLOW_SECONDS),
    ("spans", names.PORT_NAME_COLLECTOR_SPAN_METRICS, "/metrics", _SLOW_SECONDS),
)
"""Value of the label `endpoint`, port, path, and interval in seconds."""
_LONGEST_SCRAPE_SECONDS: Final = 10


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


def _endpoint(page: str, port: str, path: str, interval_seconds: int) -> dict[str, Any]:
    return {
        "port": port,
        "path": path,
        "interval": f"{interval_seconds}s",
        "scrapeTimeout": f"{min(interval_seconds - 1, _LONGEST_SCRAPE_SECONDS)}s",
        # Two pages are of one port, so without this their `up` and process metrics would be one series.
        "relabelings": [{"action": "replace", "targetLabel": "endpoint", "replacement": page}],
    }
