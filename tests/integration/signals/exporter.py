"""Pods' /metrics/objectives without pods: an HTTP server whose numbers a test sets.

It has a fixed number of slots, each a scrape target that answers 404 while no pod is in it. So a pod can
appear and vanish between two scrapes, without waiting for service discovery. Labels that a PodMonitor's
discovery would add are written into the text.
"""

import itertools
import time
from dataclasses import dataclass, field
from typing import Final, Self

from aiohttp import web

from modelward import conventions as names

SLOTS: Final = 24
PAGES: Final = ("operator", "next-operator", "team")
"""Further targets, with whatever text a test gives them."""
CONFIG: Final = "c1"


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
    events: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """(revision, objective, result) -> events so far."""

    def __post_init__(self) -> None:
        """Start every label set at zero, as the monitor does."""
        self._start_sets()

    def count(self, good: float, bad: float, objective: str = "latency", revision: str = "") -> None:
        """Add events."""
        for result, number in (("good", good), ("bad", bad)):
            key = (revision or self.revision, objective, result)
            self.events[key] = self.events.get(key, 0) + number

    def restart(self) -> None:
        """Restart the container: counters begin at zero, in a new process."""
        self.events.clear()
        self._start_sets()
        self.started_at = None

    def text(self) -> str:
        """Write the answer to a scrape."""
        if self.started_at is None:
            self.started_at = time.time()
        whose = f'namespace="{self.namespace}",pod="{self.name}"'
        lines = [
            f"# TYPE {names.METRIC_PROCESS_START} gauge",
            f"{names.METRIC_PROCESS_START}{{{whose}}} {self.started_at!r}",
            f"# TYPE {names.METRIC_REQUESTS} counter",
            f'{names.METRIC_REQUESTS}{{{whose},deployment="{self.deployment}",revision="{self.revision}"}} 0',
            f"# TYPE {names.METRIC_EVENTS} counter",
        ]
        for (revision, objective, result), events in self.events.items():
            labels = (
                f'{whose},deployment="{self.deployment}",revision="{revision}",objective="{objective}",'
                f'config="{self.objectives[objective]}",result="{result}"'
            )
            lines.append(f'{names.METRIC_EVENTS}{{{labels},storage="unknown"}} 0')
            lines.append(f'{names.METRIC_EVENTS}{{{labels},storage="fast"}} {events!r}')
        return "\n".join(lines) + "\n"

    def _start_sets(self) -> None:
        for objective in self.objectives:
            self.count(0, 0, objective)


class Exporter:
    """The server; an async context manager. `pages` holds the text of further targets, by name."""

    def __init__(self) -> None:
        """Start with every slot empty."""
        self.port = 0
        self.pages: dict[str, str] = {}
        self._slots: list[Pod | None] = [None] * SLOTS
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Open a free port."""
        app = web.Application()
        app.add_routes([web.get("/slots/{slot}", self._slot), web.get("/pages/{page}", self._page)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the port."""
        assert self._runner is not None
        await self._runner.cleanup()

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

    async def _slot(self, request: web.Request) -> web.Response:
        pod = self._slots[int(request.match_info["slot"])]
        if pod is None:
            return web.Response(status=404)
        return web.Response(status=500) if pod.failing else web.Response(text=pod.text())

    async def _page(self, request: web.Request) -> web.Response:
        page = self.pages.get(request.match_info["page"])
        return web.Response(status=404) if page is None else web.Response(text=page)
