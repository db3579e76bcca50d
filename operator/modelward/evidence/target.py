"""Against the target: is a revision's bad fraction above what its objective allows?

A mixture Shiryaev-Roberts e-detector (Shin, Ramdas & Rinaldo 2024). With x the bad fraction of a block
and b the allowed one, each bet share c multiplies its level by e = 1 + c (x/b - 1) after adding one:
M <- (M + 1) e. While the expected bad fraction of every block, given the past, is at most b, each level
grows by at most one a block on average, so the mean of the levels first reaches T after T blocks or more
on average: one false alarm in T blocks. Nothing is assumed about correlation within a block.

x/b is clipped, so that a few blocks of nothing but errors are not enough whatever the target; a smaller bet
keeps the guarantee.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from modelward.evidence.counts import Block
from modelward.evidence.log_space import log_mean

BET_SHARES: Final = (0.1, 0.35, 0.7, 0.9)
"""c above, equally weighted: small ones find small excesses, large ones are quick."""
BLOCKS_BEFORE_BREACH: Final = 4
"""No alarm from this many bad blocks alone, however bad: a short outage is no reason to go back."""
OUTAGE_SHARE: Final = 0.2
"""Share of the threshold that as many blocks of nothing but errors may reach from a level of one."""
SMALLEST_CLIP: Final = 2.0
CEILING: Final = 3.0
"""How far (nats) a level may stand above the threshold, so that evidence of an incident that is over is
gone within minutes. Lowering a level keeps the guarantee."""
HEALTHY_SHARE: Final = 1 / 3
"""Of the log threshold: evidence below speaks against nothing."""


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """What is allowed, and how rarely a false alarm may come.

    Args:
        allowed_bad: largest bad fraction that meets the target, between 0 and 1, both excluded.
        blocks_to_false_alarm: least average number of blocks to a false alarm; more than 1.

    Raises:
        ValueError: if either is outside its range.
    """

    allowed_bad: float
    blocks_to_false_alarm: float
    log_threshold: float = field(init=False)
    largest_multiple: float = field(init=False)

    def __post_init__(self) -> None:
        """Check the ranges; work out the threshold (nats) and where x/b is clipped."""
        if not 0 < self.allowed_bad < 1:
            msg = f"allowed_bad must lie between 0 and 1 (0.01 for a 99% target), got {self.allowed_bad!r}"
            raise ValueError(msg)
        if not 1 < self.blocks_to_false_alarm < math.inf:
            msg = f"blocks_to_false_alarm must be finite and above 1, got {self.blocks_to_false_alarm!r}"
            raise ValueError(msg)
        largest_factor = (self.blocks_to_false_alarm * OUTAGE_SHARE) ** (1 / BLOCKS_BEFORE_BREACH)
        largest_multiple = 1 + (largest_factor - 1) / max(BET_SHARES)
        object.__setattr__(self, "log_threshold", math.log(self.blocks_to_false_alarm))
        object.__setattr__(self, "largest_multiple", max(largest_multiple, SMALLEST_CLIP))


@dataclass(frozen=True, slots=True)
class TargetState:
    """Detector levels, as logs in the order of `BET_SHARES`, and the number of blocks that moved them."""

    log_m: tuple[float, ...]
    blocks: int


_STEPS_WITHOUT_BAD: Final = tuple(math.log1p(-share) for share in BET_SHARES)
"""Logs of the bets' factors in most blocks of a healthy revision."""
_START: Final = TargetState((-math.inf,) * len(BET_SHARES), 0)


def start() -> TargetState:
    """The state before any block: every level is zero."""
    return _START


def advance(policy: TargetPolicy, state: TargetState, block: Block) -> TargetState:
    """The state after one more block. A block that is Unknown or has no events changes nothing."""
    return _advanced(policy, state, (block,))[0]


def advance_many(
    policy: TargetPolicy, state: TargetState, blocks: Iterable[Block]
) -> tuple[TargetState, float]:
    """The state after these blocks, in order, and the highest log evidence at any of their ends."""
    after, highest_sum = _advanced(policy, state, blocks)
    highest = math.log(highest_sum / len(BET_SHARES)) if highest_sum > 0 else -math.inf
    return after, max(highest, log_evidence(after))


def _advanced(policy: TargetPolicy, state: TargetState, blocks: Iterable[Block]) -> tuple[TargetState, float]:
    """The state after these blocks, and the largest sum of levels between two of them."""
    exp, log1p, ceiling = math.exp, math.log1p, policy.log_threshold + CEILING
    levels: Sequence[float] = state.log_m
    moved, highest_sum = 0, 0.0
    for block in blocks:
        if block is None:
            continue
        total = block.good + block.bad
        if total == 0:
            continue
        steps = _STEPS_WITHOUT_BAD if block.bad == 0 else _log_steps(policy, block.bad / total)
        before = [exp(level) for level in levels]
        if moved:
            highest_sum = max(highest_sum, sum(before))
        levels = [min(log1p(level) + step, ceiling) for level, step in zip(before, steps, strict=True)]
        moved += 1
    return (TargetState(tuple(levels), state.blocks + moved) if moved else state), highest_sum


def _log_steps(policy: TargetPolicy, bad_fraction: float) -> tuple[float, ...]:
    """Logs of the bets' factors."""
    excess = min(bad_fraction / policy.allowed_bad, policy.largest_multiple) - 1
    return tuple(math.log1p(share * excess) for share in BET_SHARES)


def log_evidence(state: TargetState) -> float:
    """Log of the mean level; -inf before the first block with events."""
    return log_mean(state.log_m)


def breached(policy: TargetPolicy, state: TargetState) -> bool:
    """Whether the evidence stands at the threshold or above."""
    return log_evidence(state) >= policy.log_threshold


def healthy(policy: TargetPolicy, state: TargetState, events: float) -> bool:
    """Whether enough was seen, and nothing speaks against the target.

    Enough is 3/allowed_bad events: with none of them bad, the bad fraction is at most the allowed one with
    95% confidence (the rule of three).
    """
    return events >= 3 / policy.allowed_bad and not stands_out(policy, log_evidence(state))


def stands_out(policy: TargetPolicy, found: float) -> bool:
    """Whether this log evidence speaks against the target: it is a third of the log threshold or more.

    The level of a stream that is clearly above the target passes that on its way.
    """
    return found >= policy.log_threshold * HEALTHY_SHARE
