"""Replay the held-out days of the sample as live traffic, and send the labels back some seconds later.

Every worker holds one keep-alive connection and opens another only when the server announced that it
closes this one (`Connection: close`) or broke it. Rows come in random order, so that the stream is the
same at all times. What happened is written to stdout, one JSON object a line, `at` in seconds since 1970:

    {"event": "opened", "at": ..., "worker": 3, "because": "start" | "announced" | "broken"}
    {"event": "answer", "at": ..., "worker": 3, "status": 200, "version": "1", "ms": 12.1, "error": ""}
    {"event": "labels", "at": ..., "status": 200, "sent": 31, "error": ""}

`status` is 0 and `error` says why if there was no whole answer; `version` is what the model server says
of itself, empty if it said nothing. Begins when the URL takes a connection: a Service's address is not
known on every node the moment its pods are ready. Ends on SIGTERM, after the requests in flight.
"""

import argparse
import asyncio
import contextlib
import csv
import gzip
import json
import random
import signal
import time
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

ROWS_PER_DAY: Final = 48
HELD_OUT_EVERY_DAYS: Final = 3
SEED: Final = 0
REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
LABEL_BATCH_SECONDS: Final = 1.0
REACHABLE_SECONDS: Final = 60.0
"""Time in which the URL must take a connection."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    url: str
    model: str
    rows: list[tuple[list[float], int]]
    rate: float
    """Requests a second, over all connections."""
    connections: int
    label_delay_seconds: float


@dataclass(slots=True)
class Replay:
    """State shared by the workers."""

    options: Options
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    labels: deque[tuple[float, dict[str, Any]]] = field(default_factory=deque)
    """Labels to send back, each with the time from which it is known."""
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - no secret


def held_out(sample: Path) -> list[tuple[list[float], int]]:
    """Return (features, label) of the days that train.py leaves out."""
    with gzip.open(sample, "rt", newline="") as text:
        rows = list(csv.reader(text))[1:]
    return [
        ([float(value) for value in row[:-1]], int(row[-1]))
        for index, row in enumerate(rows)
        if index // ROWS_PER_DAY % HELD_OUT_EVERY_DAYS == HELD_OUT_EVERY_DAYS - 1
    ]


def tell(event: str, **fields: Any) -> None:  # noqa: ANN401 - JSON
    """Write one line of the record."""
    print(json.dumps({"event": event, "at": round(time.time(), 3), **fields}), flush=True)


class Connection:
    """One worker's session, which never has more than one connection."""

    def __init__(self, worker: int) -> None:
        """Prepare; the connection is opened by the first request."""
        self._worker = worker
        self._because = "start"
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(self._opened)
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, keepalive_timeout=3600),
            timeout=REQUEST_TIMEOUT,
            trace_configs=[trace],
        )

    async def _opened(self, *_: object) -> None:
        tell("opened", worker=self._worker, because=self._because)
        self._because = "broken"

    async def predict(self, replay: Replay) -> None:
        """Send one request, record its answer, and keep its label for later."""
        features, label = replay.chance.choice(replay.options.rows)
        tensor = {"name": "x", "shape": [1, len(features)], "datatype": "FP64", "data": features}
        url = f"{replay.options.url}/v2/models/{replay.options.model}/infer"
        begun = time.perf_counter()
        status, version, error = 0, "", ""
        try:
            async with self.session.post(url, json={"inputs": [tensor]}) as answer:
                body = await answer.read()
                status = answer.status
                if answer.headers.get("Connection", "").lower() == "close":
                    self._because = "announced"
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            status, error = 0, repr(problem)
        else:
            receipt = answer.headers.get("modelward-receipt")
            with contextlib.suppress(ValueError, AttributeError):
                version = json.loads(body).get("model_version") or ""
            if receipt:
                known_at = time.monotonic() + replay.options.label_delay_seconds
                replay.labels.append((known_at, {"receipt": receipt, "label": label}))
            if status != HTTPStatus.OK:
                error = body[:200].decode(errors="replace")
        took_ms = round((time.perf_counter() - begun) * 1000, 1)
        tell("answer", worker=self._worker, status=status, version=version, ms=took_ms, error=error)


async def work(replay: Replay, worker: int) -> None:
    """Send one worker's share of the requests at even distances until the end."""
    interval = replay.options.connections / replay.options.rate
    connection = Connection(worker)
    due = time.monotonic() + interval * worker / replay.options.connections
    async with connection.session:
        while not replay.stop.is_set():
            now = time.monotonic()
            due = max(due, now - interval)  # after a slow answer at most one request is made up for
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(replay.stop.wait(), max(0.0, due - now))
                return
            due += interval
            await connection.predict(replay)


async def send_labels(replay: Replay) -> None:
    """Send back, once a second, the labels that have become known."""
    # A replica counts so many labels a second and no more: a new connection for each batch spreads them.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=REQUEST_TIMEOUT) as session:
        while not replay.stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(replay.stop.wait(), LABEL_BATCH_SECONDS)
            known: list[dict[str, Any]] = []
            while replay.labels and replay.labels[0][0] <= time.monotonic():
                known.append(replay.labels.popleft()[1])
            if known:
                await send_batch(session, replay.options.url, known)


async def send_batch(session: aiohttp.ClientSession, url: str, items: list[dict[str, Any]]) -> None:
    """Send labels and record how they were taken."""
    status, error = 0, ""
    try:
        async with session.post(f"{url}/v1/feedback", json={"items": items}) as answer:
            status, body = answer.status, await answer.text()
            if status != HTTPStatus.OK:
                error = body[:200]
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        status, error = 0, repr(problem)
    tell("labels", status=status, sent=len(items), error=error)


async def wait_until_reachable(url: str) -> None:
    """Wait until a connection is taken.

    Raises:
        TimeoutError: none was within `REACHABLE_SECONDS`.
    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    async with asyncio.timeout(REACHABLE_SECONDS):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(parts.hostname, port)
                writer.close()
                return
            await asyncio.sleep(0.1)


async def run(options: Options) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        TimeoutError: the URL took no connection.
    """
    await wait_until_reachable(options.url)
    replay = Replay(options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, replay.stop.set)
    workers = [work(replay, worker) for worker in range(options.connections)]
    await asyncio.gather(send_labels(replay), *workers)


def main() -> None:
    """Read the command line and replay."""
    parser = argparse.ArgumentParser(description="Replay the sample as live traffic.")
    parser.add_argument(
        "--url", required=True, help="of the deployment's Service, such as http://electricity"
    )
    parser.add_argument("--model", default="electricity", help="name of the model in the v2 protocol")
    parser.add_argument("--sample", type=Path, default=Path(__file__).with_name("elec2-sample.csv.gz"))
    parser.add_argument("--rate", type=float, default=22.0, help="requests a second")
    parser.add_argument("--connections", type=int, default=8, help="keep-alive connections")
    parser.add_argument("--label-delay", type=float, default=3.0, help="seconds until a label is known")
    given = parser.parse_args()
    options = Options(
        url=given.url.rstrip("/"),
        model=given.model,
        rows=held_out(given.sample),
        rate=given.rate,
        connections=given.connections,
        label_delay_seconds=given.label_delay,
    )
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
