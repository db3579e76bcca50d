"""One line per step, with the seconds it took and the seconds since the start."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_started: Final = time.monotonic()


def say(line: str) -> None:
    """Print a line at once, so that it is seen while the next step is under way."""
    sys.stderr.write(f"[{time.monotonic() - _started:6.1f} s] {line}\n")
    sys.stderr.flush()


@contextmanager
def step(what: str) -> Iterator[None]:
    """Announce a step and, when it ends well, print how long it took."""
    began = time.monotonic()
    say(f"{what} ...")
    yield
    say(f"{what}: {time.monotonic() - began:.1f} s")
