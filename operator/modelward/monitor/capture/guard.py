"""Starts the worker and starts it again when it dies: a process of its own, forked before there are threads.

A process may be forked safely only while it has one thread, and the forwarding process has more as soon as
it exports spans. So it forks this guard first thing, which stays single and forks each worker; both share
the pages of what was imported by then, which keeps the second process small. What the forwarding process
alone needs is imported later, so that neither has pages of it. The guard ends when a worker ends by itself,
as it does when the forwarding process has closed its end.
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
from typing import Final, NamedTuple

from modelward.monitor.capture.ring import Ring
from modelward.monitor.log import LOGGER

_PR_SET_PDEATHSIG: Final = 1
_BUFFER_BYTES: Final = 1024 * 1024
_MIN_LIFE_SECONDS: Final = 1.0
"""A worker that lives shorter is followed by the next only after so long."""
MAX_GROWTH_BYTES: Final = 128 * 1024 * 1024
"""What a worker may take besides what it was forked with: two bodies of 1 MiB as Python's objects take 64."""

Work = Callable[[socket.socket, Ring], None]
"""What a worker does with its end of the socket and the ring, until the socket is closed."""


class Second(NamedTuple):
    """The second process, as the forwarding one has it."""

    end: socket.socket
    """Never blocks; its other end is the worker's."""
    ring: Ring
    guard_pid: int


def begin(work: Work, niceness: int) -> Second:
    """Fork the guard, whose workers run `work`. To be called before any thread is started.

    Args:
        work: what a worker does.
        niceness: how much a worker gives way to others, from 0 to 19.
    """
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (near, far):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    near.settimeout(0)
    ring = Ring()

    def run() -> None:
        os.nice(niceness)
        work(far, ring)

    gc.freeze()  # so that no collection in a child writes to the pages it shares
    guard = os.fork()
    if guard:
        far.close()
        return Second(near, ring, guard)
    status = 1
    try:
        near.close()
        _die_with_parent()
        _ignore_the_terminal()
        _guard(run)
        status = 0
    finally:
        os._exit(status)


def _guard(run: Callable[[], None]) -> None:
    while True:
        begun_s = time.monotonic()
        worker = os.fork()
        if not worker:
            _run(run)
        _, status = os.waitpid(worker, 0)
        if status == 0:
            return
        time.sleep(max(0.0, _MIN_LIFE_SECONDS - (time.monotonic() - begun_s)))


def _run(run: Callable[[], None]) -> None:
    status = 1
    try:
        _die_with_parent()
        _bound_memory()
        run()
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
