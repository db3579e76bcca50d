"""Pods that serve, without containers: a Prometheus scrapes what they count, and their monitors obey."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dev.cluster.controlplane import free_ports
from modelward import conventions as names
from modelward.api.objectives import Objective, event_config
from modelward.control import kinds
from modelward.control.client import ApiError
from tests.apiserver.fake_monitors import FakeMonitor, FakeMonitors
from tests.apiserver.operators import Manifest, World, ready, starting
from tests.integration.signals.exporter import Exporter, Pod
from tests.integration.signals.prometheus_server import PrometheusServer

OBJECTIVE: Final[Manifest] = {"name": "availability", "availability": {}, "target": "99%"}
"""The one objective that these pods count."""
REQUESTS_A_LOOK: Final = 10
LOOK_SECONDS: Final = 0.25
SCRAPE_SECONDS: Final = 1.0
"""Operators count in blocks of five such."""
SLOTS: Final = 12
"""Pods at most that a test has at one time."""
PAGES: Final = ("operator",)
"""What else is scraped: what an operator shows, if a test hands it over."""


@dataclass(frozen=True, slots=True)
class ServingPod:
    """One pod that is ready."""

    name: str
    revision: str
    scraped: Pod
    monitor: FakeMonitor


@dataclass(slots=True)
class ServingPods:
    """Those of one test's namespace."""

    world: World
    exporter: Exporter
    monitors: FakeMonitors
    present: dict[str, ServingPod] = field(default_factory=dict)
    """By name."""
    ever: list[ServingPod] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(random.randrange(2**15)))

    async def get_ready(self, name: str, revision: str) -> ServingPod:
        """Give a pod that exists an address and a monitor there, and say that it is ready."""
        number = next(self._numbers)
        address = f"127.88.{number // 250 % 250}.{number % 250 + 1}"
        monitor = await self.monitors.start(address)
        await self.world.set_pod(name, ready(address, f"sha256:{revision[-1] * 64}".replace("-", "a")))
        configs = {OBJECTIVE["name"]: event_config(Objective.model_validate(OBJECTIVE))}
        scraped = Pod(self.world.namespace, "electricity", revision, name, None, configs)
        self.exporter.add(scraped)
        self.present[name] = ServingPod(name, revision, scraped, monitor)
        self.ever.append(self.present[name])
        return self.present[name]

    def gone(self, name: str) -> None:
        """Let a pod that was deleted be scraped no more."""
        self.exporter.remove(self.present.pop(name).scraped)

    def told(self, revision: str) -> list[str]:
        """Return the modes that the monitors of a revision were told, in order."""
        return [told["mode"] for pod in self.ever if pod.revision == revision for told in pod.monitor.told]


@dataclass(slots=True)
class Stage:
    """A kubelet's part: pods of every Deployment get ready, and answer requests while they are given any."""

    pods: ServingPods
    bad_share: dict[str, float] = field(default_factory=dict)
    """By revision: share of requests answered with an error."""
    storage_when_bad: str = "fast"
    """What storage was like when those came."""
    is_quiet: bool = False
    """Whether there are no requests."""
    _selector: Manifest = field(default_factory=dict)
    """Which pods the Service sends requests to."""

    @property
    def world(self) -> World:
        """Return where it all happens."""
        return self.pods.world

    async def play(self) -> None:
        """Go on until cancelled."""
        changes = self.world.changes
        async with changes.of(kinds.POD) as pods, changes.of(kinds.SERVICE) as services:
            while True:
                # What is refused, as for a pod that has just gone, is looked at again.
                with contextlib.suppress(ApiError):
                    if pods.take():
                        await self._follow_pods()
                    if services.take():
                        await self._follow_service()
                if not self.is_quiet:
                    for pod in self.pods.present.values():
                        self._answer(pod)
                await asyncio.sleep(LOOK_SECONDS)

    async def _follow_pods(self) -> None:
        names_now = {
            pod["metadata"]["name"]: pod["metadata"]["labels"][names.LABEL_REVISION]
            for pod in await self.world.all(kinds.POD)
            if pod["status"].get("conditions")  # else its maker has yet to say that it starts
        }
        for name in self.pods.present.keys() - names_now.keys():
            self.pods.gone(name)
        for name in names_now.keys() - self.pods.present.keys():
            await self.pods.get_ready(name, names_now[name])

    async def _follow_service(self) -> None:
        service = await self.world.get_or_none(kinds.SERVICE, "electricity")
        self._selector = service["spec"]["selector"] if service else {names.LABEL_REVISION: "none"}

    def _answer(self, pod: ServingPod) -> None:
        if (
            self._selector.get(names.LABEL_REVISION, pod.revision) == pod.revision
            and pod.monitor.mode != "Withdraw"
        ):
            bad = REQUESTS_A_LOOK * self.bad_share.get(pod.revision, 0.0)
            pod.scraped.count(REQUESTS_A_LOOK - bad, 0, OBJECTIVE["name"])
            pod.scraped.count(0, bad, OBJECTIVE["name"], storage=self.storage_when_bad)
            pod.monitor.requests_total += REQUESTS_A_LOOK


@asynccontextmanager
async def observed_pods(world: World, folder: Path) -> AsyncIterator[ServingPods]:
    """Set up a Prometheus and monitors; operators are to ask that Prometheus."""
    with Exporter(SLOTS, PAGES) as exporter:
        async with FakeMonitors() as monitors:
            (port,) = free_ports(1)
            prometheus = PrometheusServer(
                folder / "prometheus", port, exporter, scrape_seconds=SCRAPE_SECONDS
            )
            prometheus.start()
            world.settings["prometheus"] = {"url": f"http://127.0.0.1:{port}"}
            try:
                yield ServingPods(world, exporter, monitors)
            finally:
                prometheus.stop()


@asynccontextmanager
async def played(pods: ServingPods) -> AsyncIterator[Stage]:
    """Play a kubelet's part while it lasts."""
    stage = Stage(pods)
    playing = asyncio.create_task(stage.play())
    try:
        async with pods.world.kubelet(lambda _revision, _number: starting()):
            yield stage
    finally:
        # What ended it says more than what failed for the lack of it.
        assert not playing.done(), playing.exception()
        playing.cancel()
