"""`kubectl modelward backtest`: when the operator would have held, promoted or rolled back in the past."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from modelward.api.objectives import event_config
from modelward.api.quantities import parse_duration
from modelward.api.spec import ModelDeploymentSpec
from modelward.cli.curves import Line
from modelward.cli.evidence_plot import draw
from modelward.cli.failure import CommandError
from modelward.cli.history import Recorded, parse_time, read_csv
from modelward.cli.policy import read_policy
from modelward.cli.replay import Replay
from modelward.conventions import BLOCK_SECONDS
from modelward.signals.key import Key

ROWS: Final = 24
"""Of the table of evidence over time."""
_WIDE: Final = 200


class Format(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


def backtest(  # noqa: PLR0913 - one parameter for each option
    *,
    csv: Annotated[
        Path | None,
        typer.Option(help="File with the columns time (end of a block), revision, objective, good, total."),
    ] = None,
    prometheus: Annotated[str | None, typer.Option(help="Base address of a Prometheus instead.")] = None,
    deployment: Annotated[str, typer.Option(help="NAMESPACE/NAME, with --prometheus.")] = "",
    begin: Annotated[str, typer.Option("--from", help="First time, ISO 8601, with --prometheus.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last time, ISO 8601, with --prometheus.")] = "",
    policy: Annotated[
        Path | None,
        typer.Option(help="ModelDeployment, or a part of its spec; default: one without any settings."),
    ] = None,
    block: Annotated[str, typer.Option(help="Length of a block in the CSV file.")] = f"{BLOCK_SECONDS}s",
    plot: Annotated[Path | None, typer.Option(help="Draw the evidence into this .svg or .png.")] = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print.")] = Format.TABLE,
) -> None:
    """Replay the past through the operator's own evidence and decisions."""
    if (csv is None) == (prometheus is None):
        raise CommandError("give either --csv FILE or --prometheus URL.")
    spec = read_policy(policy)
    if csv is not None:
        if deployment or begin or end:
            raise CommandError("--deployment, --from and --to go with --prometheus; leave them out.")
        block_seconds = _block_seconds(block)
        history = read_csv(csv, block_seconds, {objective.name for objective in spec.objectives})
    else:
        block_seconds = BLOCK_SECONDS
        history = _recorded(str(prometheus), deployment, (begin, end), spec).read()
    replay = Replay(spec, block_seconds)
    replay.run(history)
    if not replay.blocks:
        raise CommandError("there is no block in that history.")
    if plot is not None:
        draw(replay.curves.lines(), replay.entries, plot)
    if output is Format.JSON:
        typer.echo(orjson.dumps(_data(replay), option=orjson.OPT_INDENT_2))
        return
    console = Console()
    (console if console.is_terminal else Console(width=_WIDE)).print(_report(replay))


def _block_seconds(text: str) -> int:
    try:
        seconds = parse_duration(text).total_seconds()
    except ValueError as error:
        raise CommandError(f"--block {text}: {error}") from error
    if seconds < 1 or seconds % 1:
        raise CommandError(f"--block {text}: a block lasts whole seconds; write for instance 5s or 24h")
    return int(seconds)


def _recorded(url: str, deployment: str, span: tuple[str, str], spec: ModelDeploymentSpec) -> Recorded:
    namespace, slash, name = deployment.partition("/")
    if not (namespace and slash and name):
        raise CommandError("--prometheus needs --deployment NAMESPACE/NAME.")
    try:
        first, last = (int(parse_time(text).timestamp()) for text in span)
    except ValueError as error:
        raise CommandError(f"--prometheus needs --from and --to: {error}.") from error
    if last <= first:
        raise CommandError("--to must be after --from.")
    aligned = (math.ceil(first / BLOCK_SECONDS) * BLOCK_SECONDS, last // BLOCK_SECONDS * BLOCK_SECONDS)
    configs = {objective.name: event_config(objective) for objective in spec.objectives}
    return Recorded(url, Key(namespace, name), configs, aligned, BLOCK_SECONDS)


def _report(replay: Replay) -> RenderableType:
    status = replay.status
    parts: list[RenderableType] = [_decisions(replay), Text(), _evidence(replay.curves.lines()), Text()]
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
        style = "red" if entry.action in {"RolledBack", "Rejected", "Breached"} else ""
        table.add_row(_time(entry.time), Text(entry.action, style), entry.reason, Text(entry.message))
    return table


def _evidence(lines: Mapping[Line, tuple[tuple[int, float], ...]]) -> RenderableType:
    """Make a table with a row for each part of the time and the largest evidence in it; 100% is a breach."""
    lines = {line: points for line, points in lines.items() if any(share > 0 for _, share in points)}
    if not lines:
        return Text("There is no evidence against any revision.")
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


def _data(replay: Replay) -> dict[str, Any]:
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
    }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
