"""A model server whose faults are switched on and off while it runs: Open Inference Protocol, stdlib only.

`GET /fault?share=0.5` makes every second prediction a 500 until `?share=0`; it is a GET so that `kubectl get
--raw` can send it through the API server. Every answer, also a faulty one, says which version gave it:
environment variable VERSION. Listens on port 8080.
"""

import json
import os
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

PORT: Final = 8080
VERSION: Final = os.environ.get("VERSION", "0")


class Fault:
    """Which share of predictions fails: evenly spread, so that half is every second one."""

    def __init__(self) -> None:
        """Begin without faults."""
        self._lock = threading.Lock()
        self._share = 0.0
        self._owed = 0.0

    def set_share(self, share: float) -> None:
        """Let this share of the following predictions fail; raises ValueError outside of 0 to 1."""
        if not 0 <= share <= 1:
            raise ValueError(f"share is {share}; write a number from 0 to 1")
        with self._lock:
            self._share, self._owed = share, 0.0

    def strikes(self) -> bool:
        """Return whether the next prediction fails."""
        with self._lock:
            self._owed += self._share
            if self._owed < 1:
                return False
            self._owed -= 1
            return True


fault = Fault()


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer health checks, or switch the fault."""
        url = urlsplit(self.path)
        if url.path == "/fault":
            self._switch(parse_qs(url.query).get("share", [""])[0])
        else:
            known = url.path in {"/v2/health/ready", "/v2/health/live"}
            self._answer(HTTPStatus.OK if known else HTTPStatus.NOT_FOUND, {})

    def do_POST(self) -> None:
        """Answer predictions."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path.startswith("/v2/models/") and self.path.endswith("/infer"):
            self._predict()
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"no {self.path} here"})

    def _switch(self, share: str) -> None:
        try:
            fault.set_share(float(share))
        except ValueError as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        else:
            self._answer(HTTPStatus.OK, {"model_version": VERSION})

    def _predict(self) -> None:
        if fault.strikes():
            message = {"error": "the fault is switched on", "model_version": VERSION}
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, message)
            return
        output = {"name": "predict", "shape": [1, 1], "datatype": "INT64", "data": [1]}
        self._answer(HTTPStatus.OK, {"model_name": "faulty", "model_version": VERSION, "outputs": [output]})

    def _answer(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
        """Keep quiet: ten lines a second say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), Handler).serve_forever()
