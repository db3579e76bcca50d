"""Ends the node's processes and pods, and removes the mounts and control groups they leave."""

import contextlib
import os
import signal
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Final

from dev.cluster import cgroups, mounts, processes
from dev.cluster.errors import ClusterError
from dev.cluster.layout import API_PORT, NODE_ADDRESS, Layout

STOP_SECONDS: Final = 5.0
SHIMS: Final = ("containerd-shim-runc-v2",)
"""What holds a pod's containers; it outlives containerd."""


def end_node(layout: Layout) -> None:
    """End the node's processes, pods and mounts; what is not there is skipped.

    kubelet goes first, or it would start again what is ended; containerd goes last.

    Raises:
        ClusterError: something does not end.
    """
    for name in ("kubelet", "kube-proxy"):
        end(layout, name)
    _end_pods(layout)
    end(layout, "containerd")
    # containerd may have been starting a pod when its shims were looked for.
    _end_pods(layout)
    mounts.remove_below(layout.state)
    cgroups.remove(layout)


def is_running(layout: Layout) -> bool:
    """Tell whether any process of the cluster's is alive, or something answers where its API server did.

    The second sees what runs in another namespace of processes, whose ids mean nothing here.
    """
    if any(processes.is_running(layout.state, file.stem) for file in layout.state.glob("*.pid")):
        return True
    if processes_of(layout, SHIMS):
        return True
    with socket.socket() as probe:
        probe.settimeout(STOP_SECONDS)
        return probe.connect_ex((NODE_ADDRESS, API_PORT)) == 0


def processes_of(layout: Layout, programs: Collection[str]) -> list[int]:
    """Return the ids of these programs' processes that have the cluster's folder in their arguments."""
    wanted, found = f"{layout.state}/", []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            program, *arguments = (folder / "cmdline").read_text().split("\0")
            if Path(program).name in programs and any(wanted in each for each in arguments):
                found.append(int(folder.name))
    return [pid for pid in found if processes.born(pid) is not None]


def end(layout: Layout, name: str) -> None:
    """End one of the cluster's processes, noted or not: its starter may have been killed before noting it.

    Raises:
        ClusterError: it does not end.
    """
    processes.stop(layout.state, name, STOP_SECONDS)
    _kill(layout, (name,))


def _end_pods(layout: Layout) -> None:
    bundles = (layout.state / "containerd" / "state").glob("io.containerd.runtime.v2.task/*/*/address")
    addresses = [Path(file.read_text().removeprefix("unix://")) for file in bundles]
    cgroups.kill(layout)
    _kill(layout, SHIMS)
    for address in addresses:
        address.unlink(missing_ok=True)


def _kill(layout: Layout, programs: Collection[str]) -> None:
    for pid in processes_of(layout, programs):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if not processes.until(lambda: not processes_of(layout, programs), STOP_SECONDS):
        raise ClusterError(f"processes {processes_of(layout, programs)} do not end; run this again")
