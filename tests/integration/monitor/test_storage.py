"""Events marked by how fast the store was: as the server says, or as the monitor's own reads say."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from modelward.conventions import (
    HEADER_RECEIPT,
    METRIC_EVENTS,
    METRIC_STORAGE_FAILURES,
    METRIC_STORAGE_READ,
)
from modelward.monitor.receipts import verify
from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.model_server import PREDICTION, Connection, ModelServer, Request, answer
from tests.integration.monitor.monitor_process import RECEIPT_KEY, MonitorProcess, configuration
from tests.integration.monitor.raw_client import RawClient, infer
from tests.integration.monitor.store import SlowStore

WITHIN_MS = 2000
OBJECTIVES = [
    *configuration(1)["objectives"],
    {"name": "storage", "config": "s1", "kind": "storage", "within_ms": WITHIN_MS},
]
PATIENCE_SECONDS = 150.0
AGAIN_SECONDS = 0.1
Counts = dict[tuple[str, str], float]


@pytest_asyncio.fixture
async def store() -> AsyncIterator[SlowStore]:
    """Run a store."""
    async with SlowStore() as running:
        yield running


async def counts(monitor: MonitorProcess, objective: str) -> Counts:
    """Return an objective's events by result and storage class, without those that are 0."""
    scraped = await monitor.scrape()
    return {
        (labels["result"], labels["storage"]): value
        for name, labels, value in scraped.all
        if name == METRIC_EVENTS and labels["objective"] == objective and value
    }


