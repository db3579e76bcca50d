"""Two Prometheus replicas behind one address, as a Service spreads queries over them.

They scrape the same pods at different moments, so a block from one and the next from the other overlap or
leave out what came between the two scrapes. Nothing of that is Unknown, negative or one-sided.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from dev.cluster.controlplane import free_ports
from modelward.evidence.ledger import Ledger, ObjectivePlan, Plan
from modelward.evidence.verdict import Verdict
from modelward.signals.blocks import TimedBlock
from modelward.signals.key import Key
from modelward.signals.prometheus import Endpoint
from tests.integration.signals.busy_machine import again_if_scrapes_were_late
from tests.integration.signals.exporter import CONFIG, Exporter, Pod
from tests.integration.signals.polling import CELL, poll_one_by_one, poller_of, total
from tests.integration.signals.prometheus_server import BLOCK_SECONDS, PrometheusServer

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

BLOCKS = 12
GOOD, BAD = 9, 1
"""Of each small batch of events."""
BATCH_SECONDS = 0.02


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def replica(
    exporter: Exporter, prometheus: PrometheusServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PrometheusServer]:
    """Run a second Prometheus beside the first; another name makes it scrape at other moments."""
    folder, (port,) = tmp_path_factory.mktemp("replica"), free_ports(1)
    server = PrometheusServer(Path(folder), port, exporter, replica="b")
    server.start()
    try:
        await server.settle()
        await prometheus.settle()
        yield server
    finally:
        server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def both(prometheus: PrometheusServer, replica: PrometheusServer) -> AsyncIterator[Endpoint]:
    """One address, behind which queries go now to one of the two, now to the other."""
    # A poll asks two queries: in turn each of the two replicas answers the one that counts.
    turns = itertools.cycle([prometheus, replica, replica, prometheus])

    async with aiohttp.ClientSession() as session:

        async def forward(request: web.Request) -> web.Response:
            url = next(turns).endpoint.url + request.path_qs
            body = await request.read()
            headers = {"Content-Type": request.headers.get("Content-Type", "")}
            async with session.request(request.method, url, data=body, headers=headers) as answer:
                return web.json_response(await answer.json(), status=answer.status)

        app = web.Application()
        app.add_routes([web.route("*", "/{path:.*}", forward)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield Endpoint(f"http://127.0.0.1:{runner.addresses[0][1]}")
        finally:
            await runner.cleanup()


@contextlib.asynccontextmanager
async def steady_traffic(pod: Pod) -> AsyncIterator[None]:
    """Let a pod count small batches until the end of the block."""

    async def serve() -> None:
        while True:
            pod.count(GOOD, BAD)
            await asyncio.sleep(BATCH_SECONDS)

    task = asyncio.create_task(serve())
    try:
        yield
    finally:
        task.cancel()


async def serve_for_some_blocks(
    prometheus: PrometheusServer, replica: PrometheusServer, pod: Pod
) -> tuple[int, int]:
    """Let a pod answer requests for BLOCKS blocks; return the ends of the block before and of the last."""
    start = max(await prometheus.settle(), await replica.settle())
    async with steady_traffic(pod):
        while (end := await prometheus.settle()) < start + BLOCKS:
            pass
        await replica.sampled(end)
    return start, end


@again_if_scrapes_were_late
async def test_answers_in_turn_from_two_replicas_are_whole_blocks(
    prometheus: PrometheusServer,
    replica: PrometheusServer,
    both: Endpoint,
    exporter: Exporter,
    namespace: str,
) -> None:
    """No block is Unknown, all together hold what happened, and the share of bad events is the true one."""
    pod, key = exporter.new_pod(namespace, "web", "web-1"), Key(namespace, "web")
    start, end = await serve_for_some_blocks(prometheus, replica, pod)

    async with poller_of(both) as in_turn, poller_of(prometheus.endpoint) as alone:
        live = await poll_one_by_one(in_turn, key, start, end)
        true = await poll_one_by_one(alone, key, start, end)

    assert None not in [block.get(CELL) for _, block in live]
    assert total(live).total == pytest.approx(total(true).total, rel=0.25)
    assert total(live).bad_fraction == pytest.approx(BAD / (GOOD + BAD), rel=0.1)


@again_if_scrapes_were_late
async def test_evidence_from_two_replicas_in_turn_is_as_from_one(
    prometheus: PrometheusServer,
    replica: PrometheusServer,
    both: Endpoint,
    exporter: Exporter,
    namespace: str,
) -> None:
    """A tenth bad meets a target of 35% and misses one of 0.1%, whichever replica answers."""
    pod, key = exporter.new_pod(namespace, "web", "web-1"), Key(namespace, "web")
    start, end = await serve_for_some_blocks(prometheus, replica, pod)

    async with poller_of(both) as in_turn:
        live = await poll_one_by_one(in_turn, key, start, end)

    assert verdict(live, allowed_bad=0.35) in {Verdict.HEALTHY, Verdict.INCONCLUSIVE}
    assert verdict(live, allowed_bad=0.001) is Verdict.BREACHED


def verdict(blocks: list[TimedBlock], allowed_bad: float) -> Verdict:
    """What these blocks say of a target."""
    objective = ObjectivePlan("latency", CONFIG, allowed_bad, None, None)
    plan = Plan(BLOCK_SECONDS, (objective,), ("web-1",), None, 1.0, 0.01)
    (found,) = Ledger().advance(plan, blocks).assess(plan)
    return found.target
