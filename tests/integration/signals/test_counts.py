"""Counts as a real Prometheus answers them: what pods do, and what blocks become of it."""

import time
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from modelward.decide.observation import MetricsState, PodPressure, PressureKind
from modelward.evidence.counts import Count, StorageSplit
from modelward.render.infrastructure_promql import RECORD_MEMORY, RECORD_THROTTLED
from modelward.signals.blocks import Subject, TimedBlock
from modelward.signals.counts import CountsPoller, Polled
from modelward.signals.key import Key
from tests.integration.signals.busy_machine import again_if_scrapes_were_late
from tests.integration.signals.exporter import CONFIG, Exporter
from tests.integration.signals.polling import CELL, by_storage, poll, poll_one_by_one, total, unknown
from tests.integration.signals.prometheus_server import PrometheusServer

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]


async def poll_to_now(prometheus: PrometheusServer, poller: CountsPoller, key: Key, after: int) -> Polled:
    """Poll one deployment's blocks from a moment to the last that holds what is exported now."""
    return await poll(poller, key, after, await prometheus.settle())


async def live_and_later(
    prometheus: PrometheusServer, poller: CountsPoller, key: Key, events: Sequence[Callable[[], None]]
) -> tuple[tuple[TimedBlock, ...], Polled]:
    """Let one thing happen after the other; return the blocks as they came, and polled at once at the end."""
    start = consumed = await prometheus.settle()
    live: list[TimedBlock] = []
    for happen in events:
        happen()
        ended = await prometheus.settle()
        live += await poll_one_by_one(poller, key, consumed, ended)
        consumed = ended
    return tuple(live), await poll(poller, key, start, consumed)


