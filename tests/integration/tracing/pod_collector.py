"""Real OpenTelemetry collectors on loopback: a pod's, with the rendered configuration, and one behind it."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from dev.cluster import processes, programs
from dev.cluster.controlplane import free_ports
from modelward import conventions as names
from modelward.api.spec import Telemetry
from modelward.render.collector import collector_config
from modelward.render.identity import DeploymentIdentity
from tests.integration.monitor.monitor_process import DEPLOYMENT, NAMESPACE, REVISION
from tests.integration.signals.conditions import until_answered

HOST: Final = "127.0.0.1"
ENVIRONMENT: Final = {"POD_IP": HOST, "POD_NAME": "electricity-0", "NODE_NAME": "node"}
DECISION_WAIT_SECONDS: Final = 2
"""In place of the rendered 10 s, so that the tests take less time."""


@dataclass(slots=True)
class CollectorProcess:
    """One collector: its folder, its configuration, and the ports that it listens at."""

    name: str
    folder: Path
    config: dict[str, Any]
    http_port: int
    health_port: int
    own_metrics_port: int = 0
    span_metrics_port: int = 0
    pid: int = 0

    async def start(self) -> None:
        """Start it and wait until it takes spans."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "collector.yaml"
        file.write_text(yaml.safe_dump(self.config))
        variables = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        command: list[str | Path] = ["env", *variables, programs.find("otel-collector"), f"--config={file}"]
        self.pid = processes.start(self.folder, self.name, processes.dying_with_parent(command))
        await until_answered(self._is_healthy, f"{self.name} is healthy")

    def stop(self) -> None:
        """End it."""
        processes.stop(self.folder, self.name, grace_seconds=10)

    async def take(self, *spans: Mapping[str, Any], service: str = "model-server") -> int:
        """Send it spans as OTLP in JSON; the status of its answer."""
        resource = {"attributes": [_attribute("service.name", service)]}
        body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://{HOST}:{self.http_port}/v1/traces", json=body) as answer,
        ):
            return answer.status

    async def metric(self, port: int, name: str, **labels: str) -> float:
        """Sum of a metric's samples with these labels, on one of its pages; 0 without any."""
        async with aiohttp.ClientSession() as session, session.get(f"http://{HOST}:{port}/metrics") as answer:
            text = await answer.text()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def _is_healthy(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://{HOST}:{self.health_port}/") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientError:
            return False


def pod_collector(folder: Path, endpoint: str | None, sample_ratio: str = "0") -> CollectorProcess:
    """Return a pod's collector: as rendered, but for its ports and a shorter wait."""
    telemetry = {"otlp": {"endpoint": endpoint}, "sampleRatio": sample_ratio} if endpoint else {}
    identity = DeploymentIdentity(DEPLOYMENT, NAMESPACE, "uid")
    config = yaml.safe_load(collector_config(identity, REVISION, Telemetry.model_validate(telemetry)))
    grpc, http, health, own, spans = free_ports(5)
    protocols = config["receivers"]["otlp"]["protocols"]
    protocols["grpc"]["endpoint"], protocols["http"]["endpoint"] = f"{HOST}:{grpc}", f"{HOST}:{http}"
    config["extensions"]["health_check"]["endpoint"] = f"{HOST}:{health}"
    config["exporters"]["prometheus/storage"]["endpoint"] = f"{HOST}:{spans}"
    (reader,) = config["service"]["telemetry"]["metrics"]["readers"]
    reader["pull"]["exporter"]["prometheus"]["port"] = own
    if endpoint:
        config["processors"]["tail_sampling"]["decision_wait"] = f"{DECISION_WAIT_SECONDS}s"
    return CollectorProcess("pod", folder, config, http, health, own, spans)


@dataclass(slots=True)
class Gateway:
    """The collector at `telemetry.otlp.endpoint`, which sends on what it gets to a store of the test's."""

    collector: CollectorProcess
    grpc_port: int

    @property
    def endpoint(self) -> str:
        """What a ModelDeployment would name."""
        return f"http://{HOST}:{self.grpc_port}"


def gateway(folder: Path, store_port: int) -> Gateway:
    """Return a collector that takes OTLP over gRPC and sends it to the store over HTTP."""
    grpc, http, health = free_ports(3)
    protocols = {"grpc": {"endpoint": f"{HOST}:{grpc}"}, "http": {"endpoint": f"{HOST}:{http}"}}
    to_store = {"receivers": ["otlp"], "exporters": ["otlphttp"]}
    config = {
        "receivers": {"otlp": {"protocols": protocols}},
        "exporters": {"otlphttp": {"endpoint": f"http://{HOST}:{store_port}", "compression": "none"}},
        "extensions": {"health_check": {"endpoint": f"{HOST}:{health}"}},
        "service": {
            "extensions": ["health_check"],
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
            "pipelines": {"traces": to_store},
        },
    }
    return Gateway(CollectorProcess("gateway", folder, config, http, health), grpc)


def span(
    name: str,
    trace_id: str,
    parent_id: str = "",
    seconds: float = 0.01,
    kept: str = "",
    **attributes: float | str,
) -> dict[str, Any]:
    """Return a span that ends now, as OTLP in JSON; without a parent it begins a trace."""
    end_ns = time.time_ns()
    if kept:
        attributes[names.ATTRIBUTE_KEPT] = kept
    return {
        "traceId": trace_id,
        "spanId": secrets.token_hex(8),
        "parentSpanId": parent_id,
        "name": name,
        "kind": 2,
        "startTimeUnixNano": str(end_ns - int(seconds * 1e9)),
        "endTimeUnixNano": str(end_ns),
        "attributes": [_attribute(key, value) for key, value in attributes.items()],
    }


def _attribute(key: str, value: float | str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"key": key, "value": {"stringValue": value}}
    if isinstance(value, int):
        return {"key": key, "value": {"intValue": str(value)}}
    return {"key": key, "value": {"doubleValue": value}}


@dataclass(slots=True)
class Sent:
    """Traces that were sent, by what they are."""

    ids: dict[str, str] = field(default_factory=dict)

    def new(self, what: str) -> str:
        """Return a new trace's id."""
        self.ids[what] = secrets.token_hex(16)
        return self.ids[what]
