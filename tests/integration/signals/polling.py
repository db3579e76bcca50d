"""Asks about one deployment, and sums up what is answered."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from typing import Final

from modelward.evidence.counts import Count, StorageSplit
from modelward.signals.blocks import Subject, TimedBlock
from modelward.signals.clients import Clients
from modelward.signals.counts import CountsPoller, Polled
from modelward.signals.key import Key
from modelward.signals.prometheus import Endpoint
from modelward.signals.telemetry import Telemetry
from tests.integration.signals.exporter import CONFIG
from tests.integration.signals.prometheus_server import BLOCK_SECONDS

CELL: Final = ("web-1", "latency")
"""The revision and the objective of which most tests count events."""


@contextlib.asynccontextmanager
async def poller_of(endpoint: Endpoint) -> AsyncIterator[CountsPoller]:
    """Poll a Prometheus, the last block as soon as it has ended."""
    async with Clients(endpoint) as clients:
        yield CountsPoller(clients, Telemetry(), block_seconds=BLOCK_SECONDS, evaluation_delay_seconds=0)


async def poll(
    poller: CountsPoller, key: Key, after: int, until: int, configs: Mapping[str, str] | None = None
) -> Polled:
    """Poll one deployment's blocks in (after, until] at once; many blocks come in several answers."""
    found: list[Polled] = []
    subject = Subject(key, configs or {"latency": CONFIG}, after)
    await poller.poll([subject], until, lambda polled: found.append(polled[key]))
    return replace(found[-1], blocks=tuple(block for polled in found for block in polled.blocks))


async def poll_one_by_one(poller: CountsPoller, key: Key, after: int, until: int) -> list[TimedBlock]:
    """Poll one deployment's blocks in (after, until] as an operator does that sees each of them end."""
    blocks: list[TimedBlock] = []
    for end in range(after + BLOCK_SECONDS, until + BLOCK_SECONDS, BLOCK_SECONDS):
        blocks.extend((await poll(poller, key, end - BLOCK_SECONDS, end)).blocks)
    return blocks


def total(blocks: Iterable[TimedBlock], cell: tuple[str, str] = CELL) -> Count:
    """Sum of the blocks that are known."""
    known = [count for _, block in blocks if (count := block.get(cell)) is not None]
    return Count(sum(count.good for count in known), sum(count.bad for count in known))


def by_storage(blocks: Iterable[TimedBlock]) -> StorageSplit:
    """Sum of what is known by storage."""
    splits = [count.split for _, block in blocks if (count := block.get(CELL)) and count.split]
    return StorageSplit(
        sum(split.fast_good for split in splits),
        sum(split.fast_bad for split in splits),
        sum(split.slow_good for split in splits),
        sum(split.slow_bad for split in splits),
    )


def unknown(blocks: Iterable[TimedBlock]) -> list[int]:
    """Times at which there was a series, but nobody can say what happened."""
    return [time for time, block in blocks if CELL in block and block[CELL] is None]
