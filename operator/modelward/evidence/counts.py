"""Good and bad events of one block: the only thing that evidence is made from.

A block is `Count | None`. `None` is Unknown: nobody could say what happened. `Count(0, 0)` is known: there
was no traffic. Neither moves a test, but only the first makes a verdict Unknown. A count may know how many of
its events came while storage was fast and how many while it was slow (`StorageSplit`).
"""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

MAX_EVENTS: Final = 1e12
"""Events in one block beyond which a number is an error of measurement."""


@dataclass(frozen=True, slots=True)
class StorageSplit:
    """Events of a block by what storage was like at the time; those of which nobody knows are in neither.

    Raises:
        ValueError: if a number is NaN, negative or beyond `MAX_EVENTS`.
    """

    fast_good: float
    fast_bad: float
    slow_good: float
    slow_bad: float

    def __post_init__(self) -> None:
        """Refuse what no counter can have counted."""
        parts = (self.fast_good, self.fast_bad, self.slow_good, self.slow_bad)
        if not all(0 <= part <= MAX_EVENTS for part in parts):
            msg = f"counts by storage must be between 0 and {MAX_EVENTS:g}, got {parts}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Count:
    """Events of one block: `good` and `bad`, each finite and not negative.

    Args:
        good, bad: all events.
        split: those of them that came while storage was known to be fast or slow; None: nobody looked.

    Raises:
        ValueError: if a number is NaN, negative or beyond `MAX_EVENTS`.
    """

    good: float
    bad: float
    split: StorageSplit | None = None

    def __post_init__(self) -> None:
        """Refuse what no counter can have counted."""
        if not (0 <= self.good <= MAX_EVENTS and 0 <= self.bad <= MAX_EVENTS):
            msg = (
                f"a block's counts must be between 0 and {MAX_EVENTS:g}, got good={self.good!r} "
                f"bad={self.bad!r}; pass numbers from outside through sanitize()"
            )
            raise ValueError(msg)

    @property
    def total(self) -> float:
        """Events, good and bad."""
        return self.good + self.bad

    @property
    def bad_fraction(self) -> float:
        """Share of bad events; NaN when there were none."""
        total = self.good + self.bad
        return self.bad / total if total else math.nan


Block: TypeAlias = Count | None
"""One block of one revision and objective; None is Unknown."""


def sanitize(good: float, bad: float) -> Count | None:
    """A block from numbers of outside: None (Unknown) if either is NaN, negative, infinite or absurd."""
    try:
        return Count(good, bad)
    except ValueError:
        return None
