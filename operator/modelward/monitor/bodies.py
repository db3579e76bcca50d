"""Where the bodies of HTTP/1 messages end in a stream of bytes (RFC 9112, 6 and 7), without copying them.

httptools gives no positions and copies bodies, so the end of a body is found here: by counting for a
length, by following the chunk sizes for chunks.
"""

import re
from abc import ABC, abstractmethod
from typing import Final

MAX_CHUNK_LINE_BYTES: Final = 16 * 1024
"""Bound of one chunk-size line with its extensions, and of one trailer line."""

_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_TRAILER: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n")


class FramingError(Exception):
    """The bytes are not HTTP/1.x as RFC 9112 has it, or more than may be; the text says what is wrong."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        """Status that answers such a request."""


def too_large(limit: int) -> FramingError:
    """The error of a request whose body is longer than `limit` bytes."""
    message = f"the request's body is longer than the {limit} bytes of server.maxRequestBodySize"
    return FramingError(message, 413)


class Body(ABC):
    """Follows one body through the stream."""

    __slots__ = ("complete",)

    complete: bool

    @abstractmethod
    def take(self, data: bytes, start: int) -> int:
        """Follow `data` from `start`; returns the position after the last byte of this body in it.

        Raises FramingError when the body's framing is broken, or the body longer than it may be.
        """


class LengthBody(Body):
    """A body of a known number of bytes."""

    __slots__ = ("remaining",)

    def __init__(self, length: int) -> None:
        self.remaining = length
        self.complete = length == 0

    def take(self, data: bytes, start: int) -> int:
        """Count bytes off the length."""
        end = min(len(data), start + self.remaining)
        self.remaining -= end - start
        self.complete = self.remaining == 0
        return end


ENDED: Final = LengthBody(0)
"""A body that has ended; shared, for nothing changes in it."""


class ChunkedBody(Body):
    """A body in chunks, up to the empty line after the last chunk and its trailers.

    Args:
        limit: bytes that chunks and trailers may have in all; None: any number.
    """

    __slots__ = ("_after_data", "_in_trailers", "_limit", "_line", "_skip", "_taken")

    def __init__(self, limit: int | None = None) -> None:
        self.complete = False
        self._limit = limit
        self._taken = 0
        self._skip = 0  # bytes of chunk data still to come
        self._after_data = False  # the line that comes is the empty one behind them
        self._line = b""  # a size or trailer line that was cut by the end of a read
        self._in_trailers = False

    def take(self, data: bytes, start: int) -> int:
        """Follow chunk by chunk."""
        position = start
        while position < len(data) and not self.complete:
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
                continue
            end = data.find(b"\n", position) + 1
            piece = data[position : end or len(data)]
            self._line += piece
            position += len(piece)
            if len(self._line) > MAX_CHUNK_LINE_BYTES:
                msg = f"a chunk's size line or trailer is longer than {MAX_CHUNK_LINE_BYTES} bytes"
                raise FramingError(msg)
            if end:
                self._end_of_line()
        return position

    def _end_of_line(self) -> None:
        line, self._line = self._line, b""
        if self._after_data:
            if line != b"\r\n":
                msg = f"{line[:32]!r} follows a chunk where its data should end"
                raise FramingError(msg)
            self._after_data = False
            return
        if self._in_trailers:
            self._count(len(line) - len(b"\r\n"))
            self.complete = line == b"\r\n"
            if not self.complete and _TRAILER.fullmatch(line) is None:
                msg = f"{line[:32]!r} is no trailer"
                raise FramingError(msg)
            return
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            msg = f"{line[:32]!r} is no chunk size"
            raise FramingError(msg)
        size = int(match[1], 16)
        self._count(size)
        if size:
            self._skip = size
            self._after_data = True
        else:
            self._in_trailers = True

    def _count(self, size: int) -> None:
        self._taken += size
        if self._limit is not None and self._taken > self._limit:
            raise too_large(self._limit)


class UntilCloseBody(Body):
    """The body of a response that ends when its connection ends."""

    __slots__ = ()

    def __init__(self) -> None:
        self.complete = False

    def take(self, data: bytes, start: int) -> int:
        """Everything belongs to it."""
        _ = start
        return len(data)
