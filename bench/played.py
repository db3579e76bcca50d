"""A cluster whose kubelets are played by kwok: real API server, controllers and scheduler, no container.

The pods' counters come from one exporter, so that a real Prometheus sees as many series as pods would give.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from dev.cluster import controlplane, definitions, processes, programs
from dev.cluster.controlplane import ControlPlane
from modelward import conventions as names

CONTROLLERS: Final = (
    *("deployment-controller", "replicaset-controller", "serviceaccount-controller"),
    *("endpointslice-controller", "garbage-collector-controller", "node-lifecycle-controller"),
)
STOP_SECONDS: Final = 10.0
REQUESTS_PER_SECOND: Final = 10.0


@contextmanager
def cluster() -> Iterator[ControlPlane]:
    """Run the control plane with controllers, scheduler and kwok, and one node that kwok plays."""
    with controlplane.temporary() as plane:
        plane.apply(*definitions.all_folders())
        kubeconfig = f"--kubeconfig={plane.kubeconfig}"
        secure_ports = controlplane.free_ports(2)
        common = [kubeconfig, "--leader-elect=false", "--kube-api-qps=200", "--kube-api-burst=400"]
        commands = {
            "kube-controller-manager": [
                *common,
                f"--secure-port={secure_ports[0]}",
                f"--controllers={','.join(CONTROLLERS)}",
            ],
            "kube-scheduler": [*common, f"--secure-port={secure_ports[1]}"],
            "kwok": [kubeconfig, "--manage-all-nodes=true", "--node-lease-duration-seconds=40"],
        }
        try:
            for name, arguments in commands.items():
                command: list[str | Path] = [programs.find(name), *arguments]
                processes.start(plane.folder, name, processes.dying_with_parent(command))
            plane.kubectl("create", "-f", "-", input=json.dumps(_node()))
            yield plane
        finally:
            for name in reversed(commands):
                processes.stop(plane.folder, name, STOP_SECONDS)


def _node() -> dict[str, object]:
    resources = {"cpu": "1000", "memory": "1Ti", "pods": "10000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "played"},
        "status": {"capacity": resources, "allocatable": resources},
    }


@dataclass(frozen=True, slots=True)
class PlayedPod:
    """Whose counters to serve."""

    namespace: str
    deployment: str
    revision: str
    name: str
    objectives: Mapping[str, str]
    """Event definition's hash by objective."""


class Exporter:
    """Answers scrapes for all pods, spread over paths /0, /1, ...; every request was a good one."""

    def __init__(self, paths: int) -> None:
        """Listen on a free loopback port; there are no pods yet."""
        self._paths = paths
        self._started_at = time.time()
        self.pods: tuple[PlayedPod, ...] = ()
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = exporter.page(int(self.path[1:])).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
                """Keep quiet."""

        self._server = ThreadingHTTPServer((controlplane.LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{controlplane.LOOPBACK}:{self._server.server_address[1]}"

    def page(self, number: int) -> str:
        """Return what the pods of one path answer."""
        events = int((time.time() - self._started_at) * REQUESTS_PER_SECOND)
        return "".join(self._pod(pod, events) for pod in self.pods[number :: self._paths])

    def _pod(self, pod: PlayedPod, events: int) -> str:
        whose = f'namespace="{pod.namespace}",pod="{pod.name}"'
        counted = f'{whose},deployment="{pod.deployment}",revision="{pod.revision}"'
        lines = [
            f"{names.METRIC_PROCESS_START}{{{whose}}} {self._started_at}",
            f"{names.METRIC_REQUESTS}{{{counted}}} {events}",
        ]
        for objective, config in pod.objectives.items():
            labels = f'{counted},objective="{objective}",config="{config}",storage="unknown"'
            lines.append(f'{names.METRIC_EVENTS}{{{labels},result="good"}} {events}')
            lines.append(f'{names.METRIC_EVENTS}{{{labels},result="bad"}} 0')
        return "\n".join(lines) + "\n"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
