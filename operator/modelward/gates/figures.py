"""What figures show, in numbers and words; they are drawn when a report is written.

The library that draws takes longer to load than most checks take (modelward.gates.drawing).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

CANDIDATE: Final = "#1f5fa8"
STABLE: Final = "#e08214"
LIMIT: Final = "#b2182b"
"""Told apart by lightness too."""
Row: TypeAlias = tuple[str, ...]
Draw: TypeAlias = Callable[["Axes"], None]


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure that is not drawn yet."""

    title: str
    alt: str
    """What it shows, for whoever cannot see it."""
    header: Row
    rows: tuple[Row, ...]
    """The same numbers as a table."""
    pictures: tuple[Draw, ...]
    """Each draws into axes of its own."""
    columns: int
    """Pictures in a row, with one vertical scale."""
    height_inches: float
    """Of a row of pictures."""


@dataclass(frozen=True, slots=True)
class Bars:
    """One series of bars, a value for each name."""

    label: str
    values: Sequence[float]
    color: str = CANDIDATE


def figure(title: str, alt: str, table: tuple[Row, Sequence[Row]], height_inches: float, draw: Draw) -> Plot:
    """Return what `draw` draws, with a table (header, rows) of the same numbers."""
    return Plot(title, alt, table[0], tuple(table[1]), (draw,), 1, height_inches)


def panels(title: str, alt: str, table: tuple[Row, Sequence[Row]], draws: Sequence[Draw]) -> Plot:
    """Return small pictures, two in a row, with one vertical scale, so that they can be compared."""
    return Plot(title, alt, table[0], tuple(table[1]), tuple(draws), 2, 2.6)


def legend(axes: "Axes", handles: Sequence["Artist"] = ()) -> None:
    """Put the legend above the picture, where it covers nothing."""
    shown = list(handles) or axes.get_legend_handles_labels()[0]
    axes.legend(
        handles=shown, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(shown), frameon=False, borderpad=0.2
    )


def bars(
    title: str, alt: str, names: Sequence[str], series: Sequence[Bars], limits: Sequence[float | None]
) -> Plot:
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

    def draw(axes: "Axes") -> None:
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
