"""Evidence over time, in a bounded number of points however long the history is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

MOST_POINTS: Final = 720


class Line(NamedTuple):
    """What the evidence is about."""

    revision: str
    objective: str
    test: str
    """Against the target, or against stable."""

    def __str__(self) -> str:
        """Return `revision objective, test`."""
        return f"{self.revision} {self.objective}, {self.test}"


@dataclass(slots=True)
class Curves:
    """The largest evidence in each interval of time, as a share of what a verdict takes: 1 is a breach."""

    width_seconds: int = 1
    """Length of an interval; doubled whenever a line would have more than `MOST_POINTS`."""
    _lines: dict[Line, dict[int, float]] = field(default_factory=dict)

    def add(self, line: Line, time: int, share: float) -> None:
        """Take in the evidence at one time, in unix seconds."""
        points = self._lines.setdefault(line, {})
        interval = time // self.width_seconds
        if share > points.get(interval, -1.0):
            points[interval] = share
            if len(points) > MOST_POINTS:
                self._widen()

    def lines(self) -> Mapping[Line, tuple[tuple[int, float], ...]]:
        """Start of each interval in unix seconds and the largest share in it, in order of time."""
        return {
            line: tuple((interval * self.width_seconds, points[interval]) for interval in sorted(points))
            for line, points in self._lines.items()
        }

    def _widen(self) -> None:
        self.width_seconds *= 2
        for line, points in self._lines.items():
            wider: dict[int, float] = {}
            for interval, share in points.items():
                wider[interval // 2] = max(share, wider.get(interval // 2, 0.0))
            self._lines[line] = wider
