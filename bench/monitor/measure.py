"""What one turn of one proxy measures, and what rounds of turns come to."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.monitor import clients, cores, payloads, usage
from bench.monitor.proxies import Running

BLOCK_REQUESTS: Final = 50
"""Requests in a row to the bare server, then to the proxy: both see the machine's same minute."""
SETTLE_STEP_SECONDS: Final = 0.5
SETTLE_SECONDS: Final = 60.0
IDLE_SHARE: Final = 0.05
"""Of a core: a proxy that uses less has nothing left to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured in a turn."""

    blocks: int = 10
    large_requests: int = 40
    streams: int = 2
    load_seconds: int = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of one proxy."""

    added_us: float
    """Median latency behind the proxy, less that of the bare server, on cores that are kept awake."""
    added_asleep_us: float
    """The same on cores that sleep between requests, as they do for all that follows."""
    added_large_us: float
    """The same, of a 1 MB request."""
    added_chunk_us: float
    """Median time an event of a stream is on its way, less that of the bare server."""
    requests_per_core_second: float
    """Requests per second of CPU time of all the proxy's processes."""
    pss_mib: float
    """Of all its processes, after the load."""
    failures: int


def turn(server: Running, proxy: Running, folder: Path, plan: Plan) -> Turn:
    """Measure one proxy once."""
    small = payloads.request(payloads.request_body(payloads.SMALL_BYTES))
    large = payloads.request(payloads.request_body(payloads.LARGE_BYTES))
    chunks_bare: list[float] = []
    chunks: list[float] = []
    with clients.Connection(server.port) as bare, clients.Connection(proxy.port) as behind:
        _ = [behind.latency_us(small) for _ in range(BLOCK_REQUESTS)]  # a proxy's first requests are slow
        asleep = _added(bare, behind, small, plan.blocks * BLOCK_REQUESTS)
        added_large = _added(bare, behind, large, plan.large_requests)
        for _ in range(plan.streams):
            chunks_bare += bare.chunk_delays_us()
            chunks += behind.chunk_delays_us()
        with cores.awake():
            added = _added(bare, behind, small, plan.blocks * BLOCK_REQUESTS)
    body = payloads.request_body(payloads.SMALL_BYTES)
    before = usage.of_tree(proxy.pid)
    load = clients.load(proxy.port, payloads.PATH, body, plan.load_seconds, folder)
    after = _settled(proxy.pid)
    return Turn(
        added_us=added,
        added_asleep_us=asleep,
        added_large_us=added_large,
        added_chunk_us=statistics.median(chunks) - statistics.median(chunks_bare),
        requests_per_core_second=load.requests / (after.cpu_seconds - before.cpu_seconds),
        pss_mib=after.pss_mib,
        failures=load.failures,
    )


def _settled(pid: int) -> usage.Usage:
    """The usage once a proxy has done what it had queued: that, too, is what the requests have cost."""
    used = usage.of_tree(pid)
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(SETTLE_STEP_SECONDS)
        now = usage.of_tree(pid)
        if now.cpu_seconds - used.cpu_seconds < IDLE_SHARE * SETTLE_STEP_SECONDS:
            return now
        used = now
    return used


def _added(bare: clients.Connection, behind: clients.Connection, wire: bytes, requests: int) -> float:
    """Difference of the medians, of blocks in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for begun in range(0, requests, BLOCK_REQUESTS):
        block = min(BLOCK_REQUESTS, requests - begun)
        for connection, taken in zip((bare, behind), times, strict=True):
            taken += [connection.latency_us(wire) for _ in range(block)]
    return statistics.median(times[1]) - statistics.median(times[0])


def summary(turns: Sequence[Turn]) -> Turn:
    """The median of each figure over the rounds; of memory the largest, of failures all."""
    return Turn(
        added_us=statistics.median(turn.added_us for turn in turns),
        added_asleep_us=statistics.median(turn.added_asleep_us for turn in turns),
        added_large_us=statistics.median(turn.added_large_us for turn in turns),
        added_chunk_us=statistics.median(turn.added_chunk_us for turn in turns),
        requests_per_core_second=statistics.median(turn.requests_per_core_second for turn in turns),
        pss_mib=max(turn.pss_mib for turn in turns),
        failures=sum(turn.failures for turn in turns),
    )
