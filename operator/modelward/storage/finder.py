"""A further process that finds the model's first file with the fetch's own code, and ends when it has."""

import subprocess
import sys
from contextlib import suppress
from typing import Any, Final

import orjson

from modelward.storage.answers import Answer
from modelward.storage.s3_request import Credentials, S3Request

END_SECONDS: Final = 5.0
"""A process that has not ended with its input by then is killed."""
_COMMAND: Final = (sys.executable, "-m", "modelward.storage.finding")


class FinderError(Exception):
    """The process ended."""


class Finder:
    """The process for one URI; it ends with this one, for then its input ends."""

    def __init__(self, uri: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the program is this one
            (*_COMMAND, uri), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._is_ready = False

    def wait_until_ready(self) -> None:
        """Wait until it has loaded the store's client. Raises FinderError."""
        if not self._is_ready:
            self._line()
            self._is_ready = True

    def answer(self) -> tuple[Answer, S3Request | None]:
        """Have it find the file and read it once; with the request for it once that has come to something.

        Raises FinderError.
        """
        self.wait_until_ready()
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(b"read\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise FinderError("the process that finds the model's file has ended") from error
        answer: dict[str, Any] = orjson.loads(self._line())
        given = answer.pop("request", None)
        return answer, None if given is None else _request(given)

    def end(self) -> None:
        """End it."""
        process = self._process
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101 - both are pipes
        with suppress(BrokenPipeError):  # it has ended already
            process.stdin.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def _line(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise FinderError("the process that finds the model's file has ended")
        return line


def _request(given: dict[str, Any]) -> S3Request:
    credentials = given.pop("credentials")
    return S3Request(**given, credentials=None if credentials is None else Credentials(**credentials))
