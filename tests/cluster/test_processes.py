"""Processes are ended by what they are, not by a number that may be another's by now."""

import json
import os
import subprocess
import sys
from pathlib import Path

from dev.cluster import processes

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def test_process_is_started_and_ended(tmp_path: Path) -> None:
    """What was started runs, its output is kept, and it is gone when `stop` returns."""
    pid = processes.start(tmp_path, "sleeper", ["sh", "-c", "echo hello; exec sleep 60"])
    assert processes.is_running(tmp_path, "sleeper")
    assert processes.until(lambda: processes.log_tail(tmp_path, "sleeper") == "hello", limit_seconds=10)
    processes.stop(tmp_path, "sleeper", grace_seconds=10)
    assert processes.born(pid) is None
    assert not (tmp_path / "sleeper.pid").exists()


def test_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """After the grace comes SIGKILL."""
    pid = processes.start(tmp_path, "stubborn", [sys.executable, "-c", STUBBORN])
    assert processes.until(lambda: "up" in processes.log_tail(tmp_path, "stubborn"), limit_seconds=20)
    processes.stop(tmp_path, "stubborn", grace_seconds=0.2)
    assert processes.born(pid) is None


def test_reused_number_is_left_alone(tmp_path: Path) -> None:
    """A process of the recorded id, but born at another time, is not ours and is not signalled."""
    with subprocess.Popen(["sleep", "60"]) as other:
        (tmp_path / "gone.pid").write_text(json.dumps({"pid": other.pid, "born": "1", "command": []}))
        assert not processes.is_running(tmp_path, "gone")
        processes.stop(tmp_path, "gone", grace_seconds=1)
        assert other.poll() is None
        other.kill()


def test_nothing_to_stop_is_no_error(tmp_path: Path) -> None:
    """A process that was never started, or whose record was cut short by a crash, is skipped."""
    (tmp_path / "torn.pid").write_text('{"pid": 1')
    for name in ("never", "torn"):
        processes.stop(tmp_path, name, grace_seconds=1)
    assert not list(tmp_path.glob("*.pid"))


def test_process_dies_with_its_parent(tmp_path: Path) -> None:
    """What a test session started is gone when the session was killed."""
    child = processes.dying_with_parent(["sleep", "60"])
    code = f"import subprocess, time; print(subprocess.Popen({child!r}).pid, flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert processes.until(
            lambda: Path(f"/proc/{pid}/comm").read_text().strip() == "sleep", limit_seconds=10
        )
        os.kill(parent.pid, 9)
    assert processes.until(lambda: processes.born(pid) is None, limit_seconds=10)
