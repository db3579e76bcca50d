"""Runs a program with a limit on its time and its memory, and says how it ended."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import psutil

_POLL_SECONDS: Final = 0.05
_FIRST_POLL_SECONDS: Final = 0.001
"""Doubled each time, so that a program of some milliseconds is seen too."""
_MIB: Final = 1024 * 1024
_LOG_BYTES: Final = 4000


class Exceeded(StrEnum):
    """Which limit a program was ended for."""

    TIME = "time"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may take."""

    seconds: float
    memory_mib: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Args:
        exit_code: negative: the signal that ended it.
        exceeded: the limit that it was ended for; None if it ended by itself.
        seconds: how long it ran.
        peak_memory_mib: the most resident memory of the program and those that it started, as was seen.
        log: the end of what it wrote to standard output and error.
    """

    exit_code: int
    exceeded: Exceeded | None
    seconds: float
    peak_memory_mib: float
    log: str


def end_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does: together with what it has started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def run_limited(command: Sequence[str], given: bytes, limits: Limits, folder: Path) -> Ended:
    """Run a program in a process group of its own, with `given` on standard input.

    The limit on memory is of the resident memory of the program and those that it starts, looked at 20 times
    a second and more often at first. When a limit is passed the group is killed; also when this process is
    interrupted.
    """
    started_s = time.monotonic()
    request, log = folder / "request", folder / "log"
    request.write_bytes(given)
    with request.open("rb") as stdin, log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the command is ours, or the team's own gate
            command, stdin=stdin, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        status, peak_mib, exceeded = _wait(process, started_s, limits)
    finally:
        _kill_group(process.pid)
    return Ended(
        exit_code=os.waitstatus_to_exitcode(status),
        exceeded=exceeded,
        seconds=time.monotonic() - started_s,
        peak_memory_mib=peak_mib,
        log=log.read_bytes()[-_LOG_BYTES:].decode(errors="replace").strip(),
    )


def _wait(
    process: "subprocess.Popen[bytes]", started_s: float, limits: Limits
) -> tuple[int, float, Exceeded | None]:
    """Return the wait status, the most memory seen in MiB and the limit that was passed, once it has ended.

    Not ru_maxrss: a program's begins with what the process had that started it.
    """
    exceeded: Exceeded | None = None
    peak_mib, pause_s = 0.0, _FIRST_POLL_SECONDS
    while True:
        resident_mib = _resident_mib(process.pid)
        peak_mib = max(peak_mib, resident_mib)
        pid, status = os.waitpid(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return status, peak_mib, exceeded
        if exceeded is None:
            if time.monotonic() - started_s > limits.seconds:
                exceeded = Exceeded.TIME
            elif resident_mib > limits.memory_mib:
                exceeded = Exceeded.MEMORY
            if exceeded is not None:
                _kill_group(process.pid)
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _POLL_SECONDS)


def _resident_mib(pid: int) -> float:
    """Return the resident memory of a program and its descendants."""
    total = 0
    try:
        root = psutil.Process(pid)
        for each in (root, *root.children(recursive=True)):
            total += each.memory_info().rss
    except psutil.Error:
        pass  # it has just ended
    return total / _MIB


def _kill_group(pid: int) -> None:
    """Kill a program and what it left behind; nothing if all are gone."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
