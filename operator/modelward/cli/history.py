"""Counts of the past, in order of time, from a CSV file.

The CSV has a header and the columns `time` (end of the block: unix seconds or ISO 8601, UTC unless it says
otherwise), `revision`, `objective`, `good` and `total` (events). Rows are in order of time; a time that has
no row for a revision and objective is Unknown for it.
"""

import csv
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from modelward.cli.failure import CommandError
from modelward.evidence.counts import Block, sanitize
from modelward.evidence.ledger import TimedBlocks

COLUMNS: Final = ("time", "revision", "objective", "good", "total")

History: TypeAlias = Iterator[TimedBlocks]
Pair: TypeAlias = tuple[str, str]
"""Revision and objective."""
ENCODING: Final = "utf-8-sig"
"""UTF-8, also with the mark that spreadsheets write before it."""
LATEST: Final = 100_000_000_000
"""In the year 5138, as unix seconds; as milliseconds in 1973."""
_NO_COUNT: Final = "good must be between 0 and total; leave the line out where nobody knows"


def read_csv(path: Path, block_seconds: int, objectives: Collection[str]) -> History:
    """Yield the blocks of a CSV file, with counts of these objectives.

    Raises:
        CommandError: the file cannot be read, or a line is not as described above.
    """
    try:
        with path.open(newline="", encoding=ENCODING) as file:
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
            events = number_of(line[good], "good")
            counted = sanitize(events, number_of(line[total], "total") - events)
        except (ValueError, IndexError) as error:
            raise CommandError(f"{path}, line {number}: {_said(error, line)}") from error
        if counted is None:
            found = f"good {line[good]} of total {line[total]}"
            raise CommandError(f"{path}, line {number}: {found}: {_NO_COUNT}")
        if pair not in pairs:
            _check_names(pair, objectives, f"{path}, line {number}")
            pairs.add(pair)
        block[pair] = counted
        rows += 1
        if len(block) != rows:
            raise CommandError(f"{path}, line {number}: {pair[0]} and {pair[1]} are there twice at {text}")
    if time is not None:
        yield time, block


def _check_names(pair: Pair, objectives: Collection[str], where: str) -> None:
    revision, objective = pair
    if not revision:
        raise CommandError(f"{where}: no revision; write the name of one")
    if objective not in objectives:
        raise CommandError(
            f"{where}: the policy has no objective {objective!r}, it has {', '.join(sorted(objectives))}; "
            "write a --policy with the objectives of the file"
        )


def _said(error: Exception, line: list[str]) -> str:
    if isinstance(error, IndexError):
        return f"{len(line)} columns; write {','.join(COLUMNS)}"
    return str(error)


def number_of(text: str, column: str) -> float:
    """Read a number of events.

    Raises:
        ValueError: it is none.
    """
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(
            f"column {column}: {text!r} is no number; write events as 1500 or 1500.5, without separators of "
            "thousands"
        ) from error


def later_time(text: str, before: int | None, block_seconds: int) -> int:
    """Read the time of a block that must come after another.

    Raises:
        ValueError: it is no time, no later one, or no multiple of the block's length.
    """
    time = int(text) if text.isdecimal() else round(parse_time(text).timestamp())
    if time > LATEST:
        raise ValueError(f"time {text} is far in the future; write unix seconds, not milliseconds")
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
