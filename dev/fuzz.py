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

from modelward.monitor.bodies import FramingError
from modelward.monitor.heads import RequestHead, ResponseHead, parse_request, parse_response
from modelward.monitor.predictions import read, read_at, read_binary
from modelward.monitor.server_timing import storage_ms
from modelward.monitor.streams import EventStream

_HEAD_END: Final = b"\r\n\r\n"
_MAX_REQUESTS: Final = 16
SEEDS: Final = (
    b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nConnection: close, x\r\nconnection: keep-alive\r\nUpgrade: h2c\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nServer-Timing: a, storage;dur=1.5\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b'{"outputs": [{"name": "predict", "shape": [2, 1], "datatype": "INT64", "data": [[1], [2]]}]}',
    b'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: [DONE]\n\n',
)
"""Well-formed inputs to begin with."""


class _Messages:
    """Counts what llhttp finds in a stream."""

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
            middle = (end + len(data)) // 2
            stop = body.take(data[:middle], end)
            if not body.complete:
                stop += body.take(data[middle:], 0)
        except FramingError:
            return
        _agree(data[position:stop], head, is_complete=body.complete)
        if not body.complete:
            return
        position = stop


def _agree(wire: bytes, head: RequestHead, *, is_complete: bool) -> None:
    seen = _Messages()
    parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(wire)
    except httptools.HttpParserUpgrade:
        return  # upgrades are not passed on
    except httptools.HttpParserError:
        return  # a server that is stricter refuses it, and takes no other message from it
    message = f"{head.method} {head.target!r}: {wire!r}"
    assert seen.heads == 1, message  # noqa: S101 - this is a test
    assert seen.complete == is_complete, message  # noqa: S101


def answers(data: bytes) -> None:
    """Watch one answer and what is read of its head and body; nothing but FramingError is raised."""
    end = data.find(_HEAD_END) + len(_HEAD_END)
    if end < len(_HEAD_END):
        return
    try:
        head: ResponseHead = parse_response(data[:end])
        body = head.body("POST")
        stop = body.take(data, end)
    except FramingError:
        return
    assert end <= stop <= len(data)  # noqa: S101 - this is a test
    storage_ms(head)


def contents(data: bytes) -> None:
    """Read predictions and events out of anything; nothing is raised."""
    read(data, None)
    read(data, b"gzip")
    read_binary(data, len(data) // 2)
    read_at(data, None, "/a/0")
    stream = EventStream()
    for half in (data[: len(data) // 2], data[len(data) // 2 :]):
        stream.take(half, 1.0)


def everything(data: bytes) -> None:
    """Run every target."""
    requests(data)
    answers(data)
    contents(data)


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
