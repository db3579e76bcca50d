"""The store's read times: reads the first KiB of a model's first file, each time it is told to.

`python -m modelward.storage.probe URI` says {"ready": true} when it has started, which may take long on a
busy machine and says nothing of the store. Then it answers each line of standard input, `read`, with one
line of JSON: {"seconds": how long the read took} or {"failure": a word of `Failure`, "message": ...}. It
ends with its input. The monitor runs it as a process of its own, so that no client of a store is in the
way of requests.

A read is one request for a range, on a connection that is kept open where the store keeps it. Finding
the file and opening it come before and are not timed, but they fail as a read does. From an HTTP server
without ranges the file is requested anew each time, and left when its beginning has come.
"""

import sys
import time
from contextlib import suppress
from enum import StrEnum
from typing import IO, Final

import orjson

from modelward.storage.failure import FetchError, Reason, classify, first_line, underlying
from modelward.storage.location import locate
from modelward.storage.store import RemoteFile, Store

READ_BYTES: Final = 1024
SILENCE_SECONDS: Final = 5.0
"""Longest silence of the store in a read; a longer one is a time-out."""


class Failure(StrEnum):
    """Why there is no read time."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    """The store answers, but does not give the model: it is gone, or the credentials are. Says nothing of
    how quick the store is."""


class FirstFile:
    """The model's first file that is not empty, opened when it is first read."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._store: Store | None = None
        self._file: RemoteFile | None = None
        self._opened: IO[bytes] | None = None

    def read_seconds(self) -> float:
        """How long it takes to read its first KiB.

        Raises:
            FetchError: there is no such file, or its store can't be read with this image.
            OSError, ClientError, BotoCoreError: whatever the store fails with.
        """
        asked_s = time.perf_counter()
        try:
            opened = self._open()
            if not _is_stream(opened):
                asked_s = time.perf_counter()
                opened.seek(0)
            content = opened.read(READ_BYTES)
            taken_s = time.perf_counter() - asked_s
        except Exception:
            # The next read finds the file anew, in case the model has been replaced.
            self._close()
            self._file = None
            raise
        if not content:
            self._close()
            raise EOFError("the file is empty now")
        if _is_stream(opened):
            self._close()
        return taken_s

    def prepare(self) -> None:
        """Load the store's client, without a word to the store. Raises FetchError where there is none."""
        if self._store is None:
            self._store = Store(locate(self._uri, SILENCE_SECONDS))

    def _open(self) -> IO[bytes]:
        self.prepare()
        assert self._store is not None  # noqa: S101 - prepared
        if self._file is None:
            self._file = next((file for file in self._store.list() if file.size_bytes != 0), None)
        if self._file is None:
            raise FileNotFoundError(self._uri)
        if self._opened is None:
            self._opened = self._store.open_start(self._file)
        return self._opened

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()


def answer(file: FirstFile, uri: str) -> dict[str, object]:
    """Read once and say how it went."""
    try:
        return {"seconds": file.read_seconds()}
    except Exception as raised:  # noqa: BLE001 - every failure of a read is an answer
        error = underlying(raised)
        final = classify(error, uri)
        if final is not None and final.reason is not Reason.UNREACHABLE:
            return {"failure": Failure.REFUSED, "message": str(final)}
        message = f"{uri}: {type(error).__name__}: {first_line(error)}"
        failure = Failure.TIMEOUT if _is_timeout(error) else Failure.UNREACHABLE
        return {"failure": failure, "message": message}


def _is_stream(opened: IO[bytes]) -> bool:
    """Whether it was requested by opening it and can't be read from its beginning again."""
    return getattr(opened, "size", None) is None


def _is_timeout(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
            return True
        error = error.__cause__
    return False


def main() -> None:
    """Run the command line."""
    uri = sys.argv[1]
    file = FirstFile(uri)
    with suppress(FetchError):  # it is the answer to every read
        file.prepare()
    _say({"ready": True})
    for _ in sys.stdin.buffer:
        _say(answer(file, uri))


def _say(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
