"""Feeds the monitor's watchers arbitrary bytes, and holds what they say against llhttp's own reading.

`make fuzz-monitor` runs it under atheris, which looks for inputs that reach new code; a unit test runs the
same targets on hypothesis' inputs. A target fails by raising anything but what its code documents.
"""

import argparse
import importlib
import sys
import tempfile
from pathlib import Path
from typing import Final

import httptools

from modelward.monitor.bodies import Body, FramingError
from modelward.monitor.capture.bodies import without_chunks
from modelward.monitor.events import Ending
from modelward.monitor.exchange import Port
from modelward.monitor.grpc.calls import Calls
from modelward.monitor.grpc.watch import PREFACE_END, Watch
from modelward.monitor.heads import Head, ResponseHead, parse_request, parse_response, rewrite
from modelward.monitor.hops import next_hop
from modelward.monitor.predictions import read, read_at, read_binary
from modelward.monitor.server_timing import storage_ms
from modelward.monitor.state import MonitorState
from modelward.monitor.streams import EventStream

_HEAD_END: Final = b"\r\n\r\n"
_MAX_REQUESTS: Final = 16
_FIRST_FINAL_STATUS: Final = 200
SEEDS: Final = (
    b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nConnection: close, x\r\nconnection: keep-alive\r\nUpgrade: h2c\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nServer-Timing: a, storage;dur=1.5\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b'{"outputs": [{"name": "predict", "shape": [2, 1], "datatype": "INT64", "data": [[1], [2]]}]}',
    b'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: {"usage": {"completion_tokens": 3}}\n\n',
    b'data: {"choices": [{"text": "\\u003c/think>"}]}\n\ndata: {"usage": {"reasoning_tokens": 1}}\n\n',
    b"GET / HTTP/1.1\r\nConnection: x, te\r\nX: y\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\n\r\n",
    b'data: {"choices": [{"text": "a"}, {"index": 1, "text": "b", "finish_reason": "stop"}]}\n\n',
    # Settings; headers, of which one goes on; data that ends a stream; a reset; a refusal; going away.
    b"".join(
        (
            b"\0\0\6\4\0\0\0\0\0\0\1\0\0\x10\0\0\0\1\1\0\0\0\0\1\x82\0\0\3\x09\4\0\0\0\1\x04\x01/",
            b"\0\0\2\0\1\0\0\0\1ab\0\0\4\3\0\0\0\0\3\0\0\0\x08",
            b"\0\0\4\3\0\0\0\0\1\0\0\0\7\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0",
        )
    ),
)
"""Well-formed inputs to begin with."""


class _Messages:
    """Gathers what llhttp finds in a stream."""

    def __init__(self) -> None:
        self.heads = 0
        self.complete = 0
        self.body = b""

    def on_headers_complete(self) -> None:
        self.heads += 1

    def on_message_complete(self) -> None:
        self.complete += 1

    def on_body(self, data: bytes) -> None:
        self.body += data


def requests(data: bytes) -> None:
    """Watch a stream of requests in two reads each; llhttp must see the same messages in what is passed on.

    Raises AssertionError where the two disagree, which is how requests are smuggled past a proxy.
    """
    position = 0
    for _ in range(_MAX_REQUESTS):
        end = data.find(_HEAD_END, position) + len(_HEAD_END)
        if end < len(_HEAD_END):
            return
        try:
            head = parse_request(data[position:end])
            body = head.body()
            stop = _follow(body, data, end)
        except FramingError:
            return
        _agree(httptools.HttpRequestParser, head, body, data[end:stop])
        if not body.complete:
            return
        position = stop


def answers(data: bytes) -> None:
    """Watch one answer, of which llhttp must see the same, and read its head; only FramingError is raised."""
    end = data.find(_HEAD_END) + len(_HEAD_END)
    if end < len(_HEAD_END):
        return
    try:
        head: ResponseHead = parse_response(data[:end])
        body = head.body("POST")
        stop = _follow(body, data, end)
    except FramingError:
        return
    assert end <= stop <= len(data)  # noqa: S101 - this is a test
    storage_ms(head)
    if head.status >= _FIRST_FINAL_STATUS:  # an interim answer has no body, whatever its head says
        _agree(httptools.HttpResponseParser, head, body, data[end:stop])


