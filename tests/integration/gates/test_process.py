"""A gate's program as a process: its input, its log, its memory, and its limits."""

import sys
from pathlib import Path

import pytest

from modelward.gates.process import Ended, Exceeded, Limits, run_limited

pytestmark = pytest.mark.integration

LIMITS = Limits(seconds=30, memory_mib=1024)


def run(program: str, folder: Path, limits: Limits = LIMITS) -> Ended:
    """Run a Python program under limits."""
    return run_limited([sys.executable, "-c", program], b"given", limits, folder)


def test_a_program_is_given_its_input_and_its_words_are_kept(tmp_path: Path) -> None:
    """Standard input must arrive, the exit code and the log come back, and memory be measured."""
    # It stays until it has been looked at, on a busy machine too.
    how = run("import sys, time; print(sys.stdin.read()); time.sleep(1); sys.exit(3)", tmp_path)
    assert (how.exit_code, how.exceeded, how.log) == (3, None, "given")
    assert 1 < how.peak_memory_mib < 200


def test_memory_of_the_process_that_starts_a_program_does_not_count(tmp_path: Path) -> None:
    """A small program must be small, whatever the one has that started it."""
    held = b"x" * (300 << 20)
    how = run("import time; time.sleep(1)", tmp_path)  # until it has been looked at, on a busy machine too
    assert 1 < how.peak_memory_mib < 200
    assert held.endswith(b"x")


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """Its time must be limited, also that of what it starts, and of one that ignores polite signals."""
    program = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    )
    how = run(program, tmp_path, Limits(seconds=1, memory_mib=1024))
    assert (how.exit_code, how.exceeded) == (-9, Exceeded.TIME)


def test_a_program_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    """Its memory must be limited, whatever it would have said."""
    program = "import time; kept = [b'x' * (1 << 20) for _ in range(300)]; time.sleep(600)"
    how = run(program, tmp_path, Limits(seconds=120, memory_mib=100))
    assert (how.exit_code, how.exceeded) == (-9, Exceeded.MEMORY)
