"""Where HTTP/1 messages begin and end in a stream of bytes (RFC 9112), without copying the bodies.

Heads are checked by llhttp (httptools) in its strict mode: lone line feeds, folded lines, two
lengths, a length beside chunks and unknown codings are refused. httptools gives no positions and
copies bodies, so the end of a body is found here: by counting for a length, by following the chunk
sizes for chunks.
"""

import re
from dataclasses import dataclass
from typing import Final, Protocol

import httptools

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_CHUNK_LINE_BYTES: Final = 16 * 1024
"""Bound of one chunk-size line with its extensions, and of one trailer line."""

_UPGRADE_HEADERS: Final = frozenset({b"upgrade", b"http2-settings"})
_STATUS_SWITCHING: Final = 101
_STATUS_NO_CONTENT: Final = 204
_STATUS_NOT_MODIFIED: Final = 304
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")


class FramingError(Exception):
    """The bytes are not HTTP/1.x as RFC 9112 has it; the text says what is wrong."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        """Status that answers such a request."""


class Body(Protocol):
    """Follows one body through the stream."""

    complete: bool

    def take(self, data: bytes, start: int) -> int:
        """Follow `data` from `start`; returns the position after the last byte of this body in it.

        Raises FramingError when the body's framing is broken.
        """
        ...


class LengthBody:
    """A body of a known number of bytes."""

    __slots__ = ("complete", "remaining")

    def __init__(self, length: int) -> None:
        self.remaining = length
        self.complete = length == 0

    def take(self, data: bytes, start: int) -> int:
        """Count bytes off the length."""
        end = min(len(data), start + self.remaining)
        self.remaining -= end - start
        self.complete = self.remaining == 0
        return end


class ChunkedBody:
    """A body in chunks, up to the empty line after the last chunk and its trailers."""

    __slots__ = ("_in_trailers", "_line", "_skip", "complete")

    def __init__(self) -> None:
        self.complete = False
        self._skip = 0  # bytes of chunk data, with its CRLF, still to come
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
        if self._in_trailers:
            self.complete = line == b"\r\n"
            return
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            msg = f"{line[:32]!r} is no chunk size"
            raise FramingError(msg)
        size = int(match[1], 16)
        if size:
            self._skip = size + 2
        else:
            self._in_trailers = True


class UntilCloseBody:
    """The body of a response that ends when its connection ends."""

    __slots__ = ("complete",)

    def __init__(self) -> None:
        self.complete = False

    def take(self, data: bytes, start: int) -> int:
        """Everything belongs to it."""
        _ = start
        return len(data)


@dataclass(slots=True)
class Head:
    """The head of one message: its bytes, with the empty line, and what they say."""

    raw: bytes
    version: str
    headers: list[tuple[bytes, bytes]]
    """Names in lower case, in order."""
    keeps_alive: bool

    def get(self, name: bytes) -> bytes | None:
        """Value of the first header `name` (lower case), or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    @property
    def content_length(self) -> int | None:
        """Number of bytes the head promises, or None when it names none."""
        value = self.get(b"content-length")
        return None if value is None else int(value)

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.get(b"transfer-encoding") is not None


@dataclass(slots=True)
class RequestHead(Head):
    """The head of a request."""

    method: str
    target: bytes

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]

    def body(self) -> Body:
        """The follower of this request's body."""
        return ChunkedBody() if self.is_chunked else LengthBody(self.content_length or 0)


@dataclass(slots=True)
class ResponseHead(Head):
    """The head of a response."""

    status: int

    def body(self, method: str) -> Body:
        """The follower of this response's body, as the answer to a `method` request (RFC 9112 6.3)."""
        if method == "HEAD" or self.status in {_STATUS_NO_CONTENT, _STATUS_NOT_MODIFIED}:
            return LengthBody(0)
        if self.is_chunked:
            return ChunkedBody()
        length = self.content_length
        return UntilCloseBody() if length is None else LengthBody(length)


class _Collector:
    """Receives llhttp's callbacks for one head."""

    __slots__ = ("complete", "headers", "messages", "overrun", "target")

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.target = b""
        self.complete = False
        self.messages = 0
        self.overrun = False

    def on_message_begin(self) -> None:
        self.messages += 1

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True

    def on_body(self, _body: bytes) -> None:
        self.overrun = True


def parse_request(raw: bytes) -> RequestHead:
    """Parse a request's head; `raw` ends with the empty line. Raises FramingError."""
    seen = _Collector()
    parser = httptools.HttpRequestParser(seen)
    _feed(parser, seen, raw)
    version = parser.get_http_version()
    if version not in {"1.0", "1.1"}:
        msg = f"HTTP/{version} is not spoken here, use HTTP/1.1"
        raise FramingError(msg, 505)
    method = parser.get_method().decode("ascii")
    if method == "CONNECT":
        msg = "CONNECT is not supported"
        raise FramingError(msg, 501)
    return RequestHead(raw, version, seen.headers, _keeps_alive(version, seen.headers), method, seen.target)


def parse_response(raw: bytes) -> ResponseHead:
    """Parse a response's head; `raw` ends with the empty line. Raises FramingError."""
    seen = _Collector()
    parser = httptools.HttpResponseParser(seen)
    _feed(parser, seen, raw)
    status = parser.get_status_code()
    if status == _STATUS_SWITCHING:
        msg = "the server switched protocols though nobody asked it to"
        raise FramingError(msg)
    version = parser.get_http_version()
    return ResponseHead(raw, version, seen.headers, _keeps_alive(version, seen.headers), status)


def _feed(
    parser: httptools.HttpRequestParser | httptools.HttpResponseParser, seen: _Collector, raw: bytes
) -> None:
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # asked for, never given: see without_upgrade
    except httptools.HttpParserError as error:
        message = str(error)
        raise FramingError(message) from error
    if not seen.complete or seen.messages != 1 or seen.overrun:
        msg = "the head does not end where its empty line is"
        raise FramingError(msg)


def _keeps_alive(version: str, headers: list[tuple[bytes, bytes]]) -> bool:
    tokens = {
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    }
    return b"close" not in tokens and (version == "1.1" or b"keep-alive" in tokens)


def rewrite(raw: bytes, drop: frozenset[bytes], add: list[tuple[bytes, bytes]]) -> bytes:
    """The head `raw` without the headers in `drop` (lower case) and with those in `add` at its end."""
    if drop:
        lines = raw[:-4].split(b"\r\n")
        kept = [lines[0], *(line for line in lines[1:] if line.partition(b":")[0].lower() not in drop)]
        raw = b"\r\n".join(kept) + b"\r\n\r\n"
    if not add:
        return raw
    return raw[:-2] + b"".join(name + b": " + value + b"\r\n" for name, value in add) + b"\r\n"


def upgrade_headers(head: RequestHead) -> frozenset[bytes]:
    """The headers that ask for an upgrade, to be left out; none when nothing asks for one."""
    return _UPGRADE_HEADERS if any(name in _UPGRADE_HEADERS for name, _ in head.headers) else frozenset()
