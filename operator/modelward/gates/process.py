"""Runs a program with a limit on its time and its memory, and says how it ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import psutil

_POLL_SECONDS: Final = 0.05
_MIB: Final = 1024 * 1024
_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024
"""Of ru_maxrss: bytes on macOS, KiB elsewhere."""
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
        peak_memory_mib: the most resident memory of the program.
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
    a second. When a limit is passed the group is killed; also when this process is interrupted.
    """
    started_s = time.monotonic()
    request, log = folder / "request", folder / "log"
    request.write_bytes(given)
    with request.open("rb") as stdin, log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the command is ours, or the team's own gate
            command, stdin=stdin, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        status, usage, exceeded = _wait(process, started_s, limits)
    finally:
        _kill_group(process.pid)
    return Ended(
        exit_code=os.waitstatus_to_exitcode(status),
        exceeded=exceeded,
        seconds=time.monotonic() - started_s,
        peak_memory_mib=usage * _RSS_UNIT / _MIB,
        log=log.read_bytes()[-_LOG_BYTES:].decode(errors="replace").strip(),
    )


def _wait(
    process: "subprocess.Popen[bytes]", started_s: float, limits: Limits
) -> tuple[int, int, Exceeded | None]:
    """Return the wait status, ru_maxrss and the limit that was passed, once the program has ended."""
    exceeded: Exceeded | None = None
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return status, usage.ru_maxrss, exceeded
        if exceeded is None:
            if time.monotonic() - started_s > limits.seconds:
                exceeded = Exceeded.TIME
            elif _resident_mib(process.pid) > limits.memory_mib:
                exceeded = Exceeded.MEMORY
            if exceeded is not None:
                _kill_group(process.pid)
        time.sleep(_POLL_SECONDS)


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
