"""collector.yaml: what the OpenTelemetry Collector beside each model server does with spans.

It takes OTLP on localhost from the monitor, the fetch and the model server, says which pod they come
from, and sends them on, within bounds: a queue of fixed length, retries for a fixed time, a memory limit.
What the bounds cost is counted (`otelcol_exporter_enqueue_failed_spans_total` and the like).

Every span goes three ways:

* *kept*: those that say themselves that they are kept (the monitor's and the fetch's) leave at once.
* *rest*: the server's wait in the tail sampler, and leave if the monitor has kept their trace meanwhile.
  Traces that the server has begun by itself are kept by ratio. What comes after a decision follows it.
* *storage*: those with `storage_latency_ms` become a histogram of that many milliseconds: a copy of the span
  is made to last so long, since the spanmetrics connector measures spans and not their attributes.

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
_QUEUED_SPANS: Final = 10_000
_RETRY_FOR: Final = "5m"
DECISION_WAIT_SECONDS: Final = 10
"""How long a server's spans wait for the monitor's. SDKs send theirs every 5 s, the monitor every second."""
_WAITING_TRACES: Final = 10_000
_REMEMBERED_DECISIONS: Final = 20_000
_MAX_SERIES: Final = 20
"""Of the histogram: a server names few services."""

ENV_POD_NAME: Final = "POD_NAME"
ENV_POD_IP: Final = "POD_IP"
ENV_NODE_NAME: Final = "NODE_NAME"

_KEPT: Final = f'span.attributes["{names.ATTRIBUTE_KEPT}"]'
_STORAGE: Final = f'span.attributes["{names.ATTRIBUTE_STORAGE_LATENCY_MS}"]'
_CONNECTOR: Final = "spanmetrics/storage"
_METRICS: Final = "prometheus/storage"


def collector_config(identity: DeploymentIdentity, revision: str, telemetry: Telemetry) -> str:
    """Return the collector's configuration as YAML."""
    name, exporter = _exporter(telemetry)
    processors, pipelines = _processors(identity, revision), _pipelines(name)
    if telemetry.otlp is not None:
        processors |= _samplers(telemetry)
        pipelines |= _sampled(name)
    config: dict[str, Any] = {
        "receivers": {"otlp": {"protocols": _protocols()}},
        "processors": processors,
        "connectors": {_CONNECTOR: _span_metrics()},
        "exporters": {name: exporter, _METRICS: _prometheus(identity, revision)},
        "extensions": {"health_check": {"endpoint": f"${{env:{ENV_POD_IP}}}:{names.PORT_COLLECTOR_HEALTH}"}},
        "service": {
            "extensions": ["health_check"],
            "telemetry": {"metrics": _own_metrics(), "logs": {"level": "warn"}},
            "pipelines": pipelines,
        },
    }
    return yaml.dump(config, Dumper=_NoAliases, sort_keys=False)


def _protocols() -> dict[str, Any]:
    return {
        "grpc": {"endpoint": f"127.0.0.1:{names.PORT_OTLP_GRPC}"},
        "http": {"endpoint": f"127.0.0.1:{names.PORT_OTLP_HTTP}"},
    }


def _pipelines(exporter: str) -> dict[str, Any]:
    return {
        "traces/storage": _pipeline("filter/storage", "transform/storage", to=_CONNECTOR),
        "metrics/storage": {"receivers": [_CONNECTOR], "exporters": [_METRICS]},
        "metrics": _pipeline("resource", "batch", to=exporter),
        "logs": _pipeline("resource", "batch", to=exporter),
    }


def _sampled(exporter: str) -> dict[str, Any]:
    return {
        "traces/kept": _pipeline("filter/kept", "resource", "batch", to=exporter),
        "traces/rest": _pipeline("tail_sampling", "filter/rest", "resource", "batch", to=exporter),
    }


def _pipeline(*processors: str, to: str) -> dict[str, Any]:
    return {"receivers": ["otlp"], "processors": ["memory_limiter", *processors], "exporters": [to]}


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
    lasting = f"span.start_time_unix_nano + Int(Double({_STORAGE}) * 1000000.0)"
    return {
        "memory_limiter": {
            "check_interval": "1s",
            "limit_mib": _REFUSE_ABOVE_MIB,
            "spike_limit_mib": _SPIKE_MIB,
        },
        "resource": {"attributes": upserts},
        "batch": {"timeout": "1s", "send_batch_size": 512, "send_batch_max_size": 1024},
        "filter/storage": _without(f"not IsDouble({_STORAGE}) and not IsInt({_STORAGE})", f"{_STORAGE} < 0"),
        "transform/storage": {
            "error_mode": "ignore",
            "trace_statements": [f"set(span.end_time_unix_nano, {lasting})"],
        },
    }


