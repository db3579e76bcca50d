"""Heads of HTTP/1 messages (RFC 9112): parsed, and written anew with other headers.

They are checked by llhttp (httptools) in its strict mode: lone line feeds, folded lines, two lengths, a
length beside chunks and unknown codings are refused.
"""

from dataclasses import dataclass
from typing import Final

import httptools

from modelward.monitor.bodies import Body, ChunkedBody, FramingError, LengthBody, UntilCloseBody

MAX_HEAD_BYTES: Final = 64 * 1024

_UPGRADE_HEADERS: Final = frozenset({b"upgrade", b"http2-settings"})
_STATUS_SWITCHING: Final = 101
_STATUS_NO_CONTENT: Final = 204
_STATUS_NOT_MODIFIED: Final = 304


@dataclass(slots=True)
class Head:
    """The head of one message: its bytes, with the empty line, and what they say."""

    raw: bytes
    version: str
    headers: list[tuple[bytes, bytes]]
    """Names in lower case, in order."""
    first: dict[bytes, bytes]
    """By name the value of its first header."""
    keeps_alive: bool

    def get(self, name: bytes) -> bytes | None:
        """Value of the first header `name` (lower case), or None."""
        return self.first.get(name)

    @property
    def content_length(self) -> int | None:
        """Number of bytes the head promises, or None when it names none."""
        value = self.first.get(b"content-length")
        return None if value is None else int(value)

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return b"transfer-encoding" in self.first


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
    first = dict(reversed(seen.headers))
    keeps_alive = _keeps_alive(version, seen.headers, first)
    return RequestHead(raw, version, seen.headers, first, keeps_alive, method, seen.target)


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
    first = dict(reversed(seen.headers))
    return ResponseHead(raw, version, seen.headers, first, _keeps_alive(version, seen.headers, first), status)


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


def _keeps_alive(version: str, headers: list[tuple[bytes, bytes]], first: dict[bytes, bytes]) -> bool:
    if b"connection" not in first:
        return version == "1.1"
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
    return frozenset() if _UPGRADE_HEADERS.isdisjoint(head.first) else _UPGRADE_HEADERS
