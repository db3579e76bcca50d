"""What the cluster changes on its machine beside its own folder, noted before and put back after."""

import contextlib
import fcntl
import json
import os
import platform
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dev.cluster import layout as layouts
from dev.cluster import network
from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout
from dev.cluster.paths import CHECKOUT

OTHER_WAY: Final = "or use a cluster that you have: CLUSTER=current make ... takes the current kube context"
# The programs have these paths built in; whichever was not there before goes again with the cluster.
_FOLDERS: Final = (
    "/etc/cni",
    "/opt/cni",
    "/opt/containerd",
    "/run/containerd",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/lib/kube-proxy",
    "/var/log/containers",
    "/var/log/pods",
    "/var/run/kubernetes",
    "/usr/libexec/kubernetes",
)
# Set by kubelet (pkg/kubelet/cm), by kube-proxy and by the bridge plugin.
_SETTINGS: Final = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/bridge/bridge-nf-call-iptables",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/ip_forward",
    "net/ipv4/vs/conntrack",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)


def check_able() -> None:
    """Refuse where a node cannot run.

    Raises:
        ClusterError: not Linux, or not root.
    """
    if platform.system() != "Linux":
        message = f"a one-node cluster needs Linux, this is {platform.system()}; {OTHER_WAY}"
        raise ClusterError(message)
    if os.geteuid() != 0:
        message = (
            f"a one-node cluster needs root (containers, network, mounts): run it with sudo -E; {OTHER_WAY}"
        )
        raise ClusterError(message)


def memory_available() -> int:
    """Return the bytes of memory that can be had without swapping, within this control group's limit."""
    (line,) = (each for each in Path("/proc/meminfo").read_text().splitlines() if "MemAvailable" in each)
    available = int(line.split()[1]) * 1024
    for limit in ("memory.max", "memory/memory.limit_in_bytes"):  # of version 2 and 1
        with contextlib.suppress(OSError, ValueError):  # not this version; "max"
            available = min(available, int((Path("/sys/fs/cgroup") / limit).read_text()))
    return available


def holder(root: Path) -> Layout | None:
    """Return the cluster that has this machine, running or not, or None."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        held = Layout(json.loads((root / "holder.json").read_text())["identifier"], root)
        return held if held.state.exists() else None
    return None


def claim(layout: Layout) -> None:
    """Take this machine for the checkout's cluster.

    Raises:
        ClusterError: another cluster has it; the message names whose.
    """
    with _alone(layout.root):
        _check_unheld(layout)
        if not _notes(layout).exists():
            _check_unused()
        layout.state.mkdir(mode=0o711, exist_ok=True)
        user = os.environ.get("SUDO_USER") or os.environ.get("USER") or str(os.getuid())
        record = {
            "identifier": layout.identifier,
            "checkout": str(CHECKOUT),
            "user": user,
            "pid": os.getpid(),
        }
        # Before anything is noted: what is put back later was nobody else's to change meanwhile.
        (layout.root / "holder.json").write_text(json.dumps(record))
        if not _notes(layout).exists():
            _note(layout)


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the folder of all clusters against other checkouts; it is made if need be, and goes when empty."""
    while True:
        root.mkdir(parents=True, exist_ok=True)
        folder = os.open(root, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(folder), root.stat()):
                break
        os.close(folder)  # it went while this waited
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            root.rmdir()
        os.close(folder)


def _check_unheld(layout: Layout) -> None:
    if holder(layout.root) not in {None, layout}:
        held = json.loads((layout.root / "holder.json").read_text())
        message = (
            f"the cluster of {held['checkout']} (user {held['user']}, process {held['pid']}) has this "
            f"machine; end it first: make -C {held['checkout']} down "
            f"(or python3 -m dev.cluster down {held['identifier']})"
        )
        raise ClusterError(message)


def _check_unused() -> None:
    for family in ("iptables-save", "ip6tables-save"):
        chains = network.kubernetes_chains(network.run(family, check=False).stdout)
        if chains:
            message = (
                f"another Kubernetes node uses this machine ({family} shows {chains[0]}): end it, {OTHER_WAY}"
            )
            raise ClusterError(message)
    overlapping = network.overlapping_routes(network.run("ip", "-4", "route").stdout, "mw")
    if overlapping:
        message = f"this machine routes addresses of the cluster's elsewhere: {overlapping[0]}; {OTHER_WAY}"
        raise ClusterError(message)
    ports = (
        *(layouts.API_PORT, layouts.ETCD_PORT, layouts.ETCD_PEER_PORT),
        *(layouts.PROXY_METRICS_PORT, layouts.PROXY_HEALTH_PORT),
        *(layouts.KUBELET_PORT, layouts.CONTROLLER_MANAGER_PORT, layouts.SCHEDULER_PORT),
    )
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                message = (
                    f"port {port} is taken (ss -ltnp 'sport = :{port}' shows by whom): end that, {OTHER_WAY}"
                )
                raise ClusterError(message) from None


def _notes(layout: Layout) -> Path:
    return layout.state / "host.json"


def _note(layout: Layout) -> None:
    settings = {}
    for name in _SETTINGS:
        with contextlib.suppress(OSError):
            settings[name] = Path("/proc/sys", name).read_text().strip()
    absent = [folder for folder in _FOLDERS if not Path(folder).exists()]
    unfinished = _notes(layout).with_suffix(".part")
    unfinished.write_text(json.dumps({"settings": settings, "absent": absent}))
    unfinished.rename(_notes(layout))


def put_back(layout: Layout) -> None:
    """Undo what the cluster changed beside its own folder."""
    _remove_links_to_logs(layout)
    for left in Path("/var/lib/cni/results").glob(f"{layout.network}-*"):
        left.unlink()
    try:
        noted = json.loads(_notes(layout).read_text())
    except (OSError, ValueError):
        return
    for folder in noted["absent"]:
        shutil.rmtree(folder, ignore_errors=True)
    for name, value in noted["settings"].items():
        file = Path("/proc/sys", name)
        if file.read_text().strip() != value:
            file.write_text(value)


def _remove_links_to_logs(layout: Layout) -> None:
    for link in Path("/var/log/containers").glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(layout.state):
            link.unlink()


def release(layout: Layout) -> None:
    """Remove the cluster's folder and give the machine up."""
    with _alone(layout.root):
        shutil.rmtree(layout.state, ignore_errors=True)
        if layout.state.exists():
            message = f"{layout.state} could not be removed: what is in it is still mounted or in use"
            raise ClusterError(message)
        record = layout.root / "holder.json"
        with contextlib.suppress(FileNotFoundError, ValueError):
            if json.loads(record.read_text())["identifier"] == layout.identifier:
                record.unlink()
