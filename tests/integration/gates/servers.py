"""Model servers that a test writes itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bench.gates import known


class Handler(BaseHTTPRequestHandler):
    """Answers what is posted, without a word on standard error."""

    protocol_version = "HTTP/1.1"

    def respond(self, asked: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer to a body."""
        raise NotImplementedError

    def do_POST(self) -> None:
        """Read, and answer."""
        status, body = self.respond(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a server; yield its address."""
    with known.running(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as address:
        yield address
