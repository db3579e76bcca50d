"""Draws figures as SVG that is the same for the same numbers: no dates, no random identifiers."""

import base64
from io import BytesIO
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from modelward.gates.figures import Plot
from modelward.gates.findings import Figure

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


def drawn(plot: Plot) -> Figure:
    """Return the picture of a plot."""
    with mpl.rc_context(_STYLE):
        lines = -(-len(plot.pictures) // plot.columns)
        canvas = Canvas(figsize=(_WIDTH_INCHES, plot.height_inches * lines), layout="constrained")
        grid = canvas.subplots(lines, plot.columns, squeeze=False, sharey=True).ravel()
        for axes, draw in zip(grid, plot.pictures, strict=False):
            draw(axes)
        for axes in grid[len(plot.pictures) :]:
            axes.set_axis_off()
        content = BytesIO()
        canvas.savefig(content, format="svg", metadata={"Date": None})
    return Figure(
        title=plot.title,
        alt=plot.alt,
        media_type="image/svg+xml",
        content_base64=base64.b64encode(content.getvalue()).decode(),
        header=plot.header,
        rows=plot.rows,
    )
