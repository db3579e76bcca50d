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
    anonymous_mib: float
    """What of it no file holds: all that can grow. The rest depends on who else runs the same programs."""


def of_tree(pid: int) -> Usage:
    """The usage of `pid` and its descendants."""
    tree = _descendants(pid)
    memory = [_memory_mib(each) for each in tree]
    return Usage(
        sum(map(_cpu_seconds, tree)),
        sum(each["Pss"] for each in memory),
        sum(each["Pss_Anon"] for each in memory),
    )


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


def _memory_mib(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return {name.removesuffix(":"): int(kib) / 1024 for name, kib, _ in fields}
