"""Bringing a cluster up and taking it down, on the real machine: nothing is left, whatever went wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.cluster import host
from dev.cluster.paths import CHECKOUT
from tests.e2e.machine import Machine, separate

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Give the test a machine of its own; the path is short because a socket's may have 107 bytes."""
    host.check_able()
    if "PYTEST_XDIST_WORKER" in os.environ:
        request.getfixturevalue("cluster")  # which other tests use: it must not come up or go meanwhile
    with separate(Path(f"/var/lib/modelward-test-{os.getpid()}")) as made:
        yield made


def test_up_serves_and_down_leaves_nothing(machine: Machine) -> None:
    """Every pod runs, restricted; a second `up` changes none; `down` leaves the machine as it was."""
    before = machine.traces()
    up = machine.cluster("up")
    assert up.returncode == 0, up.stderr
    assert "export KUBECONFIG=" in up.stderr
    pods = _pods(machine)
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    assert {pod["spec"]["securityContext"]["runAsNonRoot"] for pod in pods} == {True}
    assert machine.cluster("up").returncode == 0
    assert {pod["metadata"]["uid"] for pod in _pods(machine)} == {pod["metadata"]["uid"] for pod in pods}
    down = machine.cluster("down")
    assert down.returncode == 0, down.stderr
    assert machine.traces() == before
    again = machine.cluster("down")
    assert (again.returncode, "no cluster to take down" in again.stderr) == (0, True)


def _pods(machine: Machine) -> list[dict[str, Any]]:
    kubeconfig = machine.cluster("kubeconfig").stdout.strip()
    kubectl = subprocess.run(
        [sys.executable, "-m", "dev.cluster", "programs", "kubectl"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    listed = machine.run(kubectl, "--kubeconfig", kubeconfig, "get", "pods", "-A", "-o", "json")
    pods: list[dict[str, Any]] = json.loads(listed.stdout)["items"]
    return pods


@pytest.mark.parametrize("line", ["control plane \\.\\.\\.", "importing .*coredns", "storage \\.\\.\\."])
def test_down_follows_a_killed_up(machine: Machine, line: str) -> None:
    """Wherever `up` was killed, `down` removes what it had made by then, noted or not."""
    before = machine.traces()
    machine.kill_when("up", line)
    (state,) = machine.clusters()
    for name in ("etcd", "kubelet", "containerd"):
        (state / f"{name}.pid").unlink(missing_ok=True)
    down = machine.cluster("down")
    assert down.returncode == 0, down.stderr
    assert machine.traces() == before


def test_up_and_down_follow_a_crash(machine: Machine) -> None:
    """After processes of the cluster were killed `up` completes it; `down` completes a killed `down`."""
    before = machine.traces()
    machine.kill_when("up", "storage \\.\\.\\.")
    (state,) = machine.clusters()
    for name in ("kubelet", "containerd", "kube-apiserver"):
        os.kill(json.loads((state / f"{name}.pid").read_text())["pid"], signal.SIGKILL)
    up = machine.cluster("up")
    assert up.returncode == 0, up.stderr
    assert {pod["status"]["phase"] for pod in _pods(machine)} == {"Running"}
    machine.kill_when("down", "ending the control plane \\.\\.\\.")
    down = machine.cluster("down")
    assert down.returncode == 0, down.stderr
    assert machine.traces() == before


def test_second_checkout_is_refused(machine: Machine, tmp_path: Path) -> None:
    """Another checkout is told whose cluster has the machine and how to end it, and changes nothing."""
    shutil.copytree(CHECKOUT / "dev", tmp_path / "dev")
    machine.kill_when("up", "control plane: ")
    refused = machine.cluster("up", checkout=tmp_path)
    assert refused.returncode == 1
    assert f"the cluster of {CHECKOUT}" in refused.stderr
    assert f"make -C {CHECKOUT} down" in refused.stderr
    assert len(machine.clusters()) == 1
    assert "no cluster to take down" in machine.cluster("down", checkout=tmp_path).stderr
    assert len(machine.clusters()) == 1


def test_dead_cluster_of_another_checkout_makes_way(machine: Machine, tmp_path: Path) -> None:
    """A cluster of which nothing runs any more is removed by another checkout's `up`, which says so."""
    before = machine.traces()
    shutil.copytree(CHECKOUT / "dev", tmp_path / "dev")
    machine.kill_when("up", "storage \\.\\.\\.")
    (abandoned,) = machine.clusters()
    machine.kill_all()
    up = machine.cluster("up", checkout=tmp_path)
    assert up.returncode == 0, up.stderr
    assert f"nothing runs any more of the cluster in {abandoned}" in up.stderr
    assert not abandoned.exists()
    assert machine.cluster("down", checkout=tmp_path).returncode == 0
    assert machine.traces() == before


def test_taken_addresses_are_refused(machine: Machine) -> None:
    """A machine that routes the cluster's addresses elsewhere keeps doing so, and its user is told which."""
    machine.run("ip", "link", "add", "vpn0", "type", "bridge")
    machine.run("ip", "link", "set", "vpn0", "up")
    machine.run("ip", "route", "add", "10.244.7.0/24", "dev", "vpn0")
    before = machine.traces()
    refused = machine.cluster("up")
    assert refused.returncode == 1
    assert "10.244.7.0/24" in refused.stderr
    assert "CLUSTER=current" in refused.stderr
    assert machine.traces() == before


def test_user_without_root_is_shown_the_other_way() -> None:
    """Without root nothing is tried: one line says why and names CLUSTER=current."""
    # The user's number is what is asked for; a real other user could not read this checkout everywhere.
    source = (
        "import runpy, os; os.geteuid = lambda: 65534; runpy.run_module('dev.cluster', run_name='__main__')"
    )
    refused = subprocess.run(
        [sys.executable, "-c", source, "up"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "needs root" in refused.stderr
    assert "CLUSTER=current" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
