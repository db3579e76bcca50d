"""What a revision usually does: its long-run bad fraction, and how its bad events cluster.

Four sums over the blocks with events, each forgetting with a time constant of a day: events n, bad ones k,
and for the correlation inside a block the excess of (k - np)^2 / (p(1-p)) over n, and the pairs n(n-1).
Their quotient is the moment estimate of the intra-class correlation; 1 + (n-1) icc is the design effect
(Kish 1965), by which n correlated events count for fewer.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from modelward.evidence.counts import Block

MEMORY_SECONDS: Final = 86_400.0
BOUND_Z: Final = 2.33
"""Normal quantile of a one-sided bound at 99% (Wilson 1927)."""
SMALLEST_CORRELATION: Final = 0.001
"""Assumed at least: thousands of events in one block are never thousands of independent ones."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Sums over blocks, newest weighted most: `total`, `bad`, `excess` and `pairs` as above."""

    total: float = 0.0
    bad: float = 0.0
    excess: float = 0.0
    pairs: float = 0.0

    def advance(self, block: Block, keep: float) -> "Baseline":
        """With one more block; `keep` is what is kept of the past (see `kept_per_block`)."""
        return self.advance_many((block,), keep)

    def advance_many(self, blocks: Iterable[Block], keep: float) -> "Baseline":
        """With more blocks, in order."""
        total, bad, excess, pairs = self.total, self.bad, self.excess, self.pairs
        moved = False
        for block in blocks:
            if block is None:
                continue
            events = block.good + block.bad
            if events == 0:
                continue
            moved = True
            total, bad = total * keep + events, bad * keep + block.bad
            rate = (bad + 0.5) / (total + 1)
            spread = (block.bad - events * rate) ** 2 / (rate * (1 - rate)) - events
            excess = excess * keep + spread
            pairs = pairs * keep + max(events * (events - 1), 0.0)
        return Baseline(total, bad, excess, pairs) if moved else self

    @property
    def rate(self) -> float:
        """Bad fraction, drawn slightly to one half so that it is never 0 or 1."""
        return (self.bad + 0.5) / (self.total + 1)

    @property
    def correlation(self) -> float:
        """Intra-class correlation of events in one block, from `SMALLEST_CORRELATION` to 1."""
        if self.pairs == 0:
            return SMALLEST_CORRELATION
        return min(max(self.excess / self.pairs, SMALLEST_CORRELATION), 1.0)

    @property
    def upper(self) -> float:
        """Upper 99% bound of the long-run bad fraction, widened by the design effect; 1 when none is."""
        if self.total == 0:
            return 1.0
        # (1 + (n - 1) icc averaged over events) is 1 + excess / total.
        events = self.total / max(1 + self.excess / self.total, 1.0)
        rate, square = self.bad / self.total, BOUND_Z**2 / events
        half = math.sqrt(square * rate * (1 - rate) + square**2 / 4)
        return min(max((rate + square / 2 + half) / (1 + square), rate), 1.0)


def kept_per_block(block_seconds: float) -> float:
    """Share of a baseline's past that is kept over one block."""
    return math.exp(-block_seconds / MEMORY_SECONDS)
