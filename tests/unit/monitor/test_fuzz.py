"""The watchers on arbitrary and on nearly well-formed bytes (`make fuzz-monitor` goes on for longer)."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from dev import fuzz

PIECES = st.sampled_from(
    [
        b"POST /v2/models/m/infer HTTP/1.1\r\n",
        b"GET / HTTP/1.0\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"Host: a\r\n",
        b"Content-Length: 5\r\n",
        b"content-length: 5, 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Connection: close, keep-alive\r\n",
        b"Server-Timing: storage;dur=1\r\n",
        b"Upgrade: h2c\r\n",
        b"Connection: upgrade, x\r\nX: y\r\n",
        b"TE: trailers\r\n",
        b"\0\0\0\4\0\0\0\0\0",
        b"\0\0\1\1\5\0\0\0\1\x83",
        b"\0\0\0\0\1\0\0\0\1",
        b"\0\0\4\3\0\0\0\0\1\0\0\0\7",
        b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b'"usage": {"output_tokens": 3}',
        b'"reasoning_tokens": 2',
        b" folded\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"5\r\nhello\r\n",
        b"5\r\nhelloXX",
        b"0\r\n\r\n",
        b"0\r\nT: x\r\n\r\n",
        b"0\r\nT: x\n\r\n",
        b"FFFFFFFFFFFFFFFF\r\n",
        b"5 \r\n",
        b"5;a=b\r\n",
        b'data: {"choices": [{"delta": 1}]}\n\n',
        b'data: {"choices": [{"index": 1, "delta": {"content": "a"}, "finish_reason": "stop"}]}\n\n',
        b'{"outputs": [{"name": "predict", "shape": [1], "data": [[1]]}]}',
        b'{"a": [[[1]]]}',
        b"hello",
        b"\x00",
        b"\xff",
    ]
)
NEARLY = st.lists(st.one_of(PIECES, st.binary(max_size=6)), max_size=24).map(b"".join)


@settings(max_examples=600, deadline=None)
@given(data=st.one_of(NEARLY, st.binary(max_size=200)))
@example(data=b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n")
@example(data=b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n\r\n")
@example(data=b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n")
def test_no_bytes_confuse_the_watchers(data: bytes) -> None:
    """Whatever comes, messages end where llhttp says they end, and nothing undocumented is raised."""
    fuzz.everything(data)
