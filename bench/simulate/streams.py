"""Streams of counts whose truth is known: what one run of a simulation is made from.

Requests arrive as a Poisson process. Correlation inside a block is a beta-binomial's: each arm's own bad
fraction is drawn anew in each block around the level of the stream. Errors that count by their size are
shares of an event, each drawn from a beta distribution around the level.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modelward.evidence.counts import Count

BLOCK_SECONDS: Final = 5
HOUR: Final = 3600 // BLOCK_SECONDS
"""In blocks."""
FOUR_HOURS: Final = 4 * HOUR

Numbers: TypeAlias = NDArray[np.int64] | NDArray[np.float64]
"""Events by block: whole ones, or shares of them."""
Levels: TypeAlias = NDArray[np.float64]
"""Bad fraction by block."""
Level: TypeAlias = Callable[[np.random.Generator, int], Levels]
"""Bad fractions of so many blocks."""


def steady(rate: float) -> Level:
    """Always the same."""
    return lambda _rng, blocks: np.full(blocks, rate)


def shift(before: float, after: float, at: int, until: float = math.inf) -> Level:
    """`before`, but `after` in blocks `at` <= i < `until`."""

    def levels(_rng: np.random.Generator, blocks: int) -> Levels:
        index = np.arange(blocks)
        return np.where((index >= at) & (index < until), after, before)

    return levels


def bursts(usual: float, burst: float, share: float) -> Level:
    """`usual`, but `burst` in a random `share` of the blocks."""
    return lambda rng, blocks: np.where(rng.random(blocks) < share, burst, usual)


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one revision in consecutive blocks."""

    total: NDArray[np.int64]
    bad: Numbers

    def counts(self) -> Iterator[Count]:
        """The blocks as the engine takes them."""
        return map(Count, (self.total - self.bad).tolist(), self.bad.tolist())


@dataclass(frozen=True, slots=True)
class Arm:
    """Traffic of one revision.

    Args:
        per_block: expected requests per block.
        correlation: intra-class correlation of bad events in one block.
        concentration: how closely errors that count by their size lie around the level (the sum of a beta
            distribution's parameters); 0 where events are good or bad.
    """

    per_block: float
    correlation: float = 0.0
    concentration: float = 0.0

    def events(self, rng: np.random.Generator, levels: Levels) -> Events:
        """Blocks at these bad fractions."""
        total = rng.poisson(self.per_block, len(levels))
        if self.correlation:
            weight = 1 / self.correlation - 1
            mixed = (levels > 0) & (levels < 1)
            inside = np.where(mixed, levels, 0.5)
            levels = np.where(mixed, rng.beta(inside * weight, (1 - inside) * weight), levels)
        if self.concentration:
            each = np.repeat(levels, total)
            errors = rng.beta(each * self.concentration, (1 - each) * self.concentration)
            ends = np.concatenate(([0.0], np.cumsum(errors)))[np.concatenate(([0], np.cumsum(total)))]
            return Events(total, np.clip(np.diff(ends), 0, total))
        return Events(total, rng.binomial(total, levels))


@dataclass(frozen=True, slots=True)
class Stream:
    """What one run sees.

    Args:
        judged: events of the revision that is judged.
        stable: events of stable in the same blocks; None where the revision is alone.
        before: events of stable in the hour before; None where the revision is alone.
        slow: those of the judged revision's events that came while storage was slow; None: nobody knows.
    """

    judged: Events
    stable: Events | None = None
    before: Events | None = None
    slow: Events | None = None


class Source(Protocol):
    """Draws streams of one kind."""

    def draw(self, rng: np.random.Generator) -> Stream:
        """One stream."""
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """One revision, serving `blocks` blocks."""

    arm: Arm
    level: Level
    blocks: int

    def draw(self, rng: np.random.Generator) -> Stream:
        """One stream."""
        return Stream(self.arm.events(rng, self.level(rng, self.blocks)))


@dataclass(frozen=True, slots=True)
class Batch:
    """Labels that came at once, released `per_block` a block in order of their predictions."""

    labels: int
    per_block: int
    bad_fraction: float

    def draw(self, rng: np.random.Generator) -> Stream:
        """One batch."""
        total = np.full(self.labels // self.per_block, self.per_block)
        return Stream(Events(total, rng.binomial(total, self.bad_fraction)))


@dataclass(frozen=True, slots=True)
class Split:
    """Two revisions in the same blocks, after an hour of stable alone.

    Args:
        candidate, stable: their traffic.
        candidate_level, stable_level: their bad fractions. One and the same is drawn once for both.
        usual: stable's bad fraction in the hour before.
        blocks: how long.
    """

    candidate: Arm
    stable: Arm
    candidate_level: Level
    stable_level: Level
    usual: float
    blocks: int = FOUR_HOURS

    def draw(self, rng: np.random.Generator) -> Stream:
        """One stream."""
        before = self.stable.events(rng, np.full(HOUR, self.usual))
        stable_levels = self.stable_level(rng, self.blocks)
        shared = self.candidate_level is self.stable_level
        levels = stable_levels if shared else self.candidate_level(rng, self.blocks)
        return Stream(self.candidate.events(rng, levels), self.stable.events(rng, stable_levels), before)
