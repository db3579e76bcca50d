"""What an operator costs that has nothing to do: 200 settled deployments, their pods played by kwok.

When everything is settled the operator is watched for five minutes: it must write nothing but its Lease
(audit log), no object may change, and its CPU and memory are read from /proc.

Usage: python -m bench.settled [--deployments 200] [--minutes 5]. Exit code 1 if a limit is not met.
"""

import argparse
import base64
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from bench.played import STOP_SECONDS, Exporter, PlayedPod, cluster
from bench.poll import TARGETS, start_prometheus
from dev.cluster import processes
from dev.cluster.controlplane import ControlPlane, free_ports
from modelward import conventions
from modelward.api.objectives import event_config
from modelward.api.reading import read_spec

NAMESPACE: Final = "settled"
USER: Final = f"system:serviceaccount:{NAMESPACE}:operator"
SAMPLE_SECONDS: Final = 2.0
QUIET_SECONDS: Final = 60.0
"""Without a write of the operator; then everything is taken to be settled."""
SETTLING_LIMIT_SECONDS: Final = 1200.0
CPU_LIMIT_SECONDS_A_MINUTE: Final = 1.0
MEMORY_LIMIT_MB: Final = 150.0
WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
KINDS: Final = (
    *("modeldeployments", "controllerrevisions", "deployments", "services", "configmaps", "secrets"),
    *("podmonitors", "prometheusrules", "pods", "endpointslices"),
)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far."""

    cpu_seconds: float
    memory_mb: float
    """Resident now."""
    peak_memory_mb: float
    """Most that was ever resident, its start included."""


def usage(pid: int) -> Usage:
    """Read a process's CPU time and resident memory (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    memory_mb, peak_mb = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), memory_mb, peak_mb)


def writes(audit_log: Path, since: float) -> Counter[str]:
    """Count the operator's writes since a time (seconds since 1970), its Lease's apart."""
    found: Counter[str] = Counter()
    with audit_log.open() as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["user"]["username"] != USER or entry["verb"] not in WRITES:
                continue
            what = entry.get("objectRef", {})
            resource = "/".join(filter(None, (what.get("resource"), what.get("subresource"))))
            began = datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp()
            if resource != "leases" and began >= since:
                found[f"{entry['verb']} {resource}"] += 1
    return found


def resource_versions(plane: ControlPlane) -> dict[str, str]:
    """Return the resourceVersion of every object, by kind and name."""
    listed = json.loads(plane.kubectl("get", ",".join(KINDS), "-n", NAMESPACE, "-o", "json").stdout)
    return {
        f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
        for item in listed["items"]
    }


def manifest(number: int) -> dict[str, Any]:
    """Return one deployment of two pods and the three kinds of objectives."""
    container = {"name": "model", "image": "server:1"}
    return {
        "apiVersion": conventions.API_VERSION,
        "kind": conventions.KIND,
        "metadata": {"name": f"model-{number}", "namespace": NAMESPACE},
        "spec": {
            "model": {"uri": f"s3://models/{number}"},
            "server": {"template": {"spec": {"containers": [container]}}},
            "replicas": 2,
            "objectives": [
                {"name": "latency", "latency": {"within": "200ms"}, "target": "99%"},
                {"name": "availability", "availability": {}, "target": "99.5%"},
                {"name": "accuracy", "accuracy": {}, "target": "70%"},
            ],
        },
    }


def operator_kubeconfig(plane: ControlPlane) -> Path:
    """Give the operator a user of its own, by which the audit log knows it; return its kubeconfig."""
    plane.kubectl("create", "namespace", NAMESPACE)
    plane.kubectl("create", "serviceaccount", "operator", "-n", NAMESPACE)
    plane.kubectl(
        *("create", "clusterrolebinding", "operator", "--clusterrole=cluster-admin"),
        f"--serviceaccount={NAMESPACE}:operator",
    )
    token = plane.kubectl("create", "token", "operator", "-n", NAMESPACE, "--duration=4h").stdout.strip()
    authority = base64.b64encode(plane.ca_file.read_bytes()).decode()
    file = plane.folder / "operator.kubeconfig"
    file.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "clusters": [
                    {"name": "c", "cluster": {"server": plane.url, "certificate-authority-data": authority}}
                ],
                "users": [{"name": "u", "user": {"token": token}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}],
            }
        )
    )
    return file


def start_operator(plane: ControlPlane, prometheus_port: int) -> int:
    """Start the operator as a process; return its id."""
    settings = {
        "prometheus": {"url": f"http://127.0.0.1:{prometheus_port}"},
        "images": {
            "monitor": "monitor:1",
            "fetch": "fetch:1",
            "collector": "collector:1",
            "gates": "gates:1",
        },
        "lease": {"namespace": NAMESPACE},
        "httpPort": 0,
        "alertsPort": 0,
    }
    config = plane.folder / "operator.yaml"
    config.write_text(yaml.safe_dump(settings))
    command = [
        *(sys.executable, "-m", "modelward.control", "--config", str(config)),
        *("--kubeconfig", str(operator_kubeconfig(plane))),
    ]
    return processes.start(plane.folder, "operator", processes.dying_with_parent(command))


