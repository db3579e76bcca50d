"""The control group that holds the cluster's pods and nothing else, in either cgroup version."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

from dev.cluster import processes
from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout

REMOVE_SECONDS: Final = 10.0
_ROOT: Final = Path("/sys/fs/cgroup")
# cgroup v1: a new group may run nothing before these are given, unlike all other settings.
_CPU_SETS: Final = ("cpuset.cpus", "cpuset.mems")
_CPU_SHARES: Final = 10 * 1024
"""In version 1 all pods together would else get as much of a busy machine as one process beside them."""


def hierarchies() -> list[Path]:
    """Return the roots of this machine's control groups: one in version 2, one a controller in version 1."""
    return [path for path in (_ROOT, *_ROOT.glob("*")) if (path / "cgroup.procs").exists() and _is_root(path)]


def _is_root(path: Path) -> bool:
    return path == _ROOT or not (_ROOT / "cgroup.procs").exists()


def create(layout: Layout) -> None:
    """Make the pods' group in every hierarchy, where it is not there."""
    for top in hierarchies():
        group = top / layout.network
        group.mkdir(exist_ok=True)
        for name in _CPU_SETS:
            setting = group / name
            if (_ROOT / "cgroup.procs").exists() or not setting.exists() or setting.read_text().strip():
                continue
            setting.write_text((top / name).read_text())
        shares = group / "cpu.shares"
        if shares.exists():
            shares.write_text(str(_CPU_SHARES))


def _existing(layout: Layout) -> list[Path]:
    return [group for top in hierarchies() if (group := top / layout.network).is_dir()]


def _groups(layout: Layout) -> list[Path]:
    """Return the group and those in it, the innermost first; groups may go while this looks."""
    walks = (os.walk(top, topdown=False) for top in _existing(layout))
    return [Path(folder) for walk in walks for folder, _, _ in walk]


def kill(layout: Layout) -> None:
    """Send SIGKILL to every process of the pods."""
    for group in _groups(layout):
        with contextlib.suppress(OSError):  # gone with its last process
            for word in (group / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(word), signal.SIGKILL)


def remove(layout: Layout) -> None:
    """Remove the group with everything in it, once its processes are gone.

    Raises:
        ClusterError: processes remain in it.
    """

    def gone() -> bool:
        for group in _groups(layout):
            with contextlib.suppress(OSError):
                group.rmdir()
        return not _existing(layout)

    if not processes.until(gone, REMOVE_SECONDS):
        raise ClusterError(f"{_existing(layout)[0]} still has processes; end them and run this again")
