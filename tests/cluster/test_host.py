"""One machine, one cluster, whoever begins at the same time."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

from dev.cluster import processes
from dev.cluster.paths import CHECKOUT

CLAIM = """
import sys
from pathlib import Path
from dev.cluster import host
from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout
print("begins", flush=True)
try:
    host.claim(Layout("second", Path(sys.argv[1])))
except ClusterError as error:
    print(error)
"""


def test_checkouts_that_begin_at_once_do_not_both_have_the_machine(tmp_path: Path) -> None:
    """Who looks while another takes the machine waits, and is then told who has it."""
    root = tmp_path / "clusters"
    root.mkdir()
    first = os.open(root, os.O_RDONLY)
    fcntl.flock(first, fcntl.LOCK_EX)
    command = [sys.executable, "-c", CLAIM, str(root)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as second:
        assert second.stdout is not None
        assert second.stdout.readline() == "begins\n"
        assert processes.until(lambda: _waits_for_a_lock(second.pid), limit_seconds=60)
        (root / "first").mkdir()
        record = {"identifier": "first", "checkout": "/a/checkout", "user": "someone", "pid": 1}
        (root / "holder.json").write_text(json.dumps(record))
        os.close(first)
        said = second.stdout.read()
    assert "make -C /a/checkout down" in said
    assert {path.name for path in root.iterdir()} == {"first", "holder.json"}


def _waits_for_a_lock(pid: int) -> bool:
    waiting = (line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" in line)
    return any(words[2] == "FLOCK" and words[5] == str(pid) for words in waiting)
