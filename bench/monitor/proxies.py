"""The proxies that are held against each other, each started before the bare server on loopback."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.monitor.payloads import FEATURES
from dev import compiled, installed
from dev.cluster import processes, programs
from dev.cluster.controlplane import free_ports

OURS: Final = "modelward"
BYTES: Final = "uvloop, bytes only"
"""What no monitor on this event loop can be cheaper than."""
NGINX: Final = "nginx"
AGENT: Final = "KServe agent"
AGENT_LOGGING: Final = "KServe agent, logger"
START_SECONDS: Final = 30.0
_CHECKOUT: Final = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that takes requests."""

    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class _Command:
    arguments: list[str | Path]
    environment: Mapping[str, str]
    port: int


@contextmanager
def bare(folder: Path) -> Iterator[Running]:
    """Run the bare server."""
    port = free_ports(1)[0]
    command: list[str | Path] = [sys.executable, "-m", "bench.monitor.server", str(port)]
    with _process(_Command(command, {"PYTHONPATH": str(_CHECKOUT)}, port), folder / "server") as running:
        yield running


@contextmanager
def run(name: str, server_port: int, folder: Path) -> Iterator[Running]:
    """Run the proxy of that name before the server, and end it."""
    folder.mkdir(parents=True, exist_ok=True)
    with _process(COMMANDS[name](server_port, folder), folder) as running:
        yield running


@contextmanager
def _process(command: _Command, folder: Path) -> Iterator[Running]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            processes.dying_with_parent(command.arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **command.environment},
            start_new_session=True,
        )
    try:
        if not processes.until(lambda: _accepts(command.port) or process.poll() is not None, START_SECONDS):
            raise RuntimeError(f"{command.arguments[0]} does not listen: see {folder / 'log'}")
        if process.poll() is not None:
            raise RuntimeError(f"{command.arguments[0]} ended: {(folder / 'log').read_text()[-2000:]}")
        yield Running(command.port, process.pid)
    finally:
        # Of the group, which is this process's own; KServe's agent would wait 30 s after a TERM.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def monitor_config(server_port: int) -> dict[str, Any]:
    """The monitor's configuration with everything on."""
    return {
        "version": 1,
        "namespace": "bench",
        "deployment": "electricity",
        "revision": "electricity-5d9c7f",
        "server": {"protocol": "v2", "port": server_port},
        "objectives": [
            {"name": "latency", "config": "l1", "kind": "latency", "within_ms": 200},
            {"name": "availability", "config": "a1", "kind": "availability"},
            {"name": "accuracy", "config": "c1", "kind": "accuracy", "tolerance": 0},
        ],
        "telemetry": {"sample_ratio": 0.01},
        "drift": {
            "profile": "p1",
            "columns": len(FEATURES),
            "features": [
                {
                    "kind": "numeric",
                    "name": name,
                    "column": column,
                    "edges": [tenth / 10 for tenth in range(1, 10)],
                    "reference": [100] * 12,
                }
                for column, name in enumerate(FEATURES)
            ],
            "prediction": {
                "kind": "categorical",
                "name": "predict",
                "categories": ["0", "1"],
                "reference": [500, 500, 0, 0],
            },
        },
        "capture": {"share": 0.1},
    }


@dataclass(frozen=True, slots=True)
class Monitor(Running):
    """A monitor that takes requests."""

    metrics_port: int


@contextmanager
def monitor(server_port: int, otlp_port: int, folder: Path) -> Iterator[Monitor]:
    """Run the monitor before the server, its spans to a collector at `otlp_port`, and end it."""
    command = _monitor(server_port, otlp_port, folder)
    with _process(command, folder) as running:
        yield Monitor(running.port, running.pid, int(command.environment["MODELWARD_METRICS_PORT"]))


def _monitor(server_port: int, otlp_port: int, folder: Path) -> _Command:
    folder.mkdir(parents=True, exist_ok=True)
    serving, synthetic, metrics, admin = free_ports(4)
    (folder / "monitor.json").write_text(json.dumps(monitor_config(server_port)))
    (folder / "receipt-key").write_text(base64.b64encode(bytes(range(32))).decode())
    (folder / "admin-token").write_text("bench")
    python = installed.python()
    environment = {
        **_as_in_the_image(python),
        "MODELWARD_SERVING_PORT": str(serving),
        "MODELWARD_SYNTHETIC_PORT": str(synthetic),
        "MODELWARD_METRICS_PORT": str(metrics),
        "MODELWARD_ADMIN_PORT": str(admin),
        "MODELWARD_CONFIG_DIR": str(folder),
        "MODELWARD_KEYS_DIR": str(folder),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{otlp_port}",
    }
    return _Command([python, "-m", "modelward.monitor"], environment, serving)


def _as_in_the_image(python: Path) -> dict[str, str]:
    """Compiled, with bytecode from before, and with what the image says of memory."""
    text = (_CHECKOUT / "images" / "monitor" / "Containerfile").read_text()
    folder = compiled.folder()
    return {
        **dict(re.findall(r"\b(MALLOC_[A-Z_]+)=(\d+)", text)),
        **installed.bytecode(python, folder / "modelward"),
        "PYTHONPATH": str(folder),
    }


def _ours(server_port: int, folder: Path) -> _Command:
    return _monitor(server_port, server_port, folder)  # the bare server takes spans as anything else


def _bytes(server_port: int, _folder: Path) -> _Command:
    port = free_ports(1)[0]
    # By the monitor's interpreter, or the two could not be held against each other.
    python = installed.python()
    command: list[str | Path] = [python, "-m", "bench.monitor.forwarder", str(port), str(server_port)]
    return _Command(command, {"PYTHONPATH": str(_CHECKOUT)}, port)


_NGINX: Final = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 64m;
  keepalive_requests 1000000000;
  upstream model {{ server 127.0.0.1:{server_port}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }}
  }}
}}
"""


def _nginx(server_port: int, folder: Path) -> _Command:
    port = free_ports(1)[0]
    file = folder / "nginx.conf"
    file.write_text(_NGINX.format(folder=folder, port=port, server_port=server_port))
    return _Command(["nginx", "-p", folder, "-c", file], {}, port)


def _agent(server_port: int, _folder: Path) -> _Command:
    port = free_ports(1)[0]
    probe = {"tcpSocket": {"host": "127.0.0.1", "port": server_port}}
    arguments: list[str | Path] = [
        programs.find("agent"),
        f"--port={port}",
        f"--component-port={server_port}",
    ]
    return _Command(arguments, {"SERVING_READINESS_PROBE": json.dumps(probe)}, port)


def _agent_logging(server_port: int, folder: Path) -> _Command:
    plain = _agent(server_port, folder)
    sink = f"http://127.0.0.1:{server_port}/"
    arguments = [*plain.arguments, f"--log-url={sink}", "--log-mode=all", "--inference-service=electricity"]
    return _Command(arguments, plain.environment, plain.port)


COMMANDS: Final[Mapping[str, Callable[[int, Path], _Command]]] = {
    OURS: _ours,
    BYTES: _bytes,
    NGINX: _nginx,
    AGENT: _agent,
    AGENT_LOGGING: _agent_logging,
}
