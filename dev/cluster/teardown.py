"""Ends the node's processes and pods, and removes the mounts and control groups they leave."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

from dev.cluster import mounts, processes
from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout

STOP_SECONDS: Final = 10.0
_CGROUPS: Final = Path("/sys/fs/cgroup")


def pod_cgroups() -> list[Path]:
    """Return the folders that hold the pods' control groups, of either cgroup version."""
    return [path for path in (_CGROUPS / "kubepods", *_CGROUPS.glob("*/kubepods")) if path.is_dir()]


def end_node(layout: Layout) -> None:
    """End the node's processes, pods and mounts; what is not there is skipped."""
    for name in ("kubelet", "kube-proxy"):
        processes.stop(layout.state, name, STOP_SECONDS)
    _kill_pods(layout)
    processes.stop(layout.state, "containerd", STOP_SECONDS)
    mounts.remove_below(layout.state)
    _remove_cgroups()


def shims(layout: Layout) -> list[int]:
    """Return the ids of the pods' shim processes, known by the containerd that they were started for."""
    wanted, found = str(layout.containerd_socket), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_text().split("\0")
            if "containerd-shim" in words[0] and wanted in words:
                found.append(int(folder.name))
    return found


def _kill_pods(layout: Layout) -> None:
    sockets = [
        Path(file.read_text().removeprefix("unix://"))
        for file in (layout.state / "containerd" / "state").glob("io.containerd.runtime.v2.task/*/*/address")
    ]
    for group in pod_cgroups():
        for file in group.rglob("cgroup.procs"):
            for word in file.read_text().split():
                _kill(int(word))
    for pid in shims(layout):
        _kill(pid)
    if not processes.until(lambda: not shims(layout), STOP_SECONDS):
        raise ClusterError(f"pods' shims do not end: processes {sorted(shims(layout))}")
    for socket in sockets:
        socket.unlink(missing_ok=True)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _remove_cgroups() -> None:
    def empty() -> bool:
        for top in pod_cgroups():
            for group in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
                with contextlib.suppress(OSError):
                    group.rmdir()
            with contextlib.suppress(OSError):
                top.rmdir()
        return not pod_cgroups()

    if not processes.until(empty, STOP_SECONDS):
        raise ClusterError(f"{pod_cgroups()[0]} still has processes; end them and run this again")
