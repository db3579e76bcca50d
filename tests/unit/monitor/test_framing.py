"""Message boundaries: bodies end where RFC 9112 says, however the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.monitor.bodies import (
    MAX_CHUNK_LINE_BYTES,
    Body,
    ChunkedBody,
    FramingError,
    LengthBody,
    UntilCloseBody,
)
from modelward.monitor.heads import parse_request, parse_response, rewrite


def chunked(content: list[bytes], trailer: bytes = b"") -> bytes:
    """A chunked body."""
    chunks = b"".join(f"{len(chunk):X};a=b\r\n".encode() + chunk + b"\r\n" for chunk in content if chunk)
    return chunks + b"0\r\n" + trailer + b"\r\n"


@given(
    content=st.lists(st.binary(max_size=40), max_size=6),
    trailer=st.sampled_from([b"", b"X: y\r\n", b"X: y\r\nZ: 0\r\n"]),
    rest=st.binary(max_size=20),
    cuts=st.lists(st.integers(1, 30), min_size=1, max_size=40),
)
def test_chunked_body_ends_where_it_ends(
    content: list[bytes], trailer: bytes, rest: bytes, cuts: list[int]
) -> None:
    """Whatever follows and wherever the stream is cut, exactly the body's bytes are taken."""
    wire = chunked(content, trailer)
    stream, body, taken, position = wire + rest, ChunkedBody(), 0, 0
    for step in [*cuts, len(stream)]:
        piece = stream[position : position + step]
        position += step
        taken += body.take(piece, 0)
        if body.complete:
            break
    assert body.complete
    assert taken == len(wire)


@pytest.mark.parametrize(
    "wire", [b"zz\r\n", b"-1\r\n", b"0x5\r\n", b"5 5\r\n", b"\r\n", b"5\n", b"f" * 17 + b"\r\n"]
)
def test_no_chunk_size(wire: bytes) -> None:
    """A size line that another reader could read otherwise is an error."""
    with pytest.raises(FramingError, match="is no chunk size"):
        ChunkedBody().take(wire, 0)


def test_chunk_lines_are_bounded() -> None:
    """An endless extension is an error, not memory."""
    with pytest.raises(FramingError, match="longer than"):
        ChunkedBody().take(b"5;" + b"x" * MAX_CHUNK_LINE_BYTES, 0)


def test_length_body() -> None:
    """A body of known length ends after it."""
    body = LengthBody(5)
    assert (body.take(b"abc", 0), body.complete) == (3, False)
    assert (body.take(b"xdefg", 1), body.complete) == (3, True)
    assert LengthBody(0).complete


def test_until_close_body_never_completes() -> None:
    """Only the connection's end ends it."""
    body = UntilCloseBody()
    assert (body.take(b"abc", 0), body.complete) == (3, False)


@pytest.mark.parametrize(
    ("method", "status", "headers", "kind"),
    [
        ("GET", "200 OK", b"Content-Length: 3\r\n", LengthBody),
        ("GET", "200 OK", b"Transfer-Encoding: chunked\r\n", ChunkedBody),
        ("GET", "200 OK", b"", UntilCloseBody),
        ("HEAD", "200 OK", b"Content-Length: 3\r\n", LengthBody),
        ("GET", "204 No Content", b"", LengthBody),
        ("GET", "304 Not Modified", b"Content-Length: 3\r\n", LengthBody),
    ],
)
def test_response_bodies(method: str, status: str, headers: bytes, kind: type) -> None:
    """The framing of an answer depends on its status and on what was asked (RFC 9112 6.3)."""
    head = parse_response(f"HTTP/1.1 {status}\r\n".encode() + headers + b"\r\n")
    body = head.body(method)
    assert isinstance(body, kind)
    assert body.complete == (kind is LengthBody and not (method == "GET" and status.startswith("200")))


@pytest.mark.parametrize(
    ("version", "connection", "expected"),
    [
        ("1.1", b"", True),
        ("1.1", b"Connection: keep-alive, Close\r\n", False),
        ("1.0", b"", False),
        ("1.0", b"Connection: Keep-Alive\r\n", True),
    ],
)
def test_persistence(version: str, connection: bytes, expected: bool) -> None:
    """Connections persist as RFC 9112 9.3 says."""
    assert parse_request(f"GET / HTTP/{version}\r\n".encode() + connection + b"\r\n").keeps_alive is expected


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nA: b\nGET /x HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        b"\x00\r\n\r\n",
    ],
)
def test_ambiguous_requests_are_refused(raw: bytes) -> None:
    """What two readers could read differently is refused."""
    with pytest.raises(FramingError):
        parse_request(raw)


@pytest.mark.parametrize(
    ("written", "target"),
    [
        (b"/v2/models/m/infer?x=1", b"/v2/models/m/infer?x=1"),
        (b"http://host:80/v2/models/m/infer?x=http://a/b", b"/v2/models/m/infer?x=http://a/b"),
        (b"HTTPS://host/v2", b"/v2"),
        (b"http://host", b"/"),
        (b"http://host?x=1", b"/?x=1"),
        (b"//host/v2", b"//host/v2"),
        (b"*", b"*"),
    ],
)
def test_targets_are_read_in_origin_form(written: bytes, target: bytes) -> None:
    """What a request asks for is its target's path and query, and its bytes stay as they are."""
    raw = b"OPTIONS " + written + b" HTTP/1.1\r\nHost: host\r\n\r\n"
    head = parse_request(raw)
    assert (head.target, head.raw) == (target, raw)


def test_rewrite_keeps_all_other_bytes() -> None:
    """Only the named lines go, only the given ones come."""
    raw = b"GET / HTTP/1.1\r\nhost:x\r\nCONNECTION: a\r\nX-Odd:  y \r\n\r\n"
    assert rewrite(raw, frozenset(), []) == raw
    assert rewrite(raw, frozenset({b"connection"}), [(b"A", b"1"), (b"B", b"2")]) == (
        b"GET / HTTP/1.1\r\nhost:x\r\nX-Odd:  y \r\nA: 1\r\nB: 2\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("codings", "kind"),
    [
        (["chunked"], ChunkedBody),
        (["gzip, Chunked "], ChunkedBody),
        (["gzip", "chunked"], ChunkedBody),
        (["gzip"], UntilCloseBody),
        (["chunked, gzip"], UntilCloseBody),
        (["chunked", "gzip"], UntilCloseBody),
    ],
)
def test_an_answer_whose_last_coding_is_not_chunked(codings: list[str], kind: type[Body]) -> None:
    """It ends with its connection (RFC 9112 6.3)."""
    lines = "".join(f"Transfer-Encoding: {coding}\r\n" for coding in codings)
    head = parse_response(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode())
    assert type(head.body("GET")) is kind
