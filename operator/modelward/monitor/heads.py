"""Heads of HTTP/1 messages (RFC 9112): parsed, and written anew with other headers.

They are checked by llhttp (httptools) in its strict mode: lone line feeds, folded lines, two lengths, a
length beside chunks and unknown codings are refused.
"""

import re
from contextlib import suppress
from typing import ClassVar, Final

import httptools

from modelward.monitor.bodies import (
    ENDED,
    Body,
    ChunkedBody,
    FramingError,
    LengthBody,
    UntilCloseBody,
    too_large,
)

MAX_HEAD_BYTES: Final = 64 * 1024
MOST_REMEMBERED_BYTES: Final = 4 * 1024
"""Of a head that is kept with its connection, in case the next one is the same."""

_STATUS_SWITCHING: Final = 101
_STATUS_NO_CONTENT: Final = 204
_STATUS_NOT_MODIFIED: Final = 304
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_BEFORE_PATH: Final = re.compile(rb"[a-z][a-z0-9+.-]*://[^/?]*", re.IGNORECASE)
"""Of a target in absolute form (RFC 9112 3.2.2), as clients send it that take the monitor for their proxy."""
_LINES_BESIDE_HEADERS: Final = 2
"""The start line and the empty line."""
_OVERRUN: Final = "the head does not end where its empty line is"


class Head:
    """The head of one message: its bytes, with the empty line, and what they say."""

    __slots__ = ("first", "keeps_alive", "raw", "repeated", "version")

    def __init__(
        self, raw: bytes, first: dict[bytes, bytes], repeated: list[tuple[bytes, bytes]], version: str
    ) -> None:
        self.raw = raw
        self.first = first
        """By name, in lower case, the value of its first header."""
        self.repeated = repeated
        """The further headers of names that are there more than once, in order."""
        self.version = version
        self.keeps_alive = _keeps_alive(version, first, repeated)

    def get(self, name: bytes) -> bytes | None:
        """Value of the first header `name` (lower case), or None."""
        return self.first.get(name)

    def all(self, name: bytes) -> list[bytes]:
        """Values of all headers `name` (lower case), in order."""
        value = self.first.get(name)
        if value is None:
            return []
        return [value, *(further for key, further in self.repeated if key == name)]

    @property
    def content_length(self) -> int | None:
        """Number of bytes the head promises, or None when it names none."""
        value = self.first.get(b"content-length")
        return None if value is None else int(value)

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks: that is the last of its codings."""
        if b"transfer-encoding" not in self.first:
            return False
        return self.all(b"transfer-encoding")[-1].rpartition(b",")[2].strip(b" \t").lower() == b"chunked"


class RequestHead(Head):
    """The head of a request."""

    __slots__ = ("method", "target")

    def __init__(
        self,
        raw: bytes,
        first: dict[bytes, bytes],
        repeated: list[tuple[bytes, bytes]],
        version: str,
        method: str,
        target: bytes,
    ) -> None:
        super().__init__(raw, first, repeated, version)
        self.method = method
        self.target = target
        """In origin form, path and query, in whichever it was written."""

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]

    def body(self, limit: int | None = None) -> Body:
        """The follower of this request's body. Raises FramingError if it is longer than `limit` bytes."""
        if self.is_chunked:
            return ChunkedBody(limit)
        length = self.content_length
        if limit is not None and length is not None and length > limit:
            raise too_large(limit)
        return LengthBody(length) if length else ENDED


class ResponseHead(Head):
    """The head of a response."""

    __slots__ = ("status",)

    def __init__(
        self,
        raw: bytes,
        first: dict[bytes, bytes],
        repeated: list[tuple[bytes, bytes]],
        version: str,
        status: int,
    ) -> None:
        super().__init__(raw, first, repeated, version)
        self.status = status

    def body(self, method: str) -> Body:
        """The follower of this response's body, as the answer to a `method` request (RFC 9112 6.3)."""
        if method == "HEAD" or self.status == _STATUS_NO_CONTENT or self.status == _STATUS_NOT_MODIFIED:  # noqa: PLR1714 - no set is made
            return ENDED
        if self.is_chunked:
            return ChunkedBody()
        length = self.content_length
        if length is None or b"transfer-encoding" in self.first:
            return UntilCloseBody()
        return LengthBody(length)


