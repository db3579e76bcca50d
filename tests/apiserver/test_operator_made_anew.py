"""A ModelDeployment deleted and made again under the same name: another object, with no evidence yet."""

import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dev.cluster.controlplane import free_ports
from modelward.control import kinds
from modelward.signals.prometheus import Endpoint, Prometheus
from tests.apiserver.operators import Manifest, Running
from tests.apiserver.serving_pods import OBJECTIVE, Stage

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(600)]

EVIDENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Metrics:
    """What an operator shows about its one deployment."""

    text: str

    def of(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    @property
    def events(self) -> float:
        """Return how many events its evidence is made of."""
        return self.of("modelward_objective_events")


@dataclass(frozen=True, slots=True)
class Observed:
    """An operator, and where it shows its metrics."""

    running: Running
    port: int

    async def metrics(self) -> Metrics:
        """Return what it shows now; nothing before it answers."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.port}/metrics") as response,
            ):
                return Metrics(await response.text())
        except aiohttp.ClientConnectionError:
            return Metrics("")


@asynccontextmanager
async def observed_operator(stage: Stage) -> AsyncIterator[Observed]:
    """Run an operator whose metrics can be read."""
    (port,) = free_ports(1)
    async with stage.world.operator(httpPort=port) as running:
        yield Observed(running, port)


async def apply(stage: Stage) -> Manifest:
    """Apply the one revision; return the object."""
    return await stage.world.apply(objectives=[OBJECTIVE])


async def with_evidence(stage: Stage, operator: Observed, made: Manifest) -> Metrics:
    """Have the revision serve, and then requests end; return what was shown when all were counted."""
    await serving(stage, made)

    async def has_events() -> bool:
        return (await operator.metrics()).events > 0

    await stage.world.until(has_events, EVIDENCE_SECONDS)
    stage.is_quiet = True
    return await with_blocks_after(stage, operator, made, time.time())


async def with_blocks_after(stage: Stage, operator: Observed, made: Manifest, moment: float) -> Metrics:
    """Wait until the object's evidence holds a block that began after a moment; return what is shown then."""
    whose = {"uid": made["metadata"]["uid"], "component": "block_time"}

    async def is_counted() -> bool:
        return (await operator.metrics()).of("modelward_evidence_state", **whose) > moment + 10

    await stage.world.until(is_counted, EVIDENCE_SECONDS)
    return await operator.metrics()


async def scraped(stage: Stage, shown: Metrics, made: Manifest) -> None:
    """Have Prometheus scrape what an operator showed, and wait until it answers with it."""
    stage.pods.exporter.pages["operator"] = shown.text
    query = f'modelward_evidence_state{{uid="{made["metadata"]["uid"]}"}}'
    async with Prometheus(Endpoint(stage.world.settings["prometheus"]["url"])) as prometheus:

        async def is_known() -> bool:
            return bool(await prometheus.instant(query, time.time()))

        await stage.world.until(is_known, EVIDENCE_SECONDS)


async def serving(stage: Stage, made: Manifest) -> None:
    """Wait until this very object has a status that says that a revision serves."""

    async def is_serving() -> bool:
        found: dict[str, Any] = await stage.world.get(kinds.MODEL_DEPLOYMENT, "electricity")
        is_same = found["metadata"]["uid"] == made["metadata"]["uid"]
        return is_same and bool(found.get("status", {}).get("phase") == "Serving")

    await stage.world.until(is_serving, EVIDENCE_SECONDS)


async def test_made_anew_between_two_looks_it_has_no_evidence(stage: Stage) -> None:
    """What was counted for the earlier object is not held against the one that took its name at once."""
    async with observed_operator(stage) as operator:
        before = await with_evidence(stage, operator, await apply(stage))
        assert before.events > 0
        operator.running.kill(signal.SIGSTOP)
        await stage.world.delete(kinds.MODEL_DEPLOYMENT, "electricity")
        made = await apply(stage)
        operator.running.kill(signal.SIGCONT)
        await serving(stage, made)
        after = await with_blocks_after(stage, operator, made, time.time())
        assert after.events == 0


async def test_restart_reads_back_only_the_evidence_of_the_same_object(stage: Stage) -> None:
    """What the operator exported comes back after a restart, but not for another object of that name."""
    world = stage.world
    async with observed_operator(stage) as operator:
        made = await apply(stage)
        before = await with_evidence(stage, operator, made)
    await scraped(stage, before, made)
    async with observed_operator(stage) as operator:
        again = await with_blocks_after(stage, operator, made, time.time())
        assert again.events == before.events > 0
    await world.delete(kinds.MODEL_DEPLOYMENT, "electricity")
    made = await apply(stage)
    async with observed_operator(stage) as operator:
        await serving(stage, made)
        after = await with_blocks_after(stage, operator, made, time.time())
        assert after.events == 0
