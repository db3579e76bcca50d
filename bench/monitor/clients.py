"""The clients of the benchmark: one blocking connection for latencies, wrk for throughput."""

import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bench.monitor.payloads import STREAM_PATH, request

_READ_BYTES: Final = 256 * 1024
_HEAD_END: Final = b"\r\n\r\n"
_END: Final = b"\n\n\r\n0\r\n\r\n"
"""Of the last event and the chunk of nothing behind it; a head may end in 0 as well, such as a receipt's."""
_EVENT: Final = re.compile(rb"data: (\d+)\n")
_LIMIT_SECONDS: Final = 30.0


class Connection:
    """One kept-alive connection that sends a request and waits for its answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _LIMIT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def latency_us(self, wire: bytes) -> float:
        """Microseconds from the first byte sent to the last one received."""
        begun = time.perf_counter_ns()
        self._socket.sendall(wire)
        answer = self._receive()
        end = answer.find(_HEAD_END)
        while end < 0:
            answer += self._receive()
            end = answer.find(_HEAD_END)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the answer was {answer[:80]!r}")
        whole = end + len(_HEAD_END) + _content_length(answer[:end])
        received = len(answer)
        while received < whole:
            received += len(self._receive())
        return (time.perf_counter_ns() - begun) / 1000

    def chunk_delays_us(self) -> list[float]:
        """Microseconds that each event of one stream was on its way."""
        self._socket.sendall(request(b"{}", STREAM_PATH))
        delays: list[float] = []
        end = b""
        while end != _END:
            data = self._receive()
            now_ns = time.monotonic_ns()
            delays += [(now_ns - int(sent)) / 1000 for sent in _EVENT.findall(data)]
            end = (end + data)[-len(_END) :]
        return delays

    def _receive(self) -> bytes:
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise RuntimeError("the connection was closed in mid-answer")
        return data


def _content_length(head: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if found is None:
        raise RuntimeError(f"the answer has no length: {head[:200]!r}")
    return int(found[1])


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk has done."""

    requests: int
    failures: int


_WRK_SCRIPT: Final = """
wrk.method = "POST"
wrk.path = "{path}"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
function done(summary, latency, requests)
  local e = summary.errors
  local failures = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("LOAD %d %d\\n", summary.requests, failures))
end
"""


def load(port: int, path: str, body: bytes, seconds: int, folder: Path) -> Load:
    """Send requests from sixteen connections for that long, each as soon as the one before is answered."""
    body_file, script = folder / "body.json", folder / "load.lua"
    body_file.write_bytes(body)
    script.write_text(_WRK_SCRIPT.format(path=path, body=body_file))
    command = ["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"LOAD (\d+) (\d+)", done.stdout)
    if found is None:
        raise RuntimeError(f"wrk said: {done.stdout}{done.stderr}")
    return Load(int(found[1]), int(found[2]))
