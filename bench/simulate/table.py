"""The results as text for a terminal, and as the tables of docs/evidence.md."""

import math
from collections.abc import Sequence
from typing import Final

from bench.simulate.case import Figure, Part
from bench.simulate.rivals import RIVALS
from bench.simulate.runs import Result

_NONE: Final = "-"
_SECONDS_IN_A_MINUTE: Final = 60
_LONG_SECONDS: Final = 900
_NAME_WIDTH: Final = 72
_WIDTH: Final = 16


def header() -> str:
    """The first line of the table for a terminal."""
    return _padded(["case", "found", "limit", "", *RIVALS])


def line(result: Result) -> str:
    """One line of the table for a terminal."""
    return _padded(_cells(result))


def markdown(results: Sequence[Result]) -> str:
    """The tables for the page, one for each part."""
    parts = [_part(part, [result for result in results if result.case.part is part]) for part in Part]
    return "\n\n".join(parts)


def _part(part: Part, results: Sequence[Result]) -> str:
    names = list(RIVALS) if any(result.rivals for result in results) else []
    header = [part.value, "runs", "modelward", "limit", *names]
    rows = [header, ["---"] * len(header)]
    for result in results:
        name, found, limit, _, *rivals = _cells(result)
        rows.append([name, f"{len(result.outcomes):,}", found, limit, *rivals[: len(names)]])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cells(result: Result) -> list[str]:
    case = result.case
    rivals = result.rivals
    return [
        case.name,
        _written(case.figure, result.figure),
        _written(case.figure, case.limit),
        "ok" if result.is_within_limit else "OUTSIDE",
        *(_written(case.figure, rivals[name]) if rivals else _NONE for name in RIVALS),
    ]


def _written(figure: Figure, value: float) -> str:
    """A figure with its unit."""
    match figure:
        case Figure.MEDIAN:
            return _duration(value)
        case Figure.RATE:
            return f"1 in {1 / value:,.0f} blocks" if value else "none"
        case Figure.SHARE:
            return f"{value:.1%}" if value else "none"
        case Figure.MISSED:
            return f"{value:.1%} missed" if value else "none missed"


def _duration(seconds: float) -> str:
    """A median; one before the onset means that most runs had a false alarm first."""
    if seconds <= 0:
        return "false alarm first"
    if math.isinf(seconds):
        return "never"
    return f"{seconds / _SECONDS_IN_A_MINUTE:.0f} min" if seconds >= _LONG_SECONDS else f"{seconds:.4g} s"


def _padded(cells: Sequence[str]) -> str:
    name, found, limit, *rest = cells
    return (
        f"{name:{_NAME_WIDTH}}{found:>{_WIDTH + 4}}{limit:>{_WIDTH + 4}}  {rest[0]:8}"
        + "".join(f"{cell:>{_WIDTH + 2}}" for cell in rest[1:])
    ).rstrip()
