"""Starts the worker and starts it again when it dies: a process of its own, forked before there are threads.

A process may be forked safely only while it has one thread, and the forwarding process has more as soon as
it exports spans. So it forks this guard first thing, which stays single and forks each worker; both share
the pages of what was imported by then, which keeps the second process small. The guard ends when a worker
ends by itself, as it does when the forwarding process has closed its end.
"""

import ctypes
import gc
import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from modelward.monitor.log import LOGGER

_PR_SET_PDEATHSIG: Final = 1
_MIN_LIFE_SECONDS: Final = 1.0
"""A worker that lives shorter is followed by the next only after so long."""
MAX_GROWTH_BYTES: Final = 128 * 1024 * 1024
"""What a worker may take besides what it was forked with: two bodies of 1 MiB as Python's objects take 64."""

Work = Callable[[socket.socket], None]


def start(work: Work, near: socket.socket, far: socket.socket) -> int:
    """Fork the guard, whose workers run `work(far)`; returns its process id. `far` is closed here."""
    gc.freeze()  # so that no collection in a child writes to the pages it shares
    guard = os.fork()
    if guard:
        far.close()
        return guard
    status = 1
    try:
        near.close()
        _die_with_parent()
        _ignore_the_terminal()
        _guard(work, far)
        status = 0
    finally:
        os._exit(status)


def _guard(work: Work, far: socket.socket) -> None:
    while True:
        begun_s = time.monotonic()
        worker = os.fork()
        if not worker:
            _run(work, far)
        _, status = os.waitpid(worker, 0)
        if status == 0:
            return
        time.sleep(max(0.0, _MIN_LIFE_SECONDS - (time.monotonic() - begun_s)))


def _run(work: Work, far: socket.socket) -> None:
    status = 1
    try:
        _die_with_parent()
        _bound_memory()
        work(far)
        status = 0
    except Exception:  # noqa: BLE001 - whatever it was, the next worker begins
        LOGGER.exception("the second process has failed")
    finally:
        os._exit(status)


def _die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent dies (prctl(2)): no child outlives the monitor."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _bound_memory() -> None:
    """Let a worker that takes too much fail by itself (setrlimit(2)), not the container at its limit."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + MAX_GROWTH_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _ignore_the_terminal() -> None:
    """Signals to the group are the forwarding process's to answer: it closes its end when it has finished."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
