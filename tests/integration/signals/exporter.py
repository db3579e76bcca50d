"""Pods' /metrics/objectives without pods: an HTTP server whose numbers a test sets.

It has a fixed number of slots, each a scrape target that answers 404 while no pod is in it. So a pod can
appear and vanish between two scrapes, without waiting for service discovery. Labels that a PodMonitor's
discovery would add are written into the text. It answers from threads of its own, also while no test runs.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from modelward import conventions as names

SLOTS: Final = 24
PAGES: Final = ("operator", "next-operator", "team")
"""Further targets, with whatever text a test gives them."""
CONFIG: Final = "c1"
STORAGE: Final = ("fast", "slow", "unknown")


@dataclass(slots=True)
class Pod:
    """One pod's monitor. Numbers are changed by `count` and `restart`."""

    namespace: str
    deployment: str
    revision: str
    name: str
    started_at: float | None
    """When its process began; None: just before its next scrape."""
    objectives: dict[str, str] = field(default_factory=lambda: {"latency": CONFIG})
    """Event definition's hash by objective."""
    failing: bool = False
    """Answer scrapes with 500."""
    events: dict[tuple[str, str, str, str], float] = field(default_factory=dict)
    """(revision, objective, result, storage) -> events so far."""
    requests: float = 0
    """That its own server was given."""

    def __post_init__(self) -> None:
        """Start every label set at zero, as the monitor does."""
        self._start_sets()

    def count(
        self, good: float, bad: float, objective: str = "latency", revision: str = "", storage: str = "fast"
    ) -> None:
        """Add events; each of its own revision is a request."""
        self.requests += good + bad if revision in {"", self.revision} else 0
        for result, number in (("good", good), ("bad", bad)):
            key = (revision or self.revision, objective, result, storage)
            self.events[key] = self.events.get(key, 0) + number

    def restart(self) -> None:
        """Restart the container: counters begin at zero, in a new process."""
        self.events, self.requests = {}, 0
        self._start_sets()
        self.started_at = None

    def text(self) -> str:
        """Write the answer to a scrape."""
        if self.started_at is None:
            self.started_at = time.time()
        whose = f'namespace="{self.namespace}",pod="{self.name}"'
        ours = f'deployment="{self.deployment}",revision="{self.revision}"'
        lines = [
            f"# TYPE {names.METRIC_PROCESS_START} gauge",
            f"{names.METRIC_PROCESS_START}{{{whose}}} {self.started_at!r}",
            f"# TYPE {names.METRIC_REQUESTS} counter",
            f"{names.METRIC_REQUESTS}{{{whose},{ours}}} {self.requests!r}",
            f"# TYPE {names.METRIC_EVENTS} counter",
        ]
        for (revision, objective, result, storage), events in list(self.events.items()):
            labels = (
                f'{whose},deployment="{self.deployment}",revision="{revision}",objective="{objective}",'
                f'config="{self.objectives[objective]}",result="{result}",storage="{storage}"'
            )
            lines.append(f"{names.METRIC_EVENTS}{{{labels}}} {events!r}")
        return "\n".join(lines) + "\n"

    def _start_sets(self) -> None:
        for objective in self.objectives:
            for storage in STORAGE:
                self.count(0, 0, objective, storage=storage)


class Exporter:
    """The server; a context manager. `pages` holds the text of further targets, by name."""

    def __init__(self, slots: int = SLOTS, pages: Iterable[str] = PAGES) -> None:
        """Start with every slot empty; what scrapes the server asks for each slot and page every time."""
        self.pages: dict[str, str] = {}
        self._slots: list[Pod | None] = [None] * slots
        self.paths = [*(f"/slots/{slot}" for slot in range(slots)), *(f"/pages/{page}" for page in pages)]
        self._numbers = itertools.count(1)
        self._server = _Server(("127.0.0.1", 0), _Handler, self)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_address[1]

    def __enter__(self) -> Self:
        """Answer from now on."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()

    def add(self, pod: Pod) -> None:
        """Put a pod where it will be scraped."""
        self._slots[self._slots.index(None)] = pod

    def new_pod(self, namespace: str, deployment: str, revision: str, started_at: float | None = None) -> Pod:
        """Add a pod whose process began at a time, or just before its first scrape."""
        name = f"{revision}-{next(self._numbers)}"
        pod = Pod(namespace, deployment, revision, name, started_at)
        self.add(pod)
        return pod

    def remove(self, pod: Pod) -> None:
        """Let a pod vanish."""
        self._slots[self._slots.index(pod)] = None

    def clear(self) -> None:
        """Let everything vanish."""
        self._slots[:] = [None] * len(self._slots)
        self.pages.clear()

    def answer(self, path: str) -> tuple[HTTPStatus, str]:
        """What a scrape of a path gets."""
        kind, name = path.strip("/").split("/")
        if kind == "pages":
            return (HTTPStatus.OK, self.pages[name]) if name in self.pages else (HTTPStatus.NOT_FOUND, "")
        pod = self._slots[int(name)]
        if pod is None:
            return HTTPStatus.NOT_FOUND, ""
        return (HTTPStatus.INTERNAL_SERVER_ERROR, "") if pod.failing else (HTTPStatus.OK, pod.text())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    server_address: tuple[str, int]

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], exporter: Exporter
    ) -> None:
        self.exporter = exporter
        super().__init__(address, handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        status, text = self.server.exporter.answer(self.path)
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a scrape that was given up on a busy machine
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Keep quiet."""