async def until(what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition that is asked for anew each time."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while not await holds():
        assert time.monotonic() < limit, f"waited {PATIENCE_SECONDS:.0f} s for {what}"
        await asyncio.sleep(AGAIN_SECONDS)


def reading_process(monitor: MonitorProcess) -> int:
    """Return the id of the process that reads the store for a monitor."""
    assert monitor.process is not None
    number = monitor.process.pid
    children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    (found,) = [
        pid for pid in children if "modelward.storage.probe" in Path(f"/proc/{pid}/cmdline").read_text()
    ]
    return int(found)


def answering(server: ModelServer, status: str, *headers: str) -> None:
    """Let the server answer so."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(answer(b'{"outputs": []}', status, *headers))

    server.handler = reply


async def test_the_server_says_it(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """An answer's own time classes its events and its receipt, and is an event of the storage objective."""
    monitor = start_monitor(server.port, objectives=OBJECTIVES, model="pvc://claim/model")
    async with RawClient(monitor.serving_port) as client:
        slow_ms = WITHIN_MS + 1
        for status, duration_ms in (
            ("200 OK", 5),
            ("500 Oops", 5),
            ("200 OK", slow_ms),
            ("200 OK", WITHIN_MS),
        ):
            answering(server, status, f"Server-Timing: app;dur=900, storage;dur={duration_ms}")
            got = await client.ask(infer())
            assert got.header("Server-Timing") == f"app;dur=900, storage;dur={duration_ms}"
            if status == "200 OK":
                receipt = verify(got.header(HEADER_RECEIPT) or "", (RECEIPT_KEY,))
                assert receipt.storage == ("fast" if duration_ms <= WITHIN_MS else "slow")
        answering(server, "200 OK")
        await client.ask(infer())
    availability = {("good", "fast"): 2, ("bad", "fast"): 1, ("good", "slow"): 1, ("good", "unknown"): 1}
    assert await counts(monitor, "availability") == availability
    assert await counts(monitor, "storage") == {("good", "fast"): 3, ("bad", "slow"): 1}
    shown = await monitor.scrape("/metrics")
    assert shown.get(f"{METRIC_STORAGE_READ}_count", source="server") == 4


async def test_a_label_counts_with_the_class_of_its_prediction(
    start_monitor: MonitorFactory, server: ModelServer
) -> None:
    """Accuracy is compared between fast and slow times although labels come later."""
    monitor = start_monitor(server.port, objectives=OBJECTIVES, model="pvc://claim/model")

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(answer(json.dumps(PREDICTION).encode(), "200 OK", "Server-Timing: storage;dur=9999"))

    server.handler = reply
    async with RawClient(monitor.serving_port) as client:
        receipt = (await client.ask(infer())).header(HEADER_RECEIPT)
    async with (
        aiohttp.ClientSession() as session,
        session.post(monitor.url("/v1/feedback"), json={"receipt": receipt, "label": 0}) as got,
    ):
        assert got.status == 200
    assert await counts(monitor, "accuracy") == {("bad", "slow"): 1}


async def test_the_monitor_reads_the_store_itself(
    start_monitor: MonitorFactory, server: ModelServer, store: SlowStore
) -> None:
    """Events follow the store from fast to slow and back; the reads are events of the storage objective."""
    monitor = start_monitor(server.port, objectives=OBJECTIVES, model=store.url)

    async def answered(storage: str) -> bool:
        before = (await counts(monitor, "availability")).get(("bad", storage), 0)
        await client.ask(infer())
        return (await counts(monitor, "availability")).get(("bad", storage), 0) > before

    async with RawClient(monitor.serving_port) as client:
        answering(server, "500 Oops")
        await until("events of a fast store", lambda: answered("fast"))
        assert (await counts(monitor, "storage")).keys() == {("good", "fast")}
        store.delay_s = 3.0
        await until("events of a slow store", lambda: answered("slow"))
        store.delay_s = 0.0
        await until("events of a store that is fast again", lambda: answered("fast"))
    assert ("bad", "slow") in await counts(monitor, "storage")
    shown = await monitor.scrape("/metrics")
    read = shown.get(f"{METRIC_STORAGE_READ}_count", source="probe")
    assert read == sum((await counts(monitor, "storage")).values())


async def test_a_store_that_fails_is_slow(
    start_monitor: MonitorFactory, server: ModelServer, store: SlowStore
) -> None:
    """An error of the store is a bad read, and counted with its reason."""
    store.status = 503
    monitor = start_monitor(server.port, objectives=OBJECTIVES, model=store.url)

    async def read() -> bool:
        return bool(await counts(monitor, "storage"))

    await until("a read", read)
    assert (await counts(monitor, "storage")).keys() == {("bad", "slow")}
    shown = await monitor.scrape("/metrics")
    assert (shown.get(METRIC_STORAGE_FAILURES, reason="unreachable") or 0) > 0


async def test_a_model_that_is_gone_says_nothing_of_the_store(
    start_monitor: MonitorFactory, server: ModelServer, store: SlowStore
) -> None:
    """A store that answers that there is no such file is neither fast nor slow."""
    store.status = 404
    monitor = start_monitor(server.port, objectives=OBJECTIVES, model=store.url)

    async def refused() -> bool:
        shown = await monitor.scrape("/metrics")
        return bool(shown.get(METRIC_STORAGE_FAILURES, reason="refused"))

    await until("a refusal", refused)
    async with RawClient(monitor.serving_port) as client:
        await client.ask(infer())
    assert await counts(monitor, "availability") == {("good", "unknown"): 1}
    assert await counts(monitor, "storage") == {}


async def test_an_objective_that_comes_and_goes(
    start_monitor: MonitorFactory, server: ModelServer, store: SlowStore
) -> None:
    """The store is read only while an objective asks for it, without a restart of the monitor."""
    monitor = start_monitor(server.port, model=store.url)
    async with RawClient(monitor.serving_port) as client:
        await client.ask(infer())
        assert await counts(monitor, "availability") == {("good", "unknown"): 1}
        assert store.reads == 0
        watched: dict[str, Any] = {**monitor.config, "objectives": OBJECTIVES}
        monitor.write_config(watched)

        async def read() -> bool:
            return bool(await counts(monitor, "storage"))

        await until("a read", read)
        await client.ask(infer())
        assert (await counts(monitor, "availability"))[("good", "fast")] == 1
        monitor.write_config(monitor.config)

        async def forgotten() -> bool:
            return not await counts(monitor, "storage")

        await until("the objective to go", forgotten)
        await client.ask(infer())
    assert await counts(monitor, "availability") == {("good", "unknown"): 2, ("good", "fast"): 1}


async def test_the_reading_process_ends_with_the_monitor(
    start_monitor: MonitorFactory, server: ModelServer, store: SlowStore
) -> None:
    """A monitor that is told to end leaves no process behind and ends well."""
    monitor = start_monitor(server.port, objectives=OBJECTIVES, model=store.url)

    async def read() -> bool:
        return bool(await counts(monitor, "storage"))

    await until("a read", read)
    reader = reading_process(monitor)
    assert monitor.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(reader, 0)


@pytest.mark.parametrize("asks_at_once", [True, False])
async def test_a_reading_process_that_dies_is_no_news(
    start_monitor: MonitorFactory, server: ModelServer, store: SlowStore, asks_at_once: bool
) -> None:
    """Without the process nothing is known of the store, and it is counted; another one goes on reading."""
    monitor = start_monitor(server.port, objectives=OBJECTIVES, model=store.url)

    async def reads() -> float:
        return sum((await counts(monitor, "storage")).values())

    async def read() -> bool:
        return await reads() > 0

    await until("a read", read)
    before = await reads()
    reader = reading_process(monitor)
    os.kill(reader, signal.SIGKILL)

    async def is_gone() -> bool:
        try:
            os.kill(reader, 0)
        except ProcessLookupError:
            return True
        return False

    if not asks_at_once:
        await until("its end", is_gone)
    answering(server, "500 Oops")
    async with RawClient(monitor.serving_port) as client:
        await client.ask(infer())

        async def failed() -> bool:
            shown = await monitor.scrape("/metrics")
            return bool(shown.get(METRIC_STORAGE_FAILURES, reason="probe"))

        await until("the failure", failed)
        await client.ask(infer())
    assert (await counts(monitor, "availability"))[("bad", "unknown")] > 0

    async def read_again() -> bool:
        return await reads() > before

    await until("another read", read_again)
    assert (await counts(monitor, "storage")).keys() == {("good", "fast")}
