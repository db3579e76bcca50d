"""Two ways to start a monitor's process: by its command, and as a fork of one that has imported its modules.

To import them takes ten times as long as to serve what a test asks for, so tests fork; one monitor of a
session is started by its command. What runs is the same `main` with the same environment.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from dev.cluster import processes

_PR_SET_PDEATHSIG: Final = 1
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "uvloop",
        "modelward.monitor.process",
        "modelward.monitor.capture.channel",
        "modelward.monitor.capture.worker",
        "pytest",  # multiprocessing imports in each fork what the program began with
    ]
)


class Started(Protocol):
    """A process."""

    @property
    def pid(self) -> int:
        """Its id."""

    def wait(self, limit_seconds: float) -> int | None:
        """Wait for its end: its exit code, negative for a signal; None: it goes on."""


Start = Callable[[Mapping[str, str], Path], Started]
"""Starts a monitor with an environment; its log is appended to a file."""


class Commanded:
    """Started as `python -m modelward.monitor`."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        command = processes.dying_with_parent([sys.executable, "-m", "modelward.monitor"])
        with log.open("ab") as appended:
            self._process = subprocess.Popen(command, env=dict(environment), stderr=appended)

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    def wait(self, limit_seconds: float) -> int | None:
        """Wait for its end."""
        try:
            return self._process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            return None


class Forked:
    """Forked from a process that has imported the monitor."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._process = _FORKS.Process(target=_serve, args=(dict(environment), log), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its id."""
        assert self._process.pid is not None
        return self._process.pid

    def wait(self, limit_seconds: float) -> int | None:
        """Wait for its end."""
        self._process.join(limit_seconds)
        return self._process.exitcode


def _serve(environment: dict[str, str], log: Path) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as appended:
        os.dup2(appended.fileno(), sys.stderr.fileno())
    sys.argv = ["modelward-monitor"]
    from modelward.monitor.__main__ import main  # noqa: PLC0415 - in this process alone

    main()
