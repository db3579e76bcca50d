"""Model servers that a test writes itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bench.gates import known


@contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a server; yield its address."""
    with known.running(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as address:
        yield address
