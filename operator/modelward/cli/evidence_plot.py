"""Draws what a backtest found over time: evidence, drift of the inputs, and what would have been decided."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from modelward.cli.curves import Line
from modelward.cli.entries import Entry
from modelward.cli.failure import CommandError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Lines: TypeAlias = Mapping[Line, Sequence[tuple[int, float]]]

_DECIDED: Final = {
    "Promoted": "tab:green",
    "RolledBack": "tab:red",
    "Rejected": "tab:red",
    "Held": "tab:orange",
}
_SUFFIXES: Final = (".svg", ".png")


def check_name(path: Path) -> None:
    """Refuse, before anything is replayed, the name of a file that `draw` cannot write.

    Raises:
        CommandError: it has another ending.
    """
    if path.suffix not in _SUFFIXES:
        raise CommandError(f"--plot {path}: write a file name that ends in {' or '.join(_SUFFIXES)}")


def draw(evidence: Lines, drift: Lines, entries: Sequence[Entry], path: Path) -> None:
    """Write a plot: shares of what a verdict takes, dashed lines where something was decided.

    Raises:
        CommandError: matplotlib is missing, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - slow to load, and only this needs it
    except ImportError as error:
        raise CommandError("--plot needs matplotlib; install modelward[plot]") from error
    panels = [("evidence, as a share of what a verdict takes", evidence)]
    if drift:
        panels.append(("stability index, as a share of its limit", drift))
    figure = Figure(figsize=(9, 4.5 * len(panels)), layout="constrained")
    for (label, lines), axes in zip(
        panels, figure.subplots(len(panels), sharex=True, squeeze=False).flat, strict=True
    ):
        _draw_lines(axes, label, lines)
        _draw_decisions(axes, entries)
    try:
        figure.savefig(path)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error}") from error


def _draw_lines(axes: "Axes", label: str, lines: Lines) -> None:
    from matplotlib.ticker import FuncFormatter, PercentFormatter  # noqa: PLC0415 - as above

    for line, points in lines.items():
        times, shares = [time for time, _ in points], [share for _, share in points]
        axes.plot(times, shares, label=str(line), linewidth=1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _moment(seconds)))
    axes.axhline(1, color="black", linewidth=0.8)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set(ylabel=label, ylim=(0, None))
    axes.legend(frameon=False, fontsize="small")


def _draw_decisions(axes: "Axes", entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.action in _DECIDED:
            axes.axvline(entry.time, color=_DECIDED[entry.action], linestyle="--", linewidth=1)
            text = f"{entry.action} {entry.message.partition(':')[0]}"
            axes.annotate(
                text,
                (entry.time, 1),
                xycoords=("data", "axes fraction"),
                rotation=90,
                va="top",
                ha="right",
                fontsize="x-small",
            )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d\n%H:%M")
