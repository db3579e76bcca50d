"""CPU time and memory of a process and all its descendants, as the kernel counts them (proc(5))."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tree of processes has used so far."""

    cpu_seconds: float
    pss_mib: float
    """Proportional set size: a page shared by n processes counts 1/n in each."""


def of_tree(pid: int) -> Usage:
    """The usage of `pid` and its descendants."""
    tree = _descendants(pid)
    return Usage(sum(map(_cpu_seconds, tree)), sum(map(_pss_mib, tree)))


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task").glob("*/children")
    found = [pid]
    for file in children:
        for child in file.read_text().split():
            found += _descendants(int(child))
    return found


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def _pss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
