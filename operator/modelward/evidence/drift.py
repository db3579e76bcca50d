"""Have the inputs changed? The population stability index (PSI) of binned counts, held against chance.

PSI = sum over bins of (p - q) ln(p/q), with p the bins' shares of a window of n events and q those of a
reference of m events. A share is (count + 1/2) / (events + bins/2) (Jeffreys), so that an empty bin has a
finite logarithm.

The usual fixed limits (.1, .2) ignore how many events there were: of two hundred events in twenty bins the
PSI is about .1 by chance alone. While both follow one distribution and events are independent, PSI / (1/n +
1/m) is about chi-squared with B - 1 degrees of freedom (Yurdakul & Naranjo 2020). Inputs have drifted when
PSI is above both the threshold, which says what matters, and a quantile of that distribution, which says
what chance does. The tail beyond the quantile is the stated number of false alarms a year, shared equally
over the features and the windows of a year (their expected numbers add, whatever they have to do with each
other).

This is an approximation: by simulation a tail of 1e-4 is in truth at most three times that, from
`EVENTS_PER_BIN` events a bin on, and with fewer nothing is said. Events that resemble their neighbours, as
in a series of weather or prices, vary more than independent ones; there the threshold has to be the
safeguard.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from modelward.evidence.counts import MAX_EVENTS
from modelward.evidence.sharing import SECONDS_IN_A_YEAR
from modelward.evidence.verdict import Verdict

EVENTS_PER_BIN: Final = 10
"""Mean number of events in a bin, of window and reference, below which the null is not to be trusted."""
_PRIOR: Final = 0.5
_FEWEST_BINS: Final = 2


@dataclass(frozen=True, slots=True)
class DriftPolicy:
    """When inputs have drifted.

    Args:
        threshold: PSI that matters; 0 or more.
        false_alarms_per_year: how many windows a year may be above their limit by chance; above 0.
        features: how many features are looked at; 1 or more.
        window_seconds: time between two looks: the window's length, or less where windows overlap, as then
            each look counts as one of a new window. Above 0.

    Raises:
        ValueError: if a number is outside its range, or the rate leaves nearly every window an alarm.
    """

    threshold: float
    false_alarms_per_year: float
    features: int
    window_seconds: float
    tail: float = field(init=False)

    def __post_init__(self) -> None:
        """Check the ranges; work out the chance of one feature in one window."""
        if not 0 <= self.threshold < math.inf:
            msg = f"a threshold of PSI must be 0 or more, got {self.threshold!r}; write 0.2"
            raise ValueError(msg)
        if not self.false_alarms_per_year > 0:
            msg = f"false alarms per year must be above 0, got {self.false_alarms_per_year!r}; write 1"
            raise ValueError(msg)
        if self.features < 1 or not self.window_seconds > 0:
            msg = (
                "drift is looked for in one feature or more and a window above 0 s, got "
                f"{self.features} and {self.window_seconds!r}"
            )
            raise ValueError(msg)
        tail = self.false_alarms_per_year * self.window_seconds / SECONDS_IN_A_YEAR / self.features
        if not tail < 1:
            msg = (
                f"{self.false_alarms_per_year:g} false alarms per year are one in every window of "
                f"{self.window_seconds:g} s; write less, or a shorter window"
            )
            raise ValueError(msg)
        object.__setattr__(self, "tail", tail)


@dataclass(frozen=True, slots=True)
class Drift:
    """What one window says of one feature.

    Args:
        psi: its population stability index; NaN where there is too little to say.
        limit: above this the feature has drifted.
        events: in the window.
        verdict: Breached, Healthy, or Unknown for too few events in window or reference.
    """

    psi: float
    limit: float
    events: float
    verdict: Verdict


def assess(policy: DriftPolicy, window: Sequence[float], reference: Sequence[float]) -> Drift:
    """Hold a window's counts per bin against a reference's.

    Raises:
        ValueError: as `psi`, but a window or reference without events is Unknown.
    """
    bins = _bins(window, reference)
    events, known = sum(window), sum(reference)
    if min(events, known) < EVENTS_PER_BIN * bins:
        return Drift(math.nan, policy.threshold, events, Verdict.UNKNOWN)
    by_chance = (1 / events + 1 / known) * chi_squared_quantile(policy.tail, bins - 1)
    found, limit = psi(window, reference), max(policy.threshold, by_chance)
    return Drift(found, limit, events, Verdict.BREACHED if found > limit else Verdict.HEALTHY)


def psi(window: Sequence[float], reference: Sequence[float]) -> float:
    """Population stability index (nats) of two sequences of counts per bin, in the same bins; 0 or more.

    Raises:
        ValueError: if the numbers of bins differ or are below two, or a count is negative, NaN or absurd.
    """
    bins = _bins(window, reference)
    events, known = sum(window) + _PRIOR * bins, sum(reference) + _PRIOR * bins
    total = 0.0
    for ours, theirs in zip(window, reference, strict=True):
        p, q = (ours + _PRIOR) / events, (theirs + _PRIOR) / known
        total += (p - q) * math.log(p / q)
    return total


def _bins(window: Sequence[float], reference: Sequence[float]) -> int:
    if len(window) != len(reference) or len(window) < _FEWEST_BINS:
        msg = (
            f"a window and its reference have the same bins, two or more, got {len(window)} "
            f"and {len(reference)}"
        )
        raise ValueError(msg)
    for count in (*window, *reference):
        if not 0 <= count <= MAX_EVENTS:
            msg = f"a bin's count must be between 0 and {MAX_EVENTS:g}, got {count!r}"
            raise ValueError(msg)
    return len(window)


@lru_cache(maxsize=256)
def chi_squared_quantile(tail: float, degrees: int) -> float:
    """The value that a chi-squared variable of so many degrees of freedom exceeds with probability `tail`.

    Raises:
        ValueError: if the tail is not between 0 and 1, both excluded, or there is no degree.
    """
    if not 0 < tail < 1 or degrees < 1:
        msg = f"a quantile is of a tail between 0 and 1 and a degree or more, got {tail!r} and {degrees}"
        raise ValueError(msg)
    low, high = 0.0, 1.0
    while _chi_squared_tail(high, degrees) > tail:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if _chi_squared_tail(middle, degrees) > tail else (low, middle)
    return high


def _chi_squared_tail(value: float, degrees: int) -> float:
    """P(X > value), by Q(a + 1, y) = Q(a, y) + y^a e^-y / Gamma(a + 1) (Abramowitz & Stegun 6.5.21)."""
    y = value / 2
    a = 0.5 if degrees % 2 else 1.0
    tail = math.erfc(math.sqrt(y)) if degrees % 2 else math.exp(-y)
    while a < degrees / 2:
        tail += math.exp(a * math.log(y) - y - math.lgamma(a + 1))
        a += 1
    return tail
