"""Not worse: is a candidate shown to be less than `ratio` times as bad as stable plus `margin`?

It ends a step early. The null is p_c >= ratio * p_s + margin in every block. Two e-processes are averaged:
the two-arm likelihood ratio of `arms` with equal rates as the alternative (valid for independent events
whatever level the arms share, tempered for correlated ones), and the bounded bet
1 + s (ratio x_s + margin - x_c), s = `BOUNDED_BET`, valid whatever the correlation inside a block.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from modelward.evidence.arms import BASELINE_EVENTS, Boundary, Rates, tempered_step
from modelward.evidence.baseline import Baseline
from modelward.evidence.counts import Block
from modelward.evidence.log_space import log_mean

BOUNDED_BET: Final = 0.9
CEILING: Final = 3.0
"""How far (nats) evidence may stand above the threshold."""


@dataclass(frozen=True, slots=True)
class NotWorsePolicy:
    """When a candidate is as good as it needs to be.

    Args:
        ratio: ratio of bad fractions, candidate to stable, that must be ruled out; above 1, or 1 with a
            margin.
        alpha: bound on the chance of ruling it out falsely.
        margin: added to it, as an absolute share of events; from 0, below 1.

    Raises:
        ValueError: if one of them is outside its range.
    """

    ratio: float
    alpha: float
    margin: float = 0.0
    log_threshold: float = field(init=False)

    def __post_init__(self) -> None:
        """Check the ranges and work out the threshold in nats."""
        if not 0 <= self.margin < 1:
            msg = f"margin must be from 0 to below 1 (0.02 rules out 2 points), got {self.margin!r}"
            raise ValueError(msg)
        if not 1 <= self.ratio < math.inf or (self.ratio == 1 and not self.margin):
            msg = (
                "ratio must be above 1 (1.5 rules out half as many bad again), or 1 with a margin, "
                f"got {self.ratio!r}"
            )
            raise ValueError(msg)
        if not 0 < self.alpha < 1:
            msg = f"alpha must lie between 0 and 1, got {self.alpha!r}"
            raise ValueError(msg)
        object.__setattr__(self, "log_threshold", -math.log(self.alpha))

    @property
    def boundary(self) -> Boundary:
        """The best that must be ruled out."""
        return Boundary(self.ratio, self.margin)


@dataclass(frozen=True, slots=True)
class NotWorseState:
    """Log wealth of the two bets, and events of both arms so far."""

    log_likelihood: float = 0.0
    log_bounded: float = 0.0
    total: float = 0.0
    bad: float = 0.0


def start() -> NotWorseState:
    """The state at the beginning of a step."""
    return NotWorseState()


def advance(
    policy: NotWorsePolicy, state: NotWorseState, baseline: Baseline, candidate: Block, stable: Block
) -> NotWorseState:
    """The state after one more block; `baseline` is stable's from before it.

    Bets are placed only on blocks in which both arms had traffic.
    """
    if candidate is None or stable is None or not candidate.total or not stable.total:
        return state
    ceiling = policy.log_threshold + CEILING
    gain = BOUNDED_BET * (policy.boundary.at(stable.bad / stable.total) - candidate.bad / candidate.total)
    log_likelihood = state.log_likelihood
    if baseline.total >= BASELINE_EVENTS:
        # One rate for both arms: what stable usually does, and both did so far.
        bad = BASELINE_EVENTS * baseline.rate + state.bad
        rate = bad / (BASELINE_EVENTS + state.total)
        equal = Rates(rate, rate)
        log_likelihood += tempered_step(
            candidate, stable, equal, policy.boundary, baseline, policy.log_threshold
        )
    return NotWorseState(
        min(log_likelihood, ceiling),
        min(state.log_bounded + math.log1p(gain), ceiling),
        state.total + candidate.total + stable.total,
        state.bad + candidate.bad + stable.bad,
    )


def log_evidence(state: NotWorseState) -> float:
    """Log of the averaged e-processes."""
    return log_mean((state.log_likelihood, state.log_bounded))


def shown(policy: NotWorsePolicy, state: NotWorseState) -> bool:
    """Whether the candidate is shown to be not worse."""
    return log_evidence(state) >= policy.log_threshold
