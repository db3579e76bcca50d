"""Ports for servers of tests, which many processes start at once."""

import os
import subprocess
import sys

from dev.cluster import controlplane

HOLD = """
import sys
from dev.cluster import controlplane
print(controlplane._own_range({})[0], flush=True)
sys.stdin.read()
"""


def test_two_processes_share_no_range() -> None:
    """A process that would begin with the range of another one must take the next."""
    command = [sys.executable, "-c", HOLD.format(os.getpid())]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout is not None
        taken = int(other.stdout.readline())
        start, claim = controlplane._own_range.__wrapped__(os.getpid())
        claim.close()
        other.communicate()
    assert start != taken


def test_ports_asked_for_in_turn_differ() -> None:
    """What was given is not given again at once, though nothing listens there yet."""
    given = [*controlplane.free_ports(3), *controlplane.free_ports(3)]
    assert len(set(given)) == 6
