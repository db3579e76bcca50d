"""The inputs of a history: in which windows which features had drifted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from modelward.cli.bins import DriftWindow
from modelward.cli.curves import Curves, Line
from modelward.cli.entries import Entry
from modelward.decide.observation import DriftSignal
from modelward.evidence.drift import Drift
from modelward.evidence.verdict import Verdict


@dataclass(slots=True)
class Inputs:
    """Windows that are taken in one by one.

    Args:
        windows: in order of time.
        curves: stability index of each feature over time, as a share of its limit.
        signals: what the last window says of the features it can say something of.
        unknown: features it can say nothing of.
        next_end: when the next window ends, unix seconds; infinite after the last.
    """

    windows: Sequence[DriftWindow] = ()
    curves: Curves = field(init=False, default_factory=Curves)
    signals: tuple[DriftSignal, ...] = field(init=False, default=())
    unknown: tuple[str, ...] = field(init=False)
    next_end: float = field(init=False)
    _taken: int = field(init=False, default=0)
    _since: dict[str, datetime] = field(init=False, default_factory=dict)
    """Of each feature that had drifted when it was last known."""

    def __post_init__(self) -> None:
        """Stand before the first window: nothing is known of any feature."""
        self.unknown = tuple(sorted({feature for window in self.windows for feature in window.found}))
        self.next_end = self._end()

    def take_in(self) -> list[Entry]:
        """Take in the next window, and return which features drift from now on and which no longer do."""
        window = self.windows[self._taken]
        known = {name: found for name, found in window.found.items() if found.verdict is not Verdict.UNKNOWN}
        names = {*self.unknown, *(signal.name for signal in self.signals)}
        entries = [entry for name in sorted(known) for entry in self._changes(window.end, name, known[name])]
        for name, found in known.items():
            self.curves.add(Line("inputs", name, "drift"), window.end, found.psi / found.limit)
        self.signals = tuple(
            DriftSignal(name, known[name].psi, known[name].limit, self._since.get(name))
            for name in sorted(known)
        )
        self.unknown = tuple(sorted(names - known.keys()))
        self._taken += 1
        self.next_end = self._end()
        return entries

    def _end(self) -> float:
        return self.windows[self._taken].end if self._taken < len(self.windows) else math.inf

    def _changes(self, end: int, name: str, found: Drift) -> list[Entry]:
        drifts, drifted = found.verdict is Verdict.BREACHED, name in self._since
        if drifts == drifted:
            return []
        numbers = f"{name}: PSI {found.psi:.2f} of {found.events:,.0f} events"
        if drifts:
            self._since[name] = datetime.fromtimestamp(end, UTC)
            return [Entry(end, "Drifted", "InputsDrifted", f"{numbers}, above {found.limit:.2f}")]
        del self._since[name]
        return [Entry(end, "DriftEnded", "InputsAsBefore", f"{numbers}, at most {found.limit:.2f}")]
