"""The first KiB of a model's first file, read by the fetch's own code."""

import time
from typing import IO

from modelward.storage.answers import READ_BYTES, SILENCE_SECONDS, Answer, failed, refused, took
from modelward.storage.classify import classify, underlying
from modelward.storage.failure import Reason
from modelward.storage.location import locate
from modelward.storage.store import RemoteFile, Store


class FirstFile:
    """The model's first file that is not empty, opened when it is first read."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self.store: Store | None = None
        """None until prepared."""
        self._file: RemoteFile | None = None
        self._opened: IO[bytes] | None = None

    def answer(self) -> Answer:
        """Read once and say how it went."""
        try:
            return took(self.read_seconds())
        except Exception as raised:  # noqa: BLE001 - every failure of a read is an answer
            error = underlying(raised)
            final = classify(error, self._uri)
            if final is not None and final.reason is not Reason.UNREACHABLE:
                return refused(final)
            return failed(self._uri, error)

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

    def prepare(self) -> Store:
        """Load the store's client, without a word to the store. Raises FetchError where there is none."""
        if self.store is None:
            self.store = Store(locate(self._uri, SILENCE_SECONDS))
        return self.store

    def _open(self) -> IO[bytes]:
        store = self.prepare()
        if self._file is None:
            self._file = next((file for file in store.list() if file.size_bytes != 0), None)
        if self._file is None:
            raise FileNotFoundError(self._uri)
        if self._opened is None:
            self._opened = store.open_start(self._file)
        return self._opened

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()


def _is_stream(opened: IO[bytes]) -> bool:
    """Whether it was requested by opening it and can't be read from its beginning again."""
    return getattr(opened, "size", None) is None
