"""What a backtest prints: tables for a reader, data for a program."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from modelward.cli.bins import DriftWindow
from modelward.cli.curves import Line
from modelward.cli.replay import Replay

ROWS: Final = 24
"""Of a table of something over time."""
_BAD: Final = frozenset({"RolledBack", "Rejected", "Breached"})


def report(replay: Replay) -> RenderableType:
    """Return what was decided, the evidence over time, and how it ended."""
    status = replay.status
    parts: list[RenderableType] = [_decisions(replay), Text()]
    parts += [_over_time(replay.curves.lines()) or Text("There is no evidence against any revision."), Text()]
    if replay.inputs.windows:
        drift = _over_time(replay.inputs.curves.lines())
        parts += [
            drift or Text("No window has enough events to say anything of the inputs.", "yellow"),
            Text(),
        ]
    rejected = ", ".join(each.revision for each in status.rejected_revisions) or "none"
    parts.append(
        Text(
            f"{replay.blocks:,} blocks of {replay.block_seconds} s; at the end {status.phase.value}, "
            f"{status.stable_revision or 'nothing'} serves, rejected: {rejected}"
        )
    )
    if never := replay.never_counted():
        parts.append(Text(f"Never counted: {', '.join(never)}; what has no counts is Unknown.", "yellow"))
    return Group(*parts)


def _decisions(replay: Replay) -> Table:
    table = _table("TIME", "ACTION", "REASON", "MESSAGE")
    for entry in replay.entries:
        style = "red" if entry.action in _BAD else ""
        table.add_row(_time(entry.time), Text(entry.action, style), entry.reason, Text(entry.message))
    return table


def _over_time(lines: Mapping[Line, tuple[tuple[int, float], ...]]) -> Table | None:
    """Make a table with a row for each part of the time and the largest share in it; 100% is a verdict.

    None if nothing is above 0.
    """
    lines = {line: points for line, points in lines.items() if any(share > 0 for _, share in points)}
    if not lines:
        return None
    times = [time for points in lines.values() for time, _ in points]
    first, last = min(times), max(times)
    width = max((last - first) // ROWS + 1, 1)
    rows: dict[int, dict[Line, float]] = {}
    for line, points in lines.items():
        for time, share in points:
            row = rows.setdefault((time - first) // width, {})
            row[line] = max(row.get(line, 0.0), share)
    table = _table("FROM", *(str(line).upper() for line in lines))
    for part in sorted(rows):
        cells = [rows[part].get(line) for line in lines]
        shares = ["-" if share is None else f"{max(share, 0):.0%}" for share in cells]
        table.add_row(_time(first + part * width), *shares)
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    first, *others = headings
    table.add_column(first, no_wrap=True)
    for heading in others:
        table.add_column(heading)
    return table


def data(replay: Replay) -> dict[str, Any]:
    """Return the same for JSON, with every window of the inputs."""
    status = replay.status
    return {
        "blocks": replay.blocks,
        "blockSeconds": replay.block_seconds,
        "neverCounted": replay.never_counted(),
        "decisions": [
            {
                "time": _time(entry.time),
                "action": entry.action,
                "reason": entry.reason,
                "message": entry.message,
            }
            for entry in replay.entries
        ],
        "end": {
            "phase": status.phase.value,
            "stableRevision": status.stable_revision,
            "candidateRevision": status.candidate_revision,
            "rejectedRevisions": [each.revision for each in status.rejected_revisions],
        },
        "evidence": [
            {
                "revision": line.revision,
                "objective": line.objective,
                "test": line.test,
                "intervalSeconds": replay.curves.width_seconds,
                "points": [{"time": _time(time), "share": round(share, 4)} for time, share in points],
            }
            for line, points in replay.curves.lines().items()
        ],
        "drift": [
            {"feature": feature, "windows": _windows(replay.inputs.windows, feature)}
            for feature in sorted({feature for window in replay.inputs.windows for feature in window.found})
        ],
    }


def _windows(windows: Sequence[DriftWindow], feature: str) -> list[dict[str, Any]]:
    return [
        {
            "end": _time(window.end),
            "events": found.events,
            "psi": None if math.isnan(found.psi) else round(found.psi, 4),
            "limit": round(found.limit, 4),
            "verdict": found.verdict.value,
        }
        for window in windows
        if (found := window.found.get(feature))
    ]


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
