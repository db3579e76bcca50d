"""Streams of counts with known truth, and the shipping tests run over them.

A stream is a function (generator of randomness, block index) -> the bad fraction of each arm in that block;
requests arrive as a Poisson process. Correlation inside a block is a beta-binomial's: each arm's own bad
fraction is drawn anew in each block around the stream's.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from modelward.evidence import not_worse, target, versus
from modelward.evidence.baseline import Baseline, kept_per_block
from modelward.evidence.counts import Count
from modelward.evidence.not_worse import NotWorsePolicy
from modelward.evidence.target import TargetPolicy
from modelward.evidence.versus import VersusPolicy

BLOCK_SECONDS: Final = 5
FOUR_HOURS: Final = 4 * 3600 // BLOCK_SECONDS
KEEP: Final = kept_per_block(BLOCK_SECONDS)

Level: TypeAlias = Callable[[np.random.Generator, int], float]
"""Bad fraction in block i."""


def steady(rate: float) -> Level:
    """Always the same."""
    return lambda _rng, _block: rate


def shift(before: float, after: float, at: int, until: float = math.inf) -> Level:
    """`before`, but `after` in blocks `at` <= i < `until`."""
    return lambda _rng, block: after if at <= block < until else before


@dataclass(frozen=True, slots=True)
class Arm:
    """Traffic of one revision.

    Args:
        per_block: expected requests per block.
        correlation: intra-class correlation of bad events in one block.
    """

    per_block: float
    correlation: float = 0.0

    def count(self, rng: np.random.Generator, level: float) -> Count:
        """One block at a bad fraction."""
        total = int(rng.poisson(self.per_block))
        if self.correlation and 0 < level < 1:
            weight = 1 / self.correlation - 1
            level = rng.beta(level * weight, (1 - level) * weight)
        bad = int(rng.binomial(total, level))
        return Count(total - bad, bad)


def settled(rng: np.random.Generator, arm: Arm, level: float, blocks: int = 720) -> Baseline:
    """Stable's baseline after an hour (720 blocks) at a level."""
    baseline = Baseline()
    for _ in range(blocks):
        baseline = baseline.advance(arm.count(rng, level), KEEP)
    return baseline


def time_to_breach(policy: TargetPolicy, counts: Iterator[Count]) -> float:
    """Seconds until the target is breached; inf if it never is."""
    state = target.start()
    for block, count in enumerate(counts, start=1):
        state = target.advance(policy, state, count)
        if target.breached(policy, state):
            return float(block * BLOCK_SECONDS)
    return math.inf


@dataclass(frozen=True, slots=True)
class Split:
    """Two arms in the same blocks, stable with an hour of history at its first level.

    Args:
        candidate, stable: their traffic.
        candidate_level, stable_level: their bad fractions. One and the same is drawn once a block for both.
        usual: stable's bad fraction in the hour before.
        blocks: how long.
    """

    candidate: Arm
    stable: Arm
    candidate_level: Level
    stable_level: Level
    usual: float
    blocks: int = FOUR_HOURS

    def run(self, rng: np.random.Generator) -> Iterator[tuple[Baseline, Count, Count]]:
        """Stable's baseline from before each block, and both counts."""
        baseline = settled(rng, self.stable, self.usual)
        for block in range(self.blocks):
            stable_level = self.stable_level(rng, block)
            shared = self.candidate_level is self.stable_level
            candidate = self.candidate.count(
                rng, stable_level if shared else self.candidate_level(rng, block)
            )
            stable = self.stable.count(rng, stable_level)
            yield baseline, candidate, stable
            baseline = baseline.advance(stable, KEEP)


def time_to_rejection(policy: VersusPolicy, split: Split, rng: np.random.Generator) -> float:
    """Seconds until the candidate is shown to be worse; inf if it never is."""
    state = versus.start()
    for block, (baseline, candidate, stable) in enumerate(split.run(rng), start=1):
        state = versus.advance(policy, state, baseline, candidate, stable)
        if versus.breached(policy, state):
            return float(block * BLOCK_SECONDS)
    return math.inf


def time_to_not_worse(policy: NotWorsePolicy, split: Split, rng: np.random.Generator) -> float:
    """Seconds until the candidate is shown not to be worse; inf if it never is."""
    state = not_worse.start()
    for block, (baseline, candidate, stable) in enumerate(split.run(rng), start=1):
        state = not_worse.advance(policy, state, baseline, candidate, stable)
        if not_worse.shown(policy, state):
            return float(block * BLOCK_SECONDS)
    return math.inf
