"""collector.yaml: what the OpenTelemetry Collector beside each model server does with spans.

It takes OTLP on localhost from the monitor, the fetch and the model server, says which pod they come
from, and sends them on, within bounds: a queue of fixed length, retries for a fixed time, a memory limit.
The collector reads its file once, so a changed endpoint takes effect in a pod when it is next started; a
change of telemetry restarts no pod.
Format: https://opentelemetry.io/docs/collector/configuration/
"""

from typing import Any, Final

import yaml

from modelward import conventions as names
from modelward.api.spec import Telemetry
from modelward.render.identity import DeploymentIdentity

MEMORY_LIMIT_MIB: Final = 128
"""Memory limit of the container."""
HEAP_LIMIT_MIB: Final = 96
"""GOMEMLIMIT: the garbage collector works harder from here on."""
_REFUSE_ABOVE_MIB: Final = 100
_SPIKE_MIB: Final = 20
_QUEUED_BATCHES: Final = 200
_RETRY_FOR: Final = "5m"

ENV_POD_NAME: Final = "POD_NAME"
ENV_POD_IP: Final = "POD_IP"
ENV_NODE_NAME: Final = "NODE_NAME"


def collector_config(identity: DeploymentIdentity, revision: str, telemetry: Telemetry) -> str:
    """Return the collector's configuration as YAML."""
    name, exporter = _exporter(telemetry)
    pipeline = {
        "receivers": ["otlp"],
        "processors": ["memory_limiter", "resource", "batch"],
        "exporters": [name],
    }
    config: dict[str, Any] = {
        "receivers": {"otlp": {"protocols": _protocols()}},
        "processors": _processors(identity, revision),
        "exporters": {name: exporter},
        "extensions": {"health_check": {"endpoint": f"${{env:{ENV_POD_IP}}}:{names.PORT_COLLECTOR_HEALTH}"}},
        "service": {
            "extensions": ["health_check"],
            # Its own metrics would need a port and memory; what is lost shows in the trace store.
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
            "pipelines": {signal: dict(pipeline) for signal in ("traces", "metrics", "logs")},
        },
    }
    return yaml.dump(config, Dumper=_NoAliases, sort_keys=False)


def _protocols() -> dict[str, Any]:
    return {
        "grpc": {"endpoint": f"127.0.0.1:{names.PORT_OTLP_GRPC}"},
        "http": {"endpoint": f"127.0.0.1:{names.PORT_OTLP_HTTP}"},
    }


def _processors(identity: DeploymentIdentity, revision: str) -> dict[str, Any]:
    # Names by OpenTelemetry's semantic conventions for Kubernetes resources.
    attributes = {
        "k8s.namespace.name": identity.namespace,
        "k8s.deployment.name": revision,
        "k8s.pod.name": f"${{env:{ENV_POD_NAME}}}",
        "k8s.node.name": f"${{env:{ENV_NODE_NAME}}}",
        "modelward.deployment": identity.name,
        "modelward.revision": revision,
    }
    upserts = [{"key": key, "value": value, "action": "upsert"} for key, value in attributes.items()]
    return {
        "memory_limiter": {
            "check_interval": "1s",
            "limit_mib": _REFUSE_ABOVE_MIB,
            "spike_limit_mib": _SPIKE_MIB,
        },
        "resource": {"attributes": upserts},
        "batch": {"timeout": "1s", "send_batch_size": 512, "send_batch_max_size": 1024},
    }


def _exporter(telemetry: Telemetry) -> tuple[str, dict[str, Any]]:
    if telemetry.otlp is None:
        # Logs at info, which the log level above drops: what arrives ends here.
        return "debug", {"verbosity": "basic"}
    endpoint = telemetry.otlp.endpoint
    return "otlp", {
        "endpoint": endpoint,
        "tls": {"insecure": endpoint.startswith("http://")},
        "sending_queue": {"enabled": True, "queue_size": _QUEUED_BATCHES, "num_consumers": 2},
        "retry_on_failure": {"enabled": True, "max_elapsed_time": _RETRY_FOR},
    }


class _NoAliases(yaml.SafeDumper):
    """Writes a value that occurs twice twice, where YAML would refer to the first."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class's signature
        return True
