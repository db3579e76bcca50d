"""Runs the monitor as its own process on free ports, with a configuration and keys that a test can change."""

import base64
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from dev.cluster.controlplane import free_ports
from modelward.conventions import METRIC_DURATION, METRIC_EVENTS, PATH_OBJECTIVES
from tests.integration.monitor.starts import Forked, Start, Started
from tests.integration.signals.conditions import until_answered

NAMESPACE: Final = "shop"
DEPLOYMENT: Final = "electricity"
REVISION: Final = "electricity-5d9c7f"
ADMIN_TOKEN: Final = "admin-token-of-the-tests"
RECEIPT_KEY: Final = bytes(range(32))
START_SECONDS: Final = 60
WITHIN_MS: Final = 1000

Labels = dict[str, str]


def configuration(server_port: int, **changes: Any) -> dict[str, Any]:
    """The file that the operator would write, with top-level `changes`."""
    return {
        "version": 1,
        "namespace": NAMESPACE,
        "deployment": DEPLOYMENT,
        "revision": REVISION,
        "model": "s3://models/electricity/2",
        "server": {"protocol": "v2", "port": server_port},
        "objectives": [
            {"name": "latency", "config": "l1", "kind": "latency", "within_ms": WITHIN_MS},
            {"name": "availability", "config": "a1", "kind": "availability"},
            {"name": "accuracy", "config": "c1", "kind": "accuracy", "tolerance": 0.5},
        ],
        "traffic": {"mode": "Serve", "generation": 1},
        "telemetry": {"sample_ratio": 0, "is_exported": False},
        "drain_seconds": 0,
        **changes,
    }


