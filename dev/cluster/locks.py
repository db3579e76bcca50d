"""One command at a time: a lock that ends with the process that holds it, however that ends."""

import contextlib
import fcntl
from collections.abc import Iterator

from dev.cluster.paths import cache_dir
from dev.cluster.progress import say


@contextlib.contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the lock of this name, waiting, and saying so, while another process has it."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    with (cache_dir() / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another command that holds {lock.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
