"""The store's read times: reads the first KiB of a model's first file, each time it is told to.

`python -m modelward.storage.probe URI` says {"ready": true} when it has started, which may take long on a
busy machine and says nothing of the store. Then it answers each line of standard input, `read`, with one
line of JSON: {"seconds": how long the read took} or {"failure": a word of `Failure`, "message": ...}. It
ends with its input. The monitor runs it as a process of its own, so that no client of a store is in the
way of requests.

A read is one request for a range, on a connection that is kept open where the store keeps it. Finding
the file and opening it come before and are not timed, but they fail as a read does. From an HTTP server
without ranges the file is requested anew each time, and left when its beginning has come.

It stays beside a monitor for as long as that runs, so it keeps what stores' clients import out of its own
memory: http(s):// is read with urllib3 alone, s3:// with a request that the client has made in a process
that ends again (s3_read.py). gs:// and abfs:// are read by their clients in here.
"""

import os
import sys
from typing import Protocol

import orjson

from modelward.storage.answers import Answer
from modelward.storage.http_read import HttpReader


class Reader(Protocol):
    """Reads the beginning of a file, again and again."""

    def answer(self) -> Answer:
        """Read once and say how it went."""

    def settle(self) -> None:
        """Do what is to be done between two reads."""


def main() -> None:
    """Run the command line."""
    uri = sys.argv[1]
    reader = _reader(uri)
    if reader is None:
        from modelward.storage.finding import serve  # noqa: PLC0415 - the others are to do without

        serve(uri)
        return
    reader.settle()
    _say({"ready": True})
    for _ in sys.stdin.buffer:
        _say(reader.answer())
        reader.settle()


def _reader(uri: str) -> Reader | None:
    """What reads `uri` without its store's client; None where there is no such thing."""
    if uri.startswith("s3:"):
        from modelward.storage.s3_read import S3Reader  # noqa: PLC0415 - the others are to do without

        return S3Reader(uri)
    # fsspec may be given headers and more for its requests, in variables of its own.
    has_settings = any(name.startswith(("FSSPEC_HTTP", "FSSPEC_CONFIG_DIR")) for name in os.environ)
    return HttpReader(uri) if uri.startswith(("http:", "https:")) and not has_settings else None


def _say(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