@dataclass(slots=True)
class MonitorProcess:
    """One monitor."""

    folder: Path
    config: dict[str, Any]
    otlp_endpoint: str = ""
    serving_port: int = 0
    synthetic_port: int = 0
    metrics_port: int = 0
    admin_port: int = 0
    process: Started | None = None
    accuracy_before: tuple[float, float] = (0, 0)
    """Good and bad labels of earlier tests, when it is shared."""

    def start(self, how: Start = Forked) -> None:
        """Start it and wait until it listens."""
        self.serving_port, self.synthetic_port, self.metrics_port, self.admin_port = free_ports(4)
        for name in ("config", "keys"):
            (self.folder / name).mkdir(exist_ok=True, parents=True)
        self.write_config(self.config)
        self.write_keys(RECEIPT_KEY)
        (self.folder / "keys" / "admin-token").write_text(ADMIN_TOKEN + "\n")
        ports = {
            "MODELWARD_SERVING_PORT": self.serving_port,
            "MODELWARD_SYNTHETIC_PORT": self.synthetic_port,
            "MODELWARD_METRICS_PORT": self.metrics_port,
            "MODELWARD_ADMIN_PORT": self.admin_port,
        }
        environment = {
            **os.environ,
            **{name: str(port) for name, port in ports.items()},
            "MODELWARD_CONFIG_DIR": str(self.folder / "config"),
            "MODELWARD_KEYS_DIR": str(self.folder / "keys"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.otlp_endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            # Other tests keep the machine busy, and would starve it.
            "MODELWARD_NICENESS": "0",
        }
        self.process = how(environment, self.folder / "log")
        deadline = time.monotonic() + START_SECONDS
        while not self._is_up():
            if time.monotonic() > deadline or self.process.wait(0) is not None:
                raise AssertionError(f"the monitor did not start:\n{self.log()}")
            time.sleep(0.02)

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/healthz", timeout=1):
                pass
            with socket.create_connection(("127.0.0.1", self.admin_port), timeout=1):  # opened last
                return True
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> int:
        """End it and return its exit code."""
        assert self.process is not None
        if self.process.wait(0) is None:
            self.send_signal(signal.SIGTERM)
        code = self.process.wait(START_SECONDS)
        if code is None:
            self.send_signal(signal.SIGKILL)
            raise AssertionError(f"the monitor did not end:\n{self.log()}")
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self.process is not None
        os.kill(self.process.pid, number)

    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "log").read_text()

    def write_config(self, config: dict[str, Any] | str) -> None:
        """Replace the configuration file, as the kubelet does: by a rename."""
        text = config if isinstance(config, str) else json.dumps(config)
        _replace(self.folder / "config" / "monitor.json", text)

    def write_keys(self, *keys: bytes) -> None:
        """Replace the receipt keys; the first signs."""
        text = "".join(base64.b64encode(key).decode() + "\n" for key in keys)
        _replace(self.folder / "keys" / "receipt-key", text)

    def url(self, path: str) -> str:
        """URL of a path on the serving port."""
        return f"http://127.0.0.1:{self.serving_port}{path}"

    def synthetic_url(self, path: str) -> str:
        """URL of a path on the synthetic port."""
        return f"http://127.0.0.1:{self.synthetic_port}{path}"

    async def scrape(self, path: str = PATH_OBJECTIVES) -> "Samples":
        """Scrape it as Prometheus does."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.metrics_port}{path}") as answer,
        ):
            assert answer.status == 200
            assert answer.content_type == "text/plain"
            text = await answer.text()
        return Samples(
            [
                (sample.name, dict(sample.labels), float(sample.value))
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            ]
        )

    async def exemplars(self) -> dict[str, str]:
        """Trace ids of the latency histogram by the upper bound of their bucket."""
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        texts: list[str] = []

        async def asked() -> bool:
            async with aiohttp.ClientSession(headers=accept) as session, session.get(url) as answer:
                texts.append(await answer.text())
                return answer.status == 200

        await until_answered(asked, "the second process has time for a scrape")
        return {
            sample.labels["le"]: sample.exemplar.labels["trace_id"]
            for family in openmetrics(texts[-1])
            for sample in family.samples
            if sample.name == f"{METRIC_DURATION}_bucket" and sample.exemplar
        }

    async def status(self, path: str) -> int:
        """Status of a path on the metrics port."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.metrics_port}{path}") as answer,
        ):
            return answer.status

    async def ready(self) -> tuple[int, str]:
        """Status and text of /readyz."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.metrics_port}/readyz") as answer,
        ):
            return answer.status, await answer.text()

    async def put_traffic(self, traffic: Any, token: str = ADMIN_TOKEN) -> tuple[int, dict[str, Any]]:
        """PUT /traffic on the admin port."""
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
            session.put(f"http://127.0.0.1:{self.admin_port}/traffic", json=traffic) as answer,
        ):
            return answer.status, await answer.json()

    async def get_traffic(self) -> dict[str, Any]:
        """GET /traffic on the admin port."""
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}) as session,
            session.get(f"http://127.0.0.1:{self.admin_port}/traffic") as answer,
        ):
            assert answer.status == 200
            shown: dict[str, Any] = await answer.json()
            return shown


@dataclass(frozen=True, slots=True)
class Samples:
    """One scrape."""

    all: list[tuple[str, Labels, float]]

    def get(self, name: str, **labels: str) -> float | None:
        """Value of the one sample with these labels among its own; None if there is none."""
        found = [
            value
            for sample, own, value in self.all
            if sample == name and all(own.get(key) == wanted for key, wanted in labels.items())
        ]
        assert len(found) <= 1, f"{name}{labels} names {len(found)} samples"
        return found[0] if found else None

    def events(self, objective: str, result: str, revision: str = REVISION) -> float | None:
        """Count of an objective's events."""
        return self.get(METRIC_EVENTS, objective=objective, result=result, revision=revision)

    def verdicts(self, objective: str, revision: str = REVISION) -> tuple[float | None, float | None]:
        """An objective's good and bad events."""
        return self.events(objective, "good", revision), self.events(objective, "bad", revision)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.replace(path)