def _samplers(telemetry: Telemetry) -> dict[str, Any]:
    return {
        "filter/kept": _without(f"{_KEPT} == nil"),
        "filter/rest": _without(f"{_KEPT} != nil"),
        "tail_sampling": _tail_sampling(telemetry),
    }


def _without(*conditions: str) -> dict[str, Any]:
    return {"error_mode": "ignore", "traces": {"span": list(conditions)}}


def _tail_sampling(telemetry: Telemetry) -> dict[str, Any]:
    by_ratio = [
        {"name": "root", "type": "ottl_condition", "ottl_condition": {"span": ["IsRootSpan()"]}},
        {
            "name": "ratio",
            "type": "probabilistic",
            "probabilistic": {"sampling_percentage": float(telemetry.sample_ratio * 100)},
        },
    ]
    return {
        "decision_wait": f"{DECISION_WAIT_SECONDS}s",
        "num_traces": _WAITING_TRACES,
        # Spans of a request that outlasts the wait, and of one that the monitor ends later, follow.
        "decision_cache": {
            "sampled_cache_size": _REMEMBERED_DECISIONS,
            "non_sampled_cache_size": _REMEMBERED_DECISIONS,
        },
        "policies": [
            {
                "name": "kept",
                "type": "string_attribute",
                "string_attribute": {
                    "key": names.ATTRIBUTE_KEPT,
                    "values": [".+"],
                    "enabled_regex_matching": True,
                },
            },
            {"name": "own", "type": "and", "and": {"and_sub_policy": by_ratio}},
        ],
    }


def _span_metrics() -> dict[str, Any]:
    return {
        # With the unit this is the monitor's own histogram of reads, from another source.
        "namespace": names.METRIC_STORAGE_READ.removesuffix("_duration_seconds").replace("_", "."),
        "histogram": {
            "unit": "s",
            "explicit": {"buckets": [f"{bound:g}s" for bound in names.LATENCY_BUCKETS_S]},
        },
        "exclude_dimensions": ["span.name", "span.kind", "status.code"],
        "resource_metrics_key_attributes": ["service.name"],
        "aggregation_cardinality_limit": _MAX_SERIES,
        "metrics_flush_interval": f"{names.BLOCK_SECONDS}s",
    }


def _prometheus(identity: DeploymentIdentity, revision: str) -> dict[str, Any]:
    return {
        "endpoint": f"${{env:{ENV_POD_IP}}}:{names.PORT_COLLECTOR_SPAN_METRICS}",
        "const_labels": {
            "deployment": identity.name,
            "revision": revision,
            "source": names.STORAGE_SOURCE_SPAN,
        },
        # Counters of a quiet server stay, so that its next read is a rise.
        "metric_expiration": "24h",
    }


def _own_metrics() -> dict[str, Any]:
    address = {"host": f"${{env:{ENV_POD_IP}}}", "port": names.PORT_COLLECTOR_METRICS}
    pull = {"exporter": {"prometheus": {**address, "without_scope_info": True}}}
    return {"level": "basic", "readers": [{"pull": pull}]}


def _exporter(telemetry: Telemetry) -> tuple[str, dict[str, Any]]:
    if telemetry.otlp is None:
        # Logs at info, which the log level above drops: what arrives ends here.
        return "debug", {"verbosity": "basic"}
    endpoint = telemetry.otlp.endpoint
    return "otlp", {
        "endpoint": endpoint,
        "tls": {"insecure": endpoint.startswith("http://")},
        "sending_queue": {
            "enabled": True,
            "sizer": "items",
            "queue_size": _QUEUED_SPANS,
            "num_consumers": 2,
        },
        "retry_on_failure": {"enabled": True, "max_elapsed_time": _RETRY_FOR},
    }


class _NoAliases(yaml.SafeDumper):
    """Writes a value that occurs twice twice, where YAML would refer to the first."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class's signature
        return True
