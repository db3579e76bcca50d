"""Which headers are for one hop alone."""

import pytest

from modelward.monitor.heads import parse_request, rewrite
from modelward.monitor.hops import next_hop


@pytest.mark.parametrize(
    ("headers", "passed"),
    [
        ("A: b", "A: b"),
        ("Connection: keep-alive", "Connection: keep-alive"),
        ("Connection: Close", "Connection: Close"),
        ("Connection: keep-alive\nConnection: x-a\nX-A: 1\nx-a: 2\nX-B: 3", "X-B: 3\nConnection: keep-alive"),
        ("Connection: X-A ,\tclose,\nX-A: 1", "Connection: close"),
        ("Connection: x-a\nX-A: 1", ""),
        ("Connection: authorization\nAuthorization: Basic a", ""),
        (
            "Connection: host, content-length, close\nContent-Length: 3",
            "Content-Length: 3\nConnection: close",
        ),
        ("Connection: transfer-encoding\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Connection: trailer\nTrailer: a", "Trailer: a"),
        ("Connection: TE\nTE: trailers", "Connection: TE\nTE: trailers"),
        ("Connection: TE, x-a, close\nTE: Trailers\nX-A: 1", "TE: Trailers\nConnection: close, te"),
        ("Connection: TE\nTE: gzip, trailers", ""),
        ("Connection: TE\nTE: trailers\nTE: gzip", ""),
        ("TE: trailers", "TE: trailers"),
        ("Connection: te", ""),
        ("Keep-Alive: timeout=5", ""),
        ("Connection: keep-alive\nKeep-Alive: timeout=5", "Connection: keep-alive"),
        ("Proxy-Connection: keep-alive\nA: b", "A: b"),
        ("Proxy-Authorization: Basic a\nAuthorization: Bearer b", "Authorization: Bearer b"),
        ("Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABk", ""),
        ("Connection: upgrade, close\nUpgrade: websocket", "Connection: close"),
        ("Connection: \nA: b", "Connection: \nA: b"),
    ],
)
def test_what_is_passed_on(headers: str, passed: str) -> None:
    """What a connection alone is about stays behind; what holds for both connections goes on."""
    head = parse_request(raw(headers))
    drop, connection = next_hop(head)
    add = [] if connection is None else [(b"Connection", connection)]
    assert rewrite(head.raw, drop, add) == raw(passed)


def raw(headers: str) -> bytes:
    """A head with these headers, one in each line."""
    lines = ["POST / HTTP/1.1", "Host: model", *headers.splitlines()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"
