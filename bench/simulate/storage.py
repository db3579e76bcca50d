"""Rows about slow storage: how soon it explains a breach, and how rarely it explains a bad model's."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from bench.simulate.case import ONCE_A_YEAR, Case, Figure, Part, Runs
from bench.simulate.streams import BLOCK_SECONDS, Arm, Events, Stream
from modelward.evidence import storage
from modelward.evidence.baseline import kept_per_block
from modelward.evidence.counts import Count, StorageSplit
from modelward.evidence.target import TargetPolicy
from modelward.evidence.watch import Watch

LEAD: Final = 200
"""Blocks with fast storage before the onset, at a quarter of the allowed bad fraction."""
BLOCKS: Final = LEAD + 240
SPELL: Final = 6
"""Blocks of a slow spell, and of the pause after it."""
WRONGLY_FAST: Final = 1 / 3
"""Of the events of a spell's first block: the monitor has not noticed yet."""
_KEEP: Final = kept_per_block(BLOCK_SECONDS)


class Pattern(Enum):
    """Which events are slow."""

    HALF = "half of the events slow"
    SPELLS = "spells of 30 s"
    ALL = "storage slow for good"


@dataclass(frozen=True, slots=True)
class SlowStorage:
    """One revision whose storage becomes slow.

    Args:
        arm: its traffic.
        allowed_bad: what its objective allows.
        fast_bad, slow_bad: bad fractions of fast and slow events from the onset on.
        pattern: which events are slow.
    """

    arm: Arm
    allowed_bad: float
    fast_bad: float
    slow_bad: float
    pattern: Pattern

    def draw(self, rng: np.random.Generator) -> Stream:
        """One stream."""
        since = np.arange(BLOCKS) - LEAD
        fast_levels = np.where(since < 0, self.allowed_bad / 4, self.fast_bad)
        slow_levels = np.full(BLOCKS, self.slow_bad)
        if self.pattern is Pattern.HALF:
            half = Arm(self.arm.per_block / 2, self.arm.correlation)
            fast = half.events(rng, fast_levels)
            slow = half.events(rng, slow_levels)
            is_slow = since >= 0
            slow = Events(slow.total * is_slow, slow.bad * is_slow)
            return Stream(Events(fast.total + slow.total, fast.bad + slow.bad), slow=slow)
        is_slow = (since >= 0) & ((since // SPELL % 2 == 0) | (self.pattern is Pattern.ALL))
        every = self.arm.events(rng, np.where(is_slow, slow_levels, fast_levels))
        noticed = np.where(is_slow & ~np.roll(is_slow, 1), 1 - WRONGLY_FAST, 1.0) * is_slow
        return Stream(
            every,
            slow=Events(
                np.ceil(every.total * noticed).astype(np.int64), np.ceil(every.bad * noticed).astype(np.int64)
            ),
        )


@dataclass(frozen=True, slots=True)
class Explained:
    """Waits until slow storage is shown to explain what speaks against the target."""

    policy: TargetPolicy

    def seconds(self, stream: Stream) -> float:
        """Seconds until it is shown."""
        if stream.slow is None:
            raise ValueError("slow storage needs a stream that knows it; draw it from SlowStorage")
        watch = Watch("c", self.policy.allowed_bad)
        pairs = zip(stream.judged.counts(), stream.slow.counts(), strict=True)
        for block, (every, slow) in enumerate(pairs, start=1):
            split = StorageSplit(every.good - slow.good, every.bad - slow.bad, slow.good, slow.bad)
            watch, _ = watch.advance(self.policy, [Count(every.good, every.bad, split)], _KEEP)
            if storage.explains(watch.storage):
                return float(block * BLOCK_SECONDS)
        return math.inf


def storage_cases() -> Iterator[Case]:
    """The rows."""
    for pattern, rate, limit in (
        (Pattern.HALF, 10, 120),
        (Pattern.HALF, 100, 60),
        (Pattern.SPELLS, 10, 180),
        (Pattern.SPELLS, 100, 90),
    ):
        name = f"{pattern.value}, half of those bad, {rate} requests/s"
        yield _case(name, SlowStorage(Arm(5.0 * rate), 0.01, 0.0025, 0.5, pattern), Figure.MEDIAN, limit)
    for bad in (0.015, 0.02, 0.05, 0.5):
        for pattern in (Pattern.HALF, Pattern.SPELLS):
            name = f"{bad:.1%} bad whatever storage does, {pattern.value}"
            yield _case(name, SlowStorage(Arm(50), 0.01, bad, bad, pattern), Figure.SHARE, storage.ALPHA)
    for correlation in (0.1, 0.3):
        name = f"5.0% bad whatever storage does, spells of 30 s, correlation {correlation}"
        alike = SlowStorage(Arm(50, correlation), 0.01, 0.05, 0.05, Pattern.SPELLS)
        yield _case(name, alike, Figure.SHARE, storage.ALPHA)
    beside = SlowStorage(Arm(50), 0.01, 0.03, 1.0, Pattern.HALF)
    yield _case("3.0% bad beside slow events that are all bad", beside, Figure.SHARE, storage.ALPHA)
    accuracy = SlowStorage(Arm(50), 0.35, 0.5, 0.5, Pattern.SPELLS)
    yield _case("50.0% wrong, 35% allowed, spells of 30 s", accuracy, Figure.SHARE, storage.ALPHA)
    for_good = SlowStorage(Arm(50), 0.01, 0.5, 0.5, Pattern.ALL)
    yield _case("50.0% bad, storage slow for good from the onset on", for_good, Figure.SHARE, 0)


def _case(name: str, source: SlowStorage, figure: Figure, limit: float) -> Case:
    judge = Explained(TargetPolicy(source.allowed_bad, ONCE_A_YEAR))
    runs = Runs(300, 15) if figure is Figure.MEDIAN else Runs(500, 15)
    onset = LEAD if figure is Figure.MEDIAN else 0
    return Case(Part.STORAGE, name, source, judge, figure, limit, runs, onset_block=onset)
