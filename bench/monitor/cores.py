"""Keeps the machine's cores awake: `python -m bench.monitor.cores CORE` does so for one of them.

A request through a proxy wakes two processes more than one without. On a virtual machine whose cores have
nothing else to do each of them wakes a core first, which takes longer than all that any proxy does, and now
longer and now shorter. While a process of the least priority (SCHED_IDLE, sched(7)) runs on a core it does
not sleep, and anything else that wants the core has it at once.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dev.cluster import processes

_CHECKOUT = Path(__file__).parent.parent.parent


@contextmanager
def awake() -> Iterator[None]:
    """Keep all cores that this process may use awake."""
    with ExitStack() as stack:
        for core in sorted(os.sched_getaffinity(0)):
            command = processes.dying_with_parent([sys.executable, "-m", "bench.monitor.cores", str(core)])
            process = stack.enter_context(
                subprocess.Popen(command, cwd=_CHECKOUT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
            )
            stack.callback(process.kill)
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError(f"core {core} cannot be kept awake")
        yield


def _keep_awake(core: int) -> None:
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    print("awake", flush=True)
    while True:
        pass


if __name__ == "__main__":
    _keep_awake(int(sys.argv[1]))
