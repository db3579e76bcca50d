"""A backtest reads from a real Prometheus what the operator would have polled."""

import asyncio
import time

import pytest

from modelward.cli.failure import CommandError
from modelward.cli.history import Recorded
from modelward.signals.key import Key
from tests.integration.signals.busy_machine import again_if_scrapes_were_late
from tests.integration.signals.exporter import CONFIG, Exporter
from tests.integration.signals.prometheus_server import BLOCK_SECONDS, PrometheusServer

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]


def recorded(prometheus: PrometheusServer, key: Key, first: int, last: int) -> Recorded:
    """Return one deployment's history."""
    return Recorded(prometheus.endpoint.url, key, {"latency": CONFIG}, (first, last), BLOCK_SECONDS)


@again_if_scrapes_were_late
async def test_history_is_what_was_counted(
    prometheus: PrometheusServer, exporter: Exporter, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block is there once and in order, also where several queries were needed."""
    monkeypatch.setattr("modelward.cli.history.BLOCKS_A_QUERY", 2)
    pod = exporter.new_pod(namespace, "web", "web-1")
    start = end = await prometheus.settle()
    for _ in range(3):
        pod.count(good=10, bad=1)
        end = await prometheus.settle()
    history = recorded(prometheus, Key(namespace, "web"), start + 1, end)

    blocks = await asyncio.to_thread(lambda: list(history.read()))

    assert [at for at, _ in blocks] == list(range(start + 1, end + 1, BLOCK_SECONDS))
    known = [count for _, block in blocks if (count := block.get(("web-1", "latency")))]
    assert sum(count.bad for count in known) == 3
    assert max((count.good, count.bad) for count in known) == (10, 1)


async def test_a_deployment_that_was_never_scraped_is_an_error(
    prometheus: PrometheusServer, namespace: str
) -> None:
    """No counts at all are most likely a wrong name or time."""
    now = int(time.time())
    history = recorded(prometheus, Key(namespace, "nobody"), now - 5, now)
    with pytest.raises(
        CommandError, match=f"no counts of {namespace}/nobody in that time; check --deployment"
    ):
        await asyncio.to_thread(lambda: list(history.read()))
