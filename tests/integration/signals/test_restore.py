"""Evidence exported, scraped by a real Prometheus, and read back."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from modelward.api.status import ModelDeploymentStatus
from modelward.evidence.counts import Count
from modelward.evidence.ledger import Ledger
from modelward.evidence.plan import Comparison, ObjectivePlan, Plan
from modelward.signals.blocks import Subject, TimedBlock
from modelward.signals.clients import Clients
from modelward.signals.counts import CountsPoller
from modelward.signals.key import Key
from modelward.signals.prometheus import Endpoint
from modelward.signals.restore import restore
from modelward.signals.telemetry import DeploymentSnapshot, Telemetry
from tests.integration.signals.busy_machine import again_if_scrapes_were_late
from tests.integration.signals.conditions import until_answered
from tests.integration.signals.exporter import CONFIG, Exporter
from tests.integration.signals.prometheus_server import BLOCK_SECONDS, PrometheusServer

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

UID = "5d1f4b0e-6d0c-4bb2-9a50-6f2f6a1d8f00"
PLAN = Plan(
    block_seconds=BLOCK_SECONDS,
    objectives=(ObjectivePlan("latency", CONFIG, 0.01, max_ratio=1.5, not_worse_ratio=2.0),),
    watched=("web-1",),
    comparison=Comparison(candidate="web-2", stable="web-1", step=0, parts=1),
    max_false_rollbacks_per_year=1.0,
    max_false_rejection_probability=0.01,
)


@pytest_asyncio.fixture(loop_scope="session")
async def clients(prometheus: PrometheusServer) -> AsyncIterator[Clients]:
    """Ask that Prometheus."""
    async with Clients(prometheus.endpoint) as clients:
        yield clients


def some_ledger(end: int, plan: Plan = PLAN) -> Ledger:
    """A ledger of ten blocks that end at `end`."""
    blocks = [
        (
            end - 9 + number,
            {
                ("web-1", "latency"): Count(100 + number, number % 3),
                ("web-2", "latency"): Count(50, 2 * number),
            },
        )
        for number in range(10)
    ]
    return Ledger().advance(plan, blocks)


async def text(key: Key, ledger: Ledger, uid: str = UID) -> str:
    """What the operator answers to a scrape with this ledger."""
    snapshot = DeploymentSnapshot(key, uid, ModelDeploymentStatus(), (), ledger.to_samples())
    return (await Telemetry().exposition([snapshot])).decode()


async def published(prometheus: PrometheusServer, key: Key, block_time: int, page: str) -> None:
    """Wait until Prometheus has the state of a block."""
    query = (
        f'max(modelward_evidence_state{{namespace="{key.namespace}",component="block_time",'
        f'instance="/pages/{page}"}})'
    )

    async def has() -> bool:
        return await prometheus.query(query) == block_time

    await until_answered(has, f"Prometheus has scraped the state of {block_time}")


@again_if_scrapes_were_late
async def test_ledger_is_read_back_as_it_was(
    prometheus: PrometheusServer, exporter: Exporter, clients: Clients, namespace: str
) -> None:
    """The ledger of the last scrape comes back exactly, also after the operator is gone."""
    key = Key(namespace, "web")
    ledger = some_ledger(int(time.time()))
    assert ledger.time is not None
    exporter.pages["operator"] = await text(key, ledger)
    await published(prometheus, key, ledger.time, "operator")
    while_running = await restore(clients, {key: UID}, time.time())
    del exporter.pages["operator"]
    gone = time.time()
    await prometheus.sampled(gone + 1)

    afterwards = await restore(clients, {key: UID}, time.time())

    assert while_running == {key: ledger}
    assert afterwards == {key: ledger}


@again_if_scrapes_were_late
async def test_state_that_had_ended_is_not_mixed_in(
    prometheus: PrometheusServer, exporter: Exporter, clients: Clients, namespace: str
) -> None:
    """Series of an earlier target, still in Prometheus, do not come back with the current ones."""
    key = Key(namespace, "web")
    now = int(time.time())
    first = some_ledger(now)
    exporter.pages["operator"] = await text(key, first)
    await published(prometheus, key, now, "operator")
    stricter = replace(PLAN.objectives[0], allowed_bad=0.02)
    changed = some_ledger(now + 1, replace(PLAN, objectives=(stricter,), comparison=None))
    exporter.pages["operator"] = await text(key, changed)
    await published(prometheus, key, now + 1, "operator")

    restored = await restore(clients, {key: UID}, time.time())

    assert restored == {key: changed}


@again_if_scrapes_were_late
async def test_newest_of_several_operators_counts(
    prometheus: PrometheusServer, exporter: Exporter, clients: Clients, namespace: str
) -> None:
    """After a handover the new leader's state is read, not the old one's and not a mixture."""
    key = Key(namespace, "web")
    now = int(time.time())
    exporter.pages["operator"] = await text(key, some_ledger(now))
    await published(prometheus, key, now, "operator")
    del exporter.pages["operator"]
    newer = some_ledger(now + 5)
    exporter.pages["next-operator"] = await text(key, newer)
    await published(prometheus, key, now + 5, "next-operator")
    await prometheus.sampled(time.time() + 1)

    restored = await restore(clients, {key: UID}, time.time())
    del exporter.pages["next-operator"]

    assert restored == {key: newer}


@again_if_scrapes_were_late
async def test_evidence_of_an_earlier_object_of_the_name_is_left(
    prometheus: PrometheusServer, exporter: Exporter, clients: Clients, namespace: str
) -> None:
    """What was exported for a deployment that was deleted is not read back for one made with its name."""
    key = Key(namespace, "web")
    now = int(time.time())
    earlier, mine = some_ledger(now + 5), some_ledger(now)
    exporter.pages["operator"] = await text(key, mine)
    await published(prometheus, key, now, "operator")
    exporter.pages["operator"] = await text(key, earlier, uid="another")
    await published(prometheus, key, now + 5, "operator")

    restored = await restore(clients, {key: UID}, time.time())
    of_a_third = await restore(clients, {key: "a third"}, time.time())

    assert restored == {key: mine}
    assert of_a_third == {key: Ledger()}


async def test_nothing_exported_is_an_empty_ledger(clients: Clients, namespace: str) -> None:
    """A deployment without exported state starts from nothing."""
    key = Key(namespace, "web")

    assert await restore(clients, {key: UID}, time.time()) == {key: Ledger()}


async def test_no_answer_is_not_an_empty_ledger(namespace: str) -> None:
    """While Prometheus is away nothing is restored, so that the caller asks again."""
    async with Clients(Endpoint("http://127.0.0.1:1")) as away:
        assert await restore(away, {Key(namespace, "web"): UID}, time.time()) == {}


@again_if_scrapes_were_late
async def test_restart_and_replay_equals_never_having_stopped(
    prometheus: PrometheusServer, exporter: Exporter, clients: Clients, poller: CountsPoller, namespace: str
) -> None:
    """A ledger that is read back and given the counts since is the ledger that saw every block."""
    key = Key(namespace, "web")
    pod = exporter.new_pod(namespace, "web", "web-1")
    plan = replace(PLAN, comparison=None)

    async def advanced(ledger: Ledger, end: int) -> Ledger:
        found: list[TimedBlock] = []
        subject = Subject(key, {"latency": CONFIG}, ledger.time)
        await poller.poll([subject], end, lambda polled: found.extend(polled[key].blocks))
        return ledger.advance(plan, found)

    start = await prometheus.settle()
    pod.count(good=200, bad=3)
    exported = await advanced(Ledger(start), await prometheus.settle())
    exporter.pages["operator"] = await text(key, exported)
    assert exported.time is not None
    await published(prometheus, key, exported.time, "operator")
    del exporter.pages["operator"]
    pod.count(good=150, bad=20)
    end = await prometheus.settle()
    never_stopped = await advanced(exported, end)

    restored = await restore(clients, {key: UID}, time.time())
    restarted = await advanced(restored[key], end)

    assert restarted == never_stopped
    (assessment,) = restarted.assess(plan)
    assert (assessment.good, assessment.total) == (350, 373)
