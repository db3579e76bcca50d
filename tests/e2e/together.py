"""What the processes of one test run make once and share."""

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def made_once(folder: Path, name: str, make: Callable[[], None], undo: Callable[[], None]) -> Iterator[None]:
    """Have `make` called by the first process that comes here, and `undo` by the last that leaves.

    The others wait for the first. If it fails so do they all.

    Args:
        folder: One that the processes of a run have in common, and no other run.
        name: What is made, in letters that a file's name may have.
        make: If it raises, `undo` follows.
        undo: Ends what `make` began.

    Raises:
        RuntimeError: it could not be made by the process that tried.
    """
    made, failed = folder / f"{name}.made", folder / f"{name}.failed"
    # A lock ends with the process that holds it, so that one that was killed keeps nobody waiting.
    with (folder / f"{name}.lock").open("w") as turn, (folder / f"{name}.users").open("w") as users:
        with _exclusive(turn.fileno()):
            if failed.exists():
                raise RuntimeError(f"{name} could not be made by another process: {failed.read_text()}")
            if not made.exists():
                try:
                    make()
                except BaseException as error:
                    failed.write_text(repr(error))
                    undo()
                    raise
                made.touch()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with _exclusive(turn.fileno()), contextlib.suppress(BlockingIOError):
                fcntl.flock(
                    users, fcntl.LOCK_EX | fcntl.LOCK_NB
                )  # others have it while they use what was made
                made.unlink()
                undo()


@contextlib.contextmanager
def _exclusive(file: int) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
