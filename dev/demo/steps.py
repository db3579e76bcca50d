"""What came as expected in a story, step by step, and the table of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Step:
    """Something that came as expected."""

    what: str
    expected: str
    seen: str
    seconds: float


def table(steps: Sequence[Step]) -> Table:
    """Return what came, in order."""
    shown = Table(
        title="\nWhat happened", title_justify="left", box=None, padding=(0, 3, 1, 0), header_style="dim"
    )
    for column in ("WHAT", "WHAT HAD TO FOLLOW", "AFTER", "WHAT WAS SEEN"):
        shown.add_column(column)
    for step in steps:
        shown.add_row(step.what, step.expected, f"{step.seconds:.0f} s", step.seen)
    return shown
