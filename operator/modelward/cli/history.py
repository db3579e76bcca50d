"""Counts of the past, in order of time: from a CSV file or from a Prometheus.

The CSV has a header and the columns `time` (end of the block: unix seconds or ISO 8601, UTC unless it says
otherwise), `revision`, `objective`, `good` and `total` (events). Rows are in order of time; a time that has
no row for a revision and objective is Unknown for it.
"""

import asyncio
import csv
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from modelward.cli.failure import CommandError
from modelward.evidence.counts import Block, sanitize
from modelward.evidence.ledger import TimedBlocks
from modelward.render import promql
from modelward.signals.answers import Grid, NoAnswerError
from modelward.signals.blocks import Subject, count
from modelward.signals.key import Key
from modelward.signals.prometheus import Endpoint, Prometheus

COLUMNS: Final = ("time", "revision", "objective", "good", "total")
BLOCKS_A_QUERY: Final = 720
TIMEOUT_SECONDS: Final = 60.0

History: TypeAlias = Iterator[TimedBlocks]
Pair: TypeAlias = tuple[str, str]
"""Revision and objective."""
_NO_COUNT: Final = "good must be between 0 and total; leave the line out where nobody knows"


def read_csv(path: Path, block_seconds: int, objectives: Collection[str]) -> History:
    """Yield the blocks of a CSV file, with counts of these objectives.

    Raises:
        CommandError: the file cannot be read, or a line is not as described above.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            yield from _blocks(csv.reader(file), path, block_seconds, objectives)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"cannot read {path}: {error}") from error


def _blocks(
    lines: Iterator[list[str]], path: Path, block_seconds: int, objectives: Collection[str]
) -> History:
    header = next(lines, [])
    if sorted(header) != sorted(COLUMNS):
        raise CommandError(
            f"{path} has the columns {', '.join(header) or 'none'}; write these: {','.join(COLUMNS)}"
        )
    at, revision, objective, good, total = (header.index(name) for name in COLUMNS)
    text, time, rows = "", None, 0
    block: dict[Pair, Block] = {}
    pairs: set[Pair] = set()
    for number, line in enumerate(lines, start=2):
        try:
            if line[at] != text:
                if time is not None:
                    yield time, block
                text, time, rows, block = line[at], later_time(line[at], time, block_seconds), 0, {}
            pair = line[revision], line[objective]
            events = float(line[good])
            counted = sanitize(events, float(line[total]) - events)
        except (ValueError, IndexError) as error:
            raise CommandError(f"{path}, line {number}: {_said(error, line)}") from error
        if counted is None:
            raise CommandError(f"{path}, line {number}: {_NO_COUNT}")
        if pair not in pairs:
            _check_objective(pair[1], objectives, f"{path}, line {number}")
            pairs.add(pair)
        block[pair] = counted
        rows += 1
        if len(block) != rows:
            raise CommandError(f"{path}, line {number}: {pair[0]} and {pair[1]} are there twice at {text}")
    if time is not None:
        yield time, block


def _check_objective(name: str, objectives: Collection[str], where: str) -> None:
    if name not in objectives:
        raise CommandError(
            f"{where}: the policy has no objective {name!r}, it has {', '.join(sorted(objectives))}; "
            "write a --policy with the objectives of the file"
        )


def _said(error: Exception, line: list[str]) -> str:
    if isinstance(error, IndexError):
        return f"{len(line)} columns; write {','.join(COLUMNS)}"
    return str(error)


def later_time(text: str, before: int | None, block_seconds: int) -> int:
    """Read the time of a block that must come after another.

    Raises:
        ValueError: it is no time, no later one, or no multiple of the block's length.
    """
    time = int(text) if text.isdecimal() else round(parse_time(text).timestamp())
    if before is not None and time <= before:
        raise ValueError(f"time {text} is before that of an earlier line; sort the lines by time")
    if time % block_seconds:
        raise ValueError(
            f"time {text} is no multiple of the block's {block_seconds} s; write the block's end, or --block"
        )
    return time


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time, in UTC unless it says otherwise.

    Raises:
        ValueError: it is none.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time; write for instance 2026-01-31T12:00:00Z") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a Prometheus has recorded about a deployment.

    Args:
        url: its base address.
        deployment: whose counts.
        configs: hash of each objective's event definition; counts of another definition are Unknown.
        span: first and last block's end, unix seconds, multiples of block_seconds.
    """

    url: str
    deployment: Key
    configs: Mapping[str, str]
    span: tuple[int, int]
    block_seconds: int

    def read(self) -> History:
        """Yield the blocks.

        Raises:
            CommandError: Prometheus cannot be asked, or has nothing about the deployment.
        """
        try:
            endpoint = Endpoint(self.url, TIMEOUT_SECONDS)
        except ValueError as error:
            raise CommandError(f"--prometheus: {error}") from error
        try:
            yield from _synchronous(lambda: self._ask(endpoint))
        except NoAnswerError as error:
            raise CommandError(f"no counts from Prometheus: {error}") from error

    async def _ask(self, endpoint: Endpoint) -> AsyncGenerator[tuple[TimedBlocks, ...], None]:
        first, last = self.span
        found = False
        async with Prometheus(endpoint) as prometheus:
            for start in range(first, last + 1, BLOCKS_A_QUERY * self.block_seconds):
                end = min(start + (BLOCKS_A_QUERY - 1) * self.block_seconds, last)
                grid = Grid(start, end, self.block_seconds)
                counts = await prometheus.range(promql.counts([self.deployment], self.block_seconds), grid)
                flags = await prometheus.range(
                    promql.unknown_counts([self.deployment], self.block_seconds), grid
                )
                subject = Subject(self.deployment, self.configs, start - self.block_seconds)
                times = range(start, end + 1, self.block_seconds)
                counted = count([subject], times, counts, flags)
                found = found or self.deployment in counted.with_series
                yield counted.blocks[self.deployment]
        if not found:
            raise CommandError(
                f"{self.url} has no counts of {self.deployment} in that time; "
                "check --deployment, --from and --to"
            )


def _synchronous(make: Callable[[], AsyncGenerator[tuple[TimedBlocks, ...], None]]) -> History:
    """Draw from an asynchronous generator, one item at a time."""
    with asyncio.Runner() as runner:
        items = make()
        while True:
            try:
                blocks = runner.run(items.asend(None))
            except StopAsyncIteration:
                return
            yield from blocks
