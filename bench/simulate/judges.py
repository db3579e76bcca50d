"""The shipping tests run over one stream: how long until each says something.

A judge has a `policy` of the engine and answers with seconds from the first block, or infinity.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from bench.simulate.streams import BLOCK_SECONDS, Stream
from modelward.evidence import not_worse, target, versus
from modelward.evidence.baseline import Baseline, kept_per_block
from modelward.evidence.counts import Count
from modelward.evidence.not_worse import NotWorsePolicy
from modelward.evidence.target import TargetPolicy
from modelward.evidence.versus import VersusPolicy

_KEEP = kept_per_block(BLOCK_SECONDS)


class Judge(Protocol):
    """Says how long a verdict takes."""

    def seconds(self, stream: Stream) -> float:
        """Seconds until the verdict; inf if it never comes."""
        ...


@dataclass(frozen=True, slots=True)
class AgainstTarget:
    """Waits for a breach of the target."""

    policy: TargetPolicy

    def seconds(self, stream: Stream) -> float:
        """Seconds until the target is breached."""
        state = target.start()
        for block, count in enumerate(stream.judged.counts(), start=1):
            state = target.advance(self.policy, state, count)
            if target.breached(self.policy, state):
                return float(block * BLOCK_SECONDS)
        return math.inf


@dataclass(frozen=True, slots=True)
class AgainstStable:
    """Waits for a candidate to be shown worse than stable."""

    policy: VersusPolicy

    def seconds(self, stream: Stream) -> float:
        """Seconds until the candidate is rejected."""
        state, baseline = versus.start(), _usual(stream)
        candidate, stable = _arms(stream)
        for block, (one, other) in enumerate(zip(candidate, stable, strict=True), start=1):
            state = versus.advance(self.policy, state, baseline, one, other)
            if versus.breached(self.policy, state):
                return float(block * BLOCK_SECONDS)
            baseline = baseline.advance(other, _KEEP)
        return math.inf


@dataclass(frozen=True, slots=True)
class NotWorse:
    """Waits for a candidate to be shown not to be worse than stable."""

    policy: NotWorsePolicy

    def seconds(self, stream: Stream) -> float:
        """Seconds until the step may end early."""
        state, baseline = not_worse.start(), _usual(stream)
        candidate, stable = _arms(stream)
        for block, (one, other) in enumerate(zip(candidate, stable, strict=True), start=1):
            state = not_worse.advance(self.policy, state, baseline, one, other)
            if not_worse.shown(self.policy, state):
                return float(block * BLOCK_SECONDS)
            baseline = baseline.advance(other, _KEEP)
        return math.inf


def _arms(stream: Stream) -> tuple[Iterator[Count], Iterator[Count]]:
    if stream.stable is None:
        raise ValueError("a comparison needs a stream of two arms; draw it from a Split")
    return stream.judged.counts(), stream.stable.counts()


def _usual(stream: Stream) -> Baseline:
    """Stable's baseline after the hour before the split."""
    baseline = Baseline()
    for count in stream.before.counts() if stream.before else ():
        baseline = baseline.advance(count, _KEEP)
    return baseline
