"""What the probe answers to the monitor, whoever has read. Loads no store's client."""

from enum import StrEnum
from typing import Final

from modelward.storage.failure import FetchError, access_denied, first_line, not_found

READ_BYTES: Final = 1024
SILENCE_SECONDS: Final = 5.0
"""Longest silence of the store in a read; a longer one is a time-out."""
Answer = dict[str, object]
"""{"seconds": how long the read took} or {"failure": a word of `Failure`, "message": ...}."""


class Failure(StrEnum):
    """Why there is no read time."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    """The store answers, but does not give the model: it is gone, or the credentials are. Says nothing of
    how quick the store is."""


def took(seconds: float) -> Answer:
    """A read that brought something."""
    return {"seconds": seconds}


def refused(error: FetchError) -> Answer:
    """A read that the store has no file for, or the image no client."""
    return {"failure": Failure.REFUSED, "message": str(error)}


def failed(uri: str, error: Exception) -> Answer:
    """A read that may come to something another time."""
    failure = Failure.TIMEOUT if _is_timeout(error) else Failure.UNREACHABLE
    return {"failure": failure, "message": f"{uri}: {type(error).__name__}: {first_line(error)}"}


def of_status(uri: str, status: int, reason: str) -> Answer:
    """A read that got another HTTP status than 200 or 206, and `reason` beside it."""
    if status in {404, 410}:
        return refused(not_found(uri))
    if status in {401, 403}:
        return refused(access_denied(uri, f"{status} {reason}".rstrip()))
    message = f"{uri}: the store answers {status} {reason}".rstrip()
    return {"failure": Failure.UNREACHABLE, "message": message}


def _is_timeout(error: BaseException | None) -> bool:
    """Whether the store was silent for too long; its clients have types of their own for that."""
    while error is not None:
        if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
            return True
        error = error.__cause__
    return False