def _follow(body: Body, data: bytes, start: int) -> int:
    """Where a body ends that is read in two parts. Raises FramingError."""
    middle = (start + len(data)) // 2
    stop = body.take(data[:middle], start)
    return stop if body.complete else stop + body.take(data[middle:], 0)


def _agree(
    parser_class: type[httptools.HttpRequestParser | httptools.HttpResponseParser],
    head: Head,
    body: Body,
    wire: bytes,
) -> None:
    """Llhttp must find one message in what is passed on, as long and with the same content."""
    drop, connection = next_hop(head)
    passed = rewrite(head.raw, drop, [] if connection is None else [(b"Connection", connection)])
    seen = _Messages()
    parser = parser_class(seen)
    message = f"{passed!r} {wire!r}"
    try:
        parser.feed_data(passed + wire)
    except httptools.HttpParserUpgrade as error:
        raise AssertionError(message) from error
    except httptools.HttpParserError:
        return  # a server that is stricter refuses it, and takes no other message from it
    assert seen.heads == 1, message  # noqa: S101 - this is a test
    assert seen.complete == body.complete, message  # noqa: S101
    if not head.is_chunked or not wire:  # such as a 304, which says how a body would be framed
        assert seen.body == wire, message  # noqa: S101
    elif body.complete:
        assert seen.body == without_chunks(wire), message  # noqa: S101


def contents(data: bytes) -> None:
    """Read predictions and events out of anything; nothing is raised."""
    read(data, None)
    read(data, b"gzip")
    read_binary(data, None, len(data) // 2)
    read_binary(data, b"gzip", len(data) // 2)
    read_at(data, None, "/a/0")
    stream = EventStream()
    for half in (data[: len(data) // 2], data[len(data) // 2 :]):
        stream.take(half, 1.0)
    assert stream.generated(1.0).tokens >= 0  # noqa: S101 - this is a test


def frames(data: bytes) -> None:
    """Watch both directions of a gRPC connection, cut in two; nothing is raised, and no bytes are lost."""
    state = MonitorState(started_s=0.0)
    state.counts.grpc_unwatched = 1  # the first one is logged
    calls = Calls(state, Port.SERVING, None, is_forwarded=False)
    watch = Watch(state, calls)
    middle = len(data) // 2
    watch.from_client(PREFACE_END + data[:middle])
    for half in (data[:middle], data[middle:]):
        gap = watch.from_server(half)
        assert gap is None or 0 <= gap <= len(half)  # noqa: S101 - this is a test
    watch.from_client(data[middle:])
    calls.end_all(Ending.CLIENT_GONE)
    assert not calls  # noqa: S101
    assert state.counts.requests_in_flight == 0  # noqa: S101


def everything(data: bytes) -> None:
    """Run every target."""
    requests(data)
    answers(data)
    contents(data)
    frames(data)


def main() -> None:
    """Fuzz for so many seconds, from seeds that are well-formed."""
    parser = argparse.ArgumentParser(prog="python -m dev.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    import atheris  # noqa: PLC0415 - the tests have no need of it

    with atheris.instrument_imports(include=["modelward.monitor"]):
        for name in [name for name in sys.modules if name.startswith("modelward.monitor")]:
            del sys.modules[name]
        targets = importlib.reload(sys.modules[everything.__module__])
    with tempfile.TemporaryDirectory(prefix="modelward-fuzz-") as corpus:
        for number, seed in enumerate(SEEDS):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [f"-max_total_time={arguments.seconds}", "-max_len=4096", "-print_final_stats=1", corpus]
        atheris.Setup([sys.argv[0], *options], targets.everything)
        atheris.Fuzz()


if __name__ == "__main__":
    importlib.import_module("dev.fuzz").main()  # under its own name, so that it can be loaded again