def played_pods(plane: ControlPlane) -> tuple[PlayedPod, ...]:
    """Return every serving pod there is."""
    spec = read_spec(manifest(0))
    objectives = {each.name: event_config(each) for each in spec.objectives}
    pods = json.loads(
        plane.kubectl("get", "pods", "-n", NAMESPACE, "-l", conventions.LABEL_REVISION, "-o", "json").stdout
    )
    return tuple(
        PlayedPod(
            namespace=NAMESPACE,
            deployment=pod["metadata"]["labels"][conventions.LABEL_DEPLOYMENT],
            revision=pod["metadata"]["labels"][conventions.LABEL_REVISION],
            name=pod["metadata"]["name"],
            objectives=objectives,
        )
        for pod in pods["items"]
    )


def settle(plane: ControlPlane, exporter: Exporter, deployments: int) -> float:
    """Make the deployments, wait until nothing is written any more, return how many seconds that took."""
    began = time.time()
    documents = {"apiVersion": "v1", "kind": "List", "items": [manifest(n) for n in range(deployments)]}
    plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(documents))
    if not processes.until(lambda: len(played_pods(plane)) == 2 * deployments, SETTLING_LIMIT_SECONDS):
        raise SystemExit(f"only {len(played_pods(plane))} of {2 * deployments} pods were made")
    exporter.pods = played_pods(plane)
    assert plane.audit_log is not None  # noqa: S101 - this control plane has one
    audit_log = plane.audit_log

    def is_quiet() -> bool:
        time.sleep(5)  # reading a long log twenty times a second would be the load that is measured
        return _all_serve(plane) and not writes(audit_log, time.time() - QUIET_SECONDS)

    if not processes.until(is_quiet, SETTLING_LIMIT_SECONDS):
        raise SystemExit(f"not settled: {writes(audit_log, time.time() - QUIET_SECONDS)} in the last minute")
    return time.time() - began


def _all_serve(plane: ControlPlane) -> bool:
    template = "{range .items[*]}{.status.phase}/{.status.verdict} {end}"
    phases = plane.kubectl("get", "mdep", "-n", NAMESPACE, "-o", f"jsonpath={template}").stdout.split()
    return set(phases) == {"Serving/Healthy"}


def watch(plane: ControlPlane, pid: int, minutes: float) -> bool:
    """Watch the settled operator, print what it did; return whether it kept within every limit."""
    assert plane.audit_log is not None  # noqa: S101 - this control plane has one
    before, versions, since = usage(pid), resource_versions(plane), time.time()
    most_memory_mb = before.memory_mb
    while time.time() < since + minutes * 60:
        time.sleep(SAMPLE_SECONDS)
        most_memory_mb = max(most_memory_mb, usage(pid).memory_mb)
    after, changed = usage(pid), resource_versions(plane)
    written = writes(plane.audit_log, since)
    differing = sorted(name for name in versions | changed if versions.get(name) != changed.get(name))
    cpu = (after.cpu_seconds - before.cpu_seconds) / minutes
    print(f"writes beside the Lease: {sum(written.values())} {dict(written)}")
    print(f"objects changed: {len(differing)} {differing[:5]}")
    print(f"CPU: {cpu:.2f} s a minute, polls of metrics included (limit {CPU_LIMIT_SECONDS_A_MINUTE})")
    print(
        f"memory: {most_memory_mb:.0f} MB (limit {MEMORY_LIMIT_MB:.0f}); "
        f"{after.peak_memory_mb:.0f} MB at the most while everything was made"
    )
    is_cheap = cpu <= CPU_LIMIT_SECONDS_A_MINUTE and most_memory_mb <= MEMORY_LIMIT_MB
    return is_cheap and not written and not differing


def main() -> int:
    """Run the measurement; return 1 if a limit is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deployments", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=5.0)
    given = parser.parse_args()
    with cluster() as plane:
        exporter = Exporter(TARGETS)
        (port,) = free_ports(1)
        start_prometheus(plane.folder, port, exporter.address)
        try:
            pid = start_operator(plane, port)
            seconds = settle(plane, exporter, given.deployments)
            print(f"{given.deployments} deployments settled after {seconds:.0f} s", flush=True)
            return 0 if watch(plane, pid, given.minutes) else 1
        finally:
            for name in ("operator", "prometheus"):
                processes.stop(plane.folder, name, STOP_SECONDS)
            exporter.close()


if __name__ == "__main__":
    sys.exit(main())
