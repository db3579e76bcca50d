"""Starts long-lived processes, remembers them in files, and ends exactly those again.

A process is known by its id and the time it was born, so that an id which the system has given to
something else meanwhile is never signalled.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dev.cluster.errors import ClusterError

_POLL_SECONDS = 0.05


def born(pid: int) -> str | None:
    """Return a text that no other process of this id has, or None if there is none alive."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # proc(5): the name is in parentheses and may hold any character; field 3 follows it.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    listed = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip() or None


def until(condition: Callable[[], bool], limit_seconds: float) -> bool:
    """Wait until a condition holds; return whether it did within the limit."""
    deadline = time.monotonic() + limit_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def dying_with_parent(command: Sequence[str | Path]) -> list[str | Path]:
    """Return the command wrapped so that it ends with whoever started it, where the system can do so."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else list(command)


def start(
    folder: Path, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> int:
    """Start a process in a session of its own, its output in `folder/name.log`; return its id."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    record = {"pid": process.pid, "born": born(process.pid), "command": [str(word) for word in command]}
    (folder / f"{name}.pid").write_text(json.dumps(record))
    return process.pid


def is_running(folder: Path, name: str) -> bool:
    """Tell whether the process last started under this name is alive."""
    return _recorded(folder, name) is not None


def _recorded(folder: Path, name: str) -> int | None:
    try:
        record = json.loads((folder / f"{name}.pid").read_text())
    except (OSError, ValueError):
        return None
    pid = int(record["pid"])
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return pid if record["born"] is not None and born(pid) == record["born"] else None


def stop(folder: Path, name: str, grace_seconds: float) -> None:
    """End the process and wait until it is gone; none running is no error.

    Raises:
        ClusterError: it is still there after SIGKILL (a process in an uninterruptible wait).
    """
    for signal_number, limit_seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
        pid = _recorded(folder, name)
        if pid is None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_number)
        until(lambda: _recorded(folder, name) is None, limit_seconds)
    pid = _recorded(folder, name)
    if pid is not None:
        message = f"{name} (process {pid}) does not end; look at /proc/{pid}/stack, then run this again"
        raise ClusterError(message)
    (folder / f"{name}.pid").unlink(missing_ok=True)


def log_tail(folder: Path, name: str, lines: int = 15) -> str:
    """Return the end of a process's output, for an error message."""
    try:
        text = (folder / f"{name}.log").read_text(errors="replace")
    except OSError:
        return "(no output)"
    return "\n".join(text.splitlines()[-lines:])