class _Seen:
    """Receives llhttp's callbacks for one head: each is a method of a built-in type, to save the calls."""

    __slots__ = ("headers", "on_body", "on_header", "on_headers_complete", "on_message_begin", "on_url")

    # Not asked for; but httptools looks for them, and what is not there takes it longer to find.
    on_status: ClassVar[None] = None
    on_chunk_header: ClassVar[None] = None
    on_chunk_complete: ClassVar[None] = None
    on_message_complete: ClassVar[None] = None

    def __init__(self, url: list[bytes]) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.on_header = self.headers.setdefault
        self.on_url = url.append
        # Each may be called once: another call finds nothing to remove and fails, and the parser with it.
        self.on_message_begin = [None].pop
        self.on_headers_complete = [None].pop
        self.on_body = _Seen.refuse_body

    @staticmethod
    def refuse_body(_body: bytes) -> None:
        """Called where the head ends before its empty line."""
        raise FramingError(_OVERRUN)


class _Repeated:
    """Receives all headers of a head that has some more than once, or in different cases."""

    __slots__ = ("headers",)

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


def parse_request(raw: bytes) -> RequestHead:
    """Parse a request's head; `raw` ends with the empty line. Raises FramingError."""
    url: list[bytes] = []
    seen = _Seen(url)
    parser = httptools.HttpRequestParser(seen)
    _feed(parser, seen, raw)
    end = raw.index(b"\r\n")
    version, method = raw[end - 3 : end].decode("latin-1"), raw[: raw.index(b" ")].decode("latin-1")
    if version not in _VERSIONS:
        msg = f"HTTP/{version} is not spoken here, use HTTP/1.1"
        raise FramingError(msg, 505)
    if method == "CONNECT":
        msg = "CONNECT is not supported"
        raise FramingError(msg, 501)
    first, repeated = _headers(httptools.HttpRequestParser, seen, raw)
    target = url[0] if len(url) == 1 else b"".join(url)
    if not target.startswith(b"/"):
        target = _in_origin_form(target)
    return RequestHead(raw, first, repeated, version, method, target)


def _in_origin_form(target: bytes) -> bytes:
    before = _BEFORE_PATH.match(target)
    if before is None:
        return target  # `*`
    rest = target[before.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest


def parse_response(raw: bytes) -> ResponseHead:
    """Parse a response's head; `raw` ends with the empty line. Raises FramingError."""
    seen = _Seen([])
    parser = httptools.HttpResponseParser(seen)
    _feed(parser, seen, raw)
    status = parser.get_status_code()
    if status == _STATUS_SWITCHING:
        msg = "the server switched protocols though nobody asked it to"
        raise FramingError(msg)
    version = raw[5:8].decode("latin-1")
    first, repeated = _headers(httptools.HttpResponseParser, seen, raw)
    return ResponseHead(raw, first, repeated, version, status)


def _feed(
    parser: httptools.HttpRequestParser | httptools.HttpResponseParser, seen: _Seen, raw: bytes
) -> None:
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # asked for, never given: see hops.py
    except httptools.HttpParserError as error:
        message = str(error)
        raise FramingError(message) from error
    if seen.on_headers_complete.__self__:  # type: ignore[attr-defined] # the list it removes from
        raise FramingError(_OVERRUN)


def _headers(
    parser: type[httptools.HttpRequestParser | httptools.HttpResponseParser], seen: _Seen, raw: bytes
) -> tuple[dict[bytes, bytes], list[tuple[bytes, bytes]]]:
    """The first header of each name, in lower case, and the others."""
    first = {name.lower(): value for name, value in seen.headers.items()}
    if len(first) == raw.count(b"\r\n") - _LINES_BESIDE_HEADERS:
        return first, []
    every = _Repeated()
    with suppress(httptools.HttpParserUpgrade):
        parser(every).feed_data(raw)
    first = dict(reversed(every.headers))
    known: set[bytes] = set()
    repeated = []
    for name, value in every.headers:
        if name in known:
            repeated.append((name, value))
        known.add(name)
    return first, repeated


def _keeps_alive(version: str, first: dict[bytes, bytes], repeated: list[tuple[bytes, bytes]]) -> bool:
    value = first.get(b"connection")
    if value is None:
        return version == "1.1"
    for name, further in repeated:
        if name == b"connection":
            value += b"," + further
    tokens = {token.strip().lower() for token in value.split(b",")}
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
