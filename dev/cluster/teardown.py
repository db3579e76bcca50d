"""Ends the node's processes and pods, and removes the mounts and control groups they leave."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

from dev.cluster import cgroups, mounts, processes
from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout

STOP_SECONDS: Final = 10.0


def end_node(layout: Layout) -> None:
    """End the node's processes, pods and mounts; what is not there is skipped.

    kubelet goes first, or it would start again what is ended; containerd goes last.

    Raises:
        ClusterError: something does not end.
    """
    for name in ("kubelet", "kube-proxy"):
        processes.stop(layout.state, name, STOP_SECONDS)
    _end_pods(layout)
    processes.stop(layout.state, "containerd", STOP_SECONDS)
    # containerd may have been starting a pod when its shims were looked for.
    _end_pods(layout)
    mounts.remove_below(layout.state)
    cgroups.remove(layout)


def shims(layout: Layout) -> list[int]:
    """Return the ids of the pods' shim processes, known by the containerd that they were started for."""
    wanted, found = str(layout.containerd_socket), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_text().split("\0")
            if "containerd-shim" in words[0] and wanted in words:
                found.append(int(folder.name))
    return found


def _end_pods(layout: Layout) -> None:
    bundles = (layout.state / "containerd" / "state").glob("io.containerd.runtime.v2.task/*/*/address")
    sockets = [Path(file.read_text().removeprefix("unix://")) for file in bundles]
    cgroups.kill(layout)
    for pid in shims(layout):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if not processes.until(lambda: not shims(layout), STOP_SECONDS):
        raise ClusterError(f"the pods' shims do not end: processes {shims(layout)}")
    for socket in sockets:
        socket.unlink(missing_ok=True)
