"""Writes the dashboard as HTML that holds everything: lines and heat maps as SVG, tables as tables."""

import html
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from modelward.render.dashboard.panel import WIDTH, Annotation, Kind, Panel, Row, Source, Target, Unit
from modelward.render.dashboard.rows import ROWS
from modelward.signals.answers import Grid, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMN_INCHES: Final = 0.5
_HEIGHT_INCHES: Final = 2.7
_NAME_INCHES: Final = 0.17
"""Height of a row of a panel that has one for each series."""
_MOST_NAMES: Final = 12
"""In a legend; more would hide the lines."""
_STYLE: Final = f"""
body {{font: 14px system-ui, sans-serif; margin: 1.5em; background: #f4f5f7; color: #1d1f23}}
.row {{display: grid; grid-template-columns: repeat({WIDTH}, 1fr); gap: 10px}}
.panel {{background: #fff; border: 1px solid #dcdfe4; border-radius: 4px; padding: 8px 10px; overflow: auto}}
h2 {{font-size: 16px; margin: 1.2em 0 .5em}} h3 {{font-size: 13px; margin: 0 0 .2em}}
p {{margin: 0 0 .4em; color: #5c6370; font-size: 11px}} .none {{color: #a33; font-size: 12px}}
svg {{width: 100%; height: auto}} table {{border-collapse: collapse; font-size: 12px}}
td, th {{padding: 2px 10px 2px 4px; text-align: left; font-weight: normal}} td.number {{text-align: right}}
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query gave."""

    series: tuple[Series, ...] = ()
    problem: str = ""
    """Why it gave nothing, where it could not be asked."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that is drawn."""

    title: str
    grid: Grid
    answers: Mapping[Target, Answer]
    marks: Mapping[Annotation, tuple[Series, ...]]


def page(drawing: Drawing) -> str:
    """Return the page.

    Raises:
        ImportError: matplotlib is missing.
    """
    times = " to ".join(
        datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
        for moment in (drawing.grid.start, drawing.grid.end)
    )
    rows = "\n".join(_row(row, drawing) for row in ROWS)
    title = html.escape(drawing.title)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1><p>{times} UTC</p>\n{rows}\n</body></html>\n"
    )


def _row(row: Row, drawing: Drawing) -> str:
    panels = "\n".join(_panel(panel, drawing) for panel in row.panels)
    return f'<h2>{html.escape(row.title)}</h2>\n<div class="row">\n{panels}\n</div>'


def _panel(panel: Panel, drawing: Drawing) -> str:
    answers = [drawing.answers[target] for target in panel.targets]
    problems = [answer.problem for answer in answers if answer.problem]
    if problems:
        content = f'<div class="none">{html.escape(problems[0])}</div>'
    elif not any(answer.series for answer in answers):
        needs = "" if panel.source is Source.MODELWARD else f" It needs the series of {panel.source}."
        content = f'<div class="none">No data.{needs}</div>'
    elif panel.kind is Kind.TABLE:
        content = _table(panel, drawing)
    elif panel.kind is Kind.CONFUSION:
        content = "".join(_matrices(drawing.answers[panel.targets[0]].series))
    else:
        content = _drawn(panel, drawing)
    heading = f"<h3>{html.escape(panel.title)}</h3><p>{html.escape(panel.description)}</p>"
    return f'<div class="panel" style="grid-column: span {panel.width}">{heading}{content}</div>'


def _table(panel: Panel, drawing: Drawing) -> str:
    rows = [
        (target.legend_of(series.labels), series.points[-1][1])
        for target in panel.targets
        for series in drawing.answers[target].series
    ]
    cells = "".join(
        f'<tr><td>{html.escape(name)}</td><td class="number">{value:.4g}</td></tr>' for name, value in rows
    )
    return f"<table>{cells}</table>"


def _matrices(found: Sequence[Series]) -> Iterator[str]:
    """Yield a table for each revision; a cell is the darker the more of its column it holds."""
    counts = {
        (series.labels["revision"], series.labels["predicted"], series.labels["actual"]): series.points[-1][1]
        for series in found
    }
    for revision in sorted({revision for revision, _, _ in counts}):
        here = {key[1:]: count for key, count in counts.items() if key[0] == revision}
        classes = sorted({name for pair in here for name in pair})
        of_class = {actual: sum(here.get((each, actual), 0) for each in classes) or 1 for actual in classes}
        head = "".join(f"<th>was {html.escape(actual)}</th>" for actual in classes)
        lines = []
        for predicted in classes:
            cells = [(here.get((predicted, actual), 0), of_class[actual]) for actual in classes]
            shown = "".join(_cell(count, count / whole) for count, whole in cells)
            lines.append(f"<tr><th>predicted {html.escape(predicted)}</th>{shown}</tr>")
        yield f"<table><tr><th>{html.escape(revision)}</th>{head}</tr>{''.join(lines)}</table>"