@again_if_scrapes_were_late
async def test_live_polls_and_a_range_query_see_the_same_blocks(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """Polled block by block, or all at once later, the blocks are the same, and nothing is lost."""
    key = Key(namespace, "web")
    pods = [exporter.new_pod(namespace, "web", "web-1") for _ in range(2)]

    def count(number: int) -> None:
        for pod in pods:
            pod.count(good=10 + number, bad=number)

    live, later = await live_and_later(prometheus, poller, key, [partial(count, each) for each in range(6)])

    assert live == later.blocks
    assert total(later.blocks) == Count(good=2 * sum(range(10, 16)), bad=2 * sum(range(6)))
    assert unknown(later.blocks) == []
    assert (later.metrics, later.message) == (MetricsState.AVAILABLE, "")


@again_if_scrapes_were_late
async def test_live_polls_and_a_range_query_know_the_same_by_storage(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """What came while storage was fast, was slow, or nobody knows, is told apart and summed over pods."""
    key = Key(namespace, "web")
    pods = [exporter.new_pod(namespace, "web", "web-1") for _ in range(2)]

    def count() -> None:
        for pod in pods:
            pod.count(good=10, bad=1, storage="fast")
            pod.count(good=2, bad=5, storage="slow")
            pod.count(good=4, bad=3, storage="unknown")

    live, later = await live_and_later(prometheus, poller, key, [count] * 3)

    assert live == later.blocks
    assert unknown(later.blocks) == []
    assert total(later.blocks) == Count(6 * 16, 6 * 9)
    assert by_storage(later.blocks) == StorageSplit(6 * 10, 6 * 1, 6 * 2, 6 * 5)


@again_if_scrapes_were_late
async def test_first_counts_of_a_new_pod_are_counted(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """What a pod counted before its first scrape is in the block in which its process began."""
    start = await prometheus.settle()
    exporter.new_pod(namespace, "web", "web-1").count(good=7, bad=2)

    polled = await poll_to_now(prometheus, poller, Key(namespace, "web"), start - 1)

    assert total(polled.blocks) == Count(7, 2)


@again_if_scrapes_were_late
async def test_pod_found_late_is_unknown_once(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """A process older than the block has counts of unknown age: Unknown at first, counted from then on."""
    start = await prometheus.settle()
    pod = exporter.new_pod(namespace, "web", "web-1", started_at=time.time() - 3600)
    pod.count(good=1000, bad=500)
    middle = await prometheus.settle()
    pod.count(good=3, bad=1)

    polled = await poll_to_now(prometheus, poller, Key(namespace, "web"), start - 1)

    assert len(unknown(polled.blocks)) >= 1
    assert all(time <= middle for time in unknown(polled.blocks))
    assert total(polled.blocks) == Count(3, 1)


@again_if_scrapes_were_late
async def test_restarted_container_loses_nothing_that_was_scraped(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """Counts before and after a restart are counted; a counter that fell is no negative count."""
    pod = exporter.new_pod(namespace, "web", "web-1")
    start = await prometheus.settle()
    pod.count(good=50, bad=5)
    await prometheus.settle()
    pod.restart()
    pod.count(good=4, bad=1)

    polled = await poll_to_now(prometheus, poller, Key(namespace, "web"), start)

    assert total(polled.blocks) == Count(54, 6)
    assert unknown(polled.blocks) == []


@again_if_scrapes_were_late
async def test_vanished_pod_takes_nothing_with_it(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """When one of two pods goes, the other's counts go on and no block is negative or Unknown."""
    staying, leaving = (exporter.new_pod(namespace, "web", "web-1") for _ in range(2))
    start = await prometheus.settle()
    leaving.count(good=20, bad=2)
    await prometheus.settle()
    exporter.remove(leaving)
    staying.count(good=5, bad=1)

    polled = await poll_to_now(prometheus, poller, Key(namespace, "web"), start)

    assert total(polled.blocks) == Count(25, 3)
    assert unknown(polled.blocks) == []


@again_if_scrapes_were_late
async def test_last_pod_gone_is_no_series(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """A deployment without pods has blocks without the pair, and is not called NotScraped."""
    pod = exporter.new_pod(namespace, "web", "web-1")
    await prometheus.settle()
    exporter.remove(pod)
    gone = await prometheus.settle() + 1
    await prometheus.sampled(gone + 1)

    polled = await poll(poller, Key(namespace, "web"), gone, gone + 1)

    assert polled.blocks == ((gone + 1, {}),)
    assert polled.metrics is MetricsState.AVAILABLE


@again_if_scrapes_were_late
async def test_missed_scrapes_are_not_read_as_no_events(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """Events during failed scrapes are in no block, and the block that would hold them all is Unknown."""
    pod = exporter.new_pod(namespace, "web", "web-1")
    start = await prometheus.settle()
    pod.failing = True
    pod.count(good=100, bad=100)
    await prometheus.settle()
    await prometheus.settle()
    pod.failing = False
    await prometheus.settle()
    pod.count(good=6, bad=0)

    polled = await poll_to_now(prometheus, poller, Key(namespace, "web"), start)

    assert len(unknown(polled.blocks)) >= 1
    assert total(polled.blocks) == Count(6, 0)
    silent = [time for time, block in polled.blocks if CELL not in block]
    assert silent


@again_if_scrapes_were_late
async def test_counts_of_another_definition_are_not_read(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """Events counted under another `config` than the plan's are no evidence for it."""
    pod = exporter.new_pod(namespace, "web", "web-1")
    start = await prometheus.settle()
    pod.count(good=5, bad=5)
    end = await prometheus.settle()

    polled = await poll(poller, Key(namespace, "web"), start, end, {"latency": "another"})

    assert all(block == {} for _, block in polled.blocks)
    assert polled.metrics is MetricsState.AVAILABLE


@again_if_scrapes_were_late
async def test_accuracy_counted_by_another_revisions_pod(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """A label that comes in at a pod of web-2 for a prediction of web-1 counts for web-1."""
    pod = exporter.new_pod(namespace, "web", "web-2")
    pod.count(0, 0, revision="web-1")
    start = await prometheus.settle()
    pod.count(good=8, bad=4, revision="web-1")

    polled = await poll_to_now(prometheus, poller, Key(namespace, "web"), start)

    assert total(polled.blocks) == Count(8, 4)
    assert total(polled.blocks, ("web-2", "latency")) == Count(0, 0)


async def test_deployment_never_scraped_says_so(
    prometheus: PrometheusServer, poller: CountsPoller, namespace: str
) -> None:
    """A deployment of which Prometheus never had a sample is NotScraped, with what to check."""
    end = await prometheus.settle()

    polled = await poll(poller, Key(namespace, "web"), end - 1, end)

    assert polled.metrics is MetricsState.NOT_SCRAPED
    assert "podMonitorSelector" in polled.message
    assert polled.blocks == ((end, {}),)


@again_if_scrapes_were_late
async def test_names_are_matched_with_their_namespace(
    prometheus: PrometheusServer, exporter: Exporter, poller: CountsPoller, namespace: str
) -> None:
    """Of deployments asked for together, each gets its own namespace's counts, and no other is delivered."""
    pods = {
        Key(namespace, "a"): exporter.new_pod(namespace, "a", "web-1"),
        Key(f"{namespace}x", "b"): exporter.new_pod(f"{namespace}x", "b", "web-1"),
    }
    stranger = exporter.new_pod(namespace, "b", "web-1")
    start = await prometheus.settle()
    for number, pod in enumerate(pods.values(), 1):
        pod.count(good=number, bad=0)
    stranger.count(good=100, bad=100)
    end = await prometheus.settle()
    found: dict[Key, Polled] = {}

    await poller.poll([Subject(key, {"latency": CONFIG}, start) for key in pods], end, found.update)

    assert {key: total(polled.blocks) for key, polled in found.items()} == {
        Key(namespace, "a"): Count(1, 0),
        Key(f"{namespace}x", "b"): Count(2, 0),
    }


@again_if_scrapes_were_late
async def test_what_pods_lack_is_asked_with_the_counts(
    prometheus: PrometheusServer, poller: CountsPoller, exporter: Exporter, namespace: str
) -> None:
    """One block may decide, and the decision must know of it: no evidence has to build up first."""
    key = Key(namespace, "web")
    exporter.new_pod(namespace, "web", "web-1")
    labels = f'{{namespace="{namespace}",deployment="web",revision="web-1",pod="a"}}'
    exporter.pages["team"] = f"{RECORD_THROTTLED}{labels} 0.5\n{RECORD_MEMORY}{labels} 0.5\n"
    end = await prometheus.settle()
    found: dict[Key, Polled] = {}
    await poller.poll([Subject(key, {"latency": CONFIG}, end - 1)], end, found.update)
    assert found[key].pressures == (PodPressure("web-1", PressureKind.THROTTLED, 0.5),)
