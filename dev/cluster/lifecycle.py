"""Brings the one-node cluster up, step by step, and takes it down; both can be repeated."""

import json
from pathlib import Path
from typing import Final

from dev.cluster import (
    certificates,
    cgroups,
    controlplane,
    host,
    images,
    locks,
    network,
    node,
    packages,
    processes,
    programs,
    teardown,
)
from dev.cluster.controlplane import ControlPlane
from dev.cluster.errors import ClusterError
from dev.cluster.layout import (
    CONTROLLER_MANAGER_PORT,
    NODE,
    POD_CIDR,
    SCHEDULER_PORT,
    Layout,
)
from dev.cluster.progress import say, step

_CONTROLLER_MANAGER: Final = "system:kube-controller-manager"
_SCHEDULER: Final = "system:kube-scheduler"
_PROXY: Final = "system:kube-proxy"
_KUBELET: Final = f"system:node:{NODE}"
NODE_PROGRAMS: Final = (
    *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    *("kubelet", "kube-proxy", "kubectl"),
)
_READY_SECONDS: Final = 60.0


def up(layout: Layout) -> ControlPlane:
    """Bring up the control plane and the node; what runs already is left as it is.

    Raises:
        ClusterError: a step failed; what was started stays for a look at its logs, `down` removes it.
    """
    host.check_able()
    packages.ensure(packages.NODE_COMMANDS)
    files = programs.find_all(list(NODE_PROGRAMS))
    pause = images.of_program("pause")
    _remove_abandoned(layout)
    host.claim(layout)
    network.add_node_link(layout)
    network.keep_service_addresses(layout)
    cgroups.create(layout)
    node.start_containerd(layout, pause.reference)
    with step("control plane"):
        plane = _control_plane(layout)
        images.load(layout, [pause])
        controlplane.wait_ready(plane)
        _start_controllers(layout, plane, files)
    with step("node"):
        _start_node(layout, plane, files)
        _wait_node_ready(layout, plane)
    return plane


def _remove_abandoned(layout: Layout) -> None:
    """Take down another checkout's cluster of which nothing runs any more, as after the machine's restart."""
    held = host.holder(layout.root)
    if held is None or held == layout:
        return
    with locks.exclusive(held.network):  # its own `up` or `down` may be under way
        if host.holder(layout.root) == held and not teardown.is_running(held):
            say(f"nothing runs any more of the cluster in {held.state}; removing what it left")
            down(held)


def _control_plane(layout: Layout) -> ControlPlane:
    users = {user: user for user in (_CONTROLLER_MANAGER, _SCHEDULER, _PROXY)}
    keys = layout.state / "keys"
    extra = [
        "--allow-privileged=true",
        "--enable-admission-plugins=NodeRestriction",
        f"--kubelet-client-certificate={keys / 'api.crt'}",
        f"--kubelet-client-key={keys / 'api.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--audit-log-maxsize=500",
        "--audit-log-maxbackup=1",
    ]
    return controlplane.launch(layout.state, layout.addresses, {**users, _KUBELET: "system:nodes"}, extra)


def _kubeconfig(layout: Layout, plane: ControlPlane, user: str) -> Path:
    path = layout.state / "keys" / f"{user.replace(':', '-')}.kubeconfig"
    return certificates.kubeconfig(path, plane.url, plane.ca_file, plane.credentials.tokens[user])


def _start_controllers(layout: Layout, plane: ControlPlane, files: dict[str, Path]) -> None:
    keys, common = layout.state / "keys", ["--leader-elect=false", "--bind-address=127.0.0.1"]
    manager: list[str | Path] = [
        files["kube-controller-manager"],
        f"--kubeconfig={_kubeconfig(layout, plane, _CONTROLLER_MANAGER)}",
        *common,
        f"--secure-port={CONTROLLER_MANAGER_PORT}",
        f"--cert-dir={keys / 'controller-manager'}",
        f"--root-ca-file={plane.ca_file}",
        f"--service-account-private-key-file={plane.credentials.service_account_key}",
        "--use-service-account-credentials=true",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={POD_CIDR}",
        "--kube-api-qps=100",
        "--kube-api-burst=200",
    ]
    scheduler: list[str | Path] = [
        files["kube-scheduler"],
        f"--kubeconfig={_kubeconfig(layout, plane, _SCHEDULER)}",
        *common,
        f"--secure-port={SCHEDULER_PORT}",
        f"--cert-dir={keys / 'scheduler'}",
    ]
    for name, command in (("kube-controller-manager", manager), ("kube-scheduler", scheduler)):
        if not processes.is_running(layout.state, name):
            processes.start(layout.state, name, command)


def _start_node(layout: Layout, plane: ControlPlane, files: dict[str, Path]) -> None:
    node.start_kubelet(layout, files["kubelet"], _kubeconfig(layout, plane, _KUBELET), plane.ca_file)
    node.start_proxy(layout, files["kube-proxy"], _kubeconfig(layout, plane, _PROXY))


def _wait_node_ready(layout: Layout, plane: ControlPlane) -> None:
    def ready() -> bool:
        for name in ("kubelet", "kube-proxy", "kube-controller-manager", "kube-scheduler"):
            if not processes.is_running(layout.state, name):
                raise ClusterError(f"{name} ended:\n{processes.log_tail(layout.state, name)}")
        answer = plane.kubectl("get", "node", NODE, "-o", "json", check=False)
        if answer.returncode != 0:
            return False
        conditions = json.loads(answer.stdout)["status"].get("conditions", [])
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    if not processes.until(ready, _READY_SECONDS):
        tail = processes.log_tail(layout.state, "kubelet")
        raise ClusterError(f"the node is not ready after {_READY_SECONDS:.0f} s:\n{tail}")


def down(layout: Layout) -> None:
    """Remove all that `up` made, whatever state a crash left it in; nothing there is no error.

    Raises:
        ClusterError: something of it cannot be removed; the message says what holds it.
    """
    if not layout.state.exists():
        say("no cluster to take down")
        return
    host.check_able()
    with step("ending the node and its pods"):
        teardown.end_node(layout)
    with step("ending the control plane"):
        # The API server before etcd, which it would wait for.
        for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            teardown.end(layout, name)
    with step("removing network and files"):
        network.remove_rules(layout)
        network.forget_service_addresses(layout)
        network.remove_links(layout)
        host.put_back(layout)
        host.release(layout)