def _cell(count: float, share: float) -> str:
    return f'<td class="number" style="background: rgb(46 125 50 / {share:.0%})">{count:.0f}</td>'


def _drawn(panel: Panel, drawing: Drawing) -> str:
    from matplotlib import rc_context  # noqa: PLC0415 - slow to load, and only this needs it
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    named = (
        0 if panel.kind is Kind.LINES else sum(len(drawing.answers[each].series) for each in panel.targets)
    )
    size = (panel.width * _COLUMN_INCHES, max(_HEIGHT_INCHES, named * _NAME_INCHES))
    with rc_context({"font.size": 8, "svg.hashsalt": "modelward"}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        if panel.kind is Kind.LINES:
            _lines(axes, panel, drawing)
        else:
            _rows(figure, axes, panel, drawing)
        _time_axis(axes, drawing.grid)
        _marks(axes, drawing)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def _lines(axes: "Axes", panel: Panel, drawing: Drawing) -> None:
    number = 0
    right: Axes | None = None
    for target in panel.targets:
        if target.unit is not None and right is None:
            right = axes.twinx()
            _value_axis(right, target.unit)
        place = axes if target.unit is None or right is None else right
        for series in drawing.answers[target].series:
            times, values = zip(*series.points, strict=True)
            dashes = "solid" if place is axes else "dashed"
            place.plot(
                times, values, label=target.legend_of(series.labels), color=f"C{number % 10}",
                linestyle=dashes, linewidth=1.2,
            )  # fmt: skip
            number += 1
    if panel.limit is not None:
        axes.axhline(panel.limit, color="tab:red", linewidth=0.8, linestyle="dotted")
    _value_axis(axes, panel.unit)
    handles = [line for place in (axes, right) if place is not None for line in place.get_lines()]
    named = [line for line in handles if not str(line.get_label()).startswith("_")]
    axes.legend(handles=named[:_MOST_NAMES], loc="upper left", fontsize=7, framealpha=0.7)


def _rows(figure: "Figure", axes: "Axes", panel: Panel, drawing: Drawing) -> None:
    """Draw a coloured row for each series: its value, or whether it is 1."""
    found = sorted(
        (target.legend_of(series.labels), series)
        for target in panel.targets
        for series in drawing.answers[target].series
        if panel.kind is Kind.HEAT or any(value > 0 for _, value in series.points)
    )
    grid = drawing.grid
    columns = round((grid.end - grid.start) / grid.step) + 1
    cells = [_cells(series.points, grid, columns) for _, series in found]
    edges = [grid.start + (number - 0.5) * grid.step for number in range(columns + 1)]
    most = 2.0 if panel.kind is Kind.HEAT else 1.0
    colors = "RdYlGn_r" if panel.kind is Kind.HEAT else "Greens"
    mesh = axes.pcolormesh(edges, range(len(cells) + 1), cells, cmap=colors, vmin=0, vmax=most)
    axes.set_yticks([number + 0.5 for number in range(len(found))], [name for name, _ in found])
    axes.invert_yaxis()
    if panel.kind is Kind.HEAT:
        figure.colorbar(mesh, ax=axes)


def _cells(points: Sequence[tuple[float, float]], grid: Grid, columns: int) -> list[float]:
    cells = [math.nan] * columns
    for time, value in points:
        cells[round((time - grid.start) / grid.step)] = value
    return cells


def _marks(axes: "Axes", drawing: Drawing) -> None:
    """Shade the times of rollouts and rollbacks."""
    half = drawing.grid.step / 2
    for annotation, found in drawing.marks.items():
        for series in found:
            for time, _ in series.points:
                axes.axvspan(time - half, time + half, color=annotation.color, alpha=0.08, linewidth=0)


def _time_axis(axes: "Axes", grid: Grid) -> None:
    from matplotlib.ticker import FuncFormatter  # noqa: PLC0415 - as above

    axes.set_xlim(grid.start, grid.end)
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda time, _: datetime.fromtimestamp(time, UTC).strftime("%H:%M:%S"))
    )


def _value_axis(axes: "Axes", unit: Unit) -> None:
    from matplotlib.ticker import EngFormatter, PercentFormatter  # noqa: PLC0415 - as above

    texts = {Unit.SECONDS: "s", Unit.MILLISECONDS: "ms", Unit.PER_SECOND: "1/s", Unit.BYTES: "B"}
    if unit is Unit.RATIO:
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    elif unit in {Unit.SECONDS, Unit.BYTES}:
        axes.yaxis.set_major_formatter(EngFormatter(texts[unit]))
    else:
        axes.set_ylabel(texts.get(unit, ""))
    axes.margins(x=0)
    axes.grid(visible=True, linewidth=0.3)
