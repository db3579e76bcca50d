"""The mount points below a folder, their removal, and folders kept in memory."""

import ctypes
import os
from pathlib import Path
from typing import Final

from dev.cluster.errors import ClusterError

_DETACH: Final = 2
"""MNT_DETACH of umount2(2): gone from the tree at once, whoever still uses it."""


def below(folder: Path) -> list[str]:
    """Return the mount points below a folder, the innermost and latest first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].replace("\\040", " ") for line in lines]
    return [point for point in reversed(points) if Path(point).is_relative_to(folder)]


def keep_in_memory(folder: Path) -> None:
    """Make a folder, and mount a tmpfs(5) on it.

    Raises:
        ClusterError: it cannot be mounted.
    """
    folder.mkdir(parents=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"modelward", os.fsencode(folder), b"tmpfs", ctypes.c_ulong(0), b"mode=0711") != 0:
        raise ClusterError(f"no tmpfs can be mounted on {folder}: {os.strerror(ctypes.get_errno())}")


def remove_below(folder: Path) -> None:
    """Unmount everything below a folder.

    Raises:
        ClusterError: something is still mounted.
    """
    libc = ctypes.CDLL(None)
    for point in below(folder):
        libc.umount2(os.fsencode(point), _DETACH)
    left = below(folder)
    if left:
        raise ClusterError(
            f"still mounted: {left[0]}; end what uses it (fuser -vm {left[0]}) and run this again"
        )
