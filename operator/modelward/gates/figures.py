"""Draws figures as SVG that is the same for the same numbers: no dates, no random identifiers."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, TypeAlias

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from modelward.gates.findings import Figure

CANDIDATE: Final = "#1f5fa8"
STABLE: Final = "#e08214"
LIMIT: Final = "#b2182b"
"""Told apart by lightness too."""
_WIDTH_INCHES: Final = 7.2
_STYLE: Final[Any] = {
    "svg.hashsalt": "modelward",
    "svg.fonttype": "path",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
}
Row: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """One series of bars, a value for each name."""

    label: str
    values: Sequence[float]
    color: str = CANDIDATE


def figure(
    title: str, alt: str, table: tuple[Row, Sequence[Row]], height_inches: float, draw: Callable[[Axes], None]
) -> Figure:
    """Return what `draw` draws, with a table (header, rows) of the same numbers."""
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(_WIDTH_INCHES, height_inches), layout="constrained")
        draw(canvas.subplots())
        return _figure(title, alt, table, canvas)


def panels(
    title: str, alt: str, table: tuple[Row, Sequence[Row]], draws: Sequence[Callable[[Axes], None]]
) -> Figure:
    """Return small pictures, two in a row, with one vertical scale, so that they can be compared."""
    with mpl.rc_context(_STYLE):
        lines = (len(draws) + 1) // 2
        canvas = Canvas(figsize=(_WIDTH_INCHES, 2.6 * lines), layout="constrained")
        grid = canvas.subplots(lines, 2, squeeze=False, sharey=True).ravel()
        for axes, draw in zip(grid, draws, strict=False):
            draw(axes)
        for axes in grid[len(draws) :]:
            axes.set_axis_off()
        return _figure(title, alt, table, canvas)


def legend(axes: Axes, handles: Sequence[Artist] = ()) -> None:
    """Put the legend above the picture, where it covers nothing."""
    shown = list(handles) or axes.get_legend_handles_labels()[0]
    axes.legend(
        handles=shown, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(shown), frameon=False, borderpad=0.2
    )


def bars(
    title: str, alt: str, names: Sequence[str], series: Sequence["Bars"], limits: Sequence[float | None]
) -> Figure:
    """Return horizontal bars for each name, one for each series, with a mark at each limit."""
    header = ("", *(each.label for each in series), "limit")
    rows = [
        (
            name,
            *(f"{each.values[row]:.4g}" for each in series),
            "" if limits[row] is None else f"{limits[row]:.4g}",
        )
        for row, name in enumerate(names)
    ]

    def draw(axes: Axes) -> None:
        thickness = 0.8 / len(series)
        for number, each in enumerate(series):
            places = [row + (number - (len(series) - 1) / 2) * thickness for row in range(len(names))]
            axes.barh(places, each.values, thickness * 0.9, color=each.color, label=each.label)
        for row, limit in enumerate(limits):
            if limit is not None:
                axes.plot([limit, limit], [row - 0.45, row + 0.45], color=LIMIT, linewidth=2)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        handles: list[Artist] = [*axes.get_legend_handles_labels()[0]]
        if any(limit is not None for limit in limits):
            handles += axes.plot([], [], color=LIMIT, linewidth=2, label="limit")
        legend(axes, handles)

    return figure(title, alt, (header, rows), 1.0 + 0.34 * len(names) * max(1, len(series) * 0.7), draw)


def _figure(title: str, alt: str, table: tuple[Row, Sequence[Row]], canvas: Canvas) -> Figure:
    content = BytesIO()
    canvas.savefig(content, format="svg", metadata={"Date": None})
    return Figure(
        title=title,
        alt=alt,
        media_type="image/svg+xml",
        content_base64=base64.b64encode(content.getvalue()).decode(),
        header=table[0],
        rows=tuple(table[1]),
    )
