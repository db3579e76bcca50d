"""Two commands of one cluster do not meet."""

import subprocess
import sys
from pathlib import Path

import pytest

from dev.cluster import locks, processes
from dev.cluster.paths import CHECKOUT

HOLD = """
import time
from dev.cluster import locks
with locks.exclusive("x"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_second_command_waits_for_the_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The second says that it waits, and goes on when the first was killed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        second = "from dev.cluster import locks\nwith locks.exclusive('x'): print('mine')"
        log = tmp_path / "second"
        processes.start(log, "second", [sys.executable, "-c", second], {"PYTHONPATH": str(CHECKOUT)})
        assert processes.until(lambda: "waiting" in processes.log_tail(log, "second"), limit_seconds=20)
        assert "mine" not in processes.log_tail(log, "second")
        first.kill()
    assert processes.until(lambda: not processes.is_running(log, "second"), limit_seconds=20)
    assert "mine" in processes.log_tail(log, "second")
    with locks.exclusive("x"):
        assert capfd.readouterr().err == ""
