"""Detection time against severity, as an SVG that is the same for the same numbers."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, PercentFormatter

from bench.simulate.runs import Result, quartiles


def draw(curves: Mapping[str, Mapping[float, Result]], path: Path) -> None:
    """Write the plot: a median and the middle half of the runs for each curve, by bad fraction."""
    # Without these two the file differs from run to run.
    mpl.rcParams["svg.hashsalt"] = "modelward"
    figure, axes = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
    for name, results in curves.items():
        severities = list(results)
        low, middle, high = zip(*(quartiles(result) for result in results.values()), strict=True)
        (line,) = axes.plot(severities, middle, marker="o", label=name)
        axes.fill_between(severities, low, high, alpha=0.2, color=line.get_color(), linewidth=0)
    axes.set(xscale="log", yscale="log", xlabel="bad events", ylabel="time to the verdict")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xticks([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0])
    axes.xaxis.set_minor_formatter("")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _duration(seconds)))
    axes.set_yticks([15, 30, 60, 300, 900, 3600, 14_400])
    axes.yaxis.set_minor_formatter("")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
