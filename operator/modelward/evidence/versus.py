"""Against stable: is a candidate's bad fraction above `max_ratio` times that of stable plus `max_margin`?

Two kinds of bets, whose e-processes are averaged:

- bounded: e = 1 + g (x_c/b_t - 1), g in `BET_SHARES`, with x_c the candidate's bad fraction of the block
  and b_t = max_ratio * max(U, x_s, (K+1)/N) + max_margin. U is the upper bound of stable's long-run bad
  fraction, x_s stable's in this block, K of N stable's recent bad and all events, those of one block ago
  weighted `WINDOW_KEEP` and so on. Valid while stable's rate is at most U, whatever the correlation inside a
  block. While it is above, having just risen, the window stands in: for K a sum of binomials weighted at most
  1, E[1/(K+1)] <= 1/(p N), so no bet by itself is better than fair; nor with a margin m, for 1/(r/Z + m) is
  concave in Z = N/(K+1). But bets that follow one another share the window: their product rests on
  simulation.
- likelihood: the two-arm likelihood ratio of `arms`, with the recent rates as predictable alternative. Valid
  for independent events whatever level the arms share; tempered for correlated ones.

A bet that starts at block j has weight w_j, `FIRST_ONSET_WEIGHT` for the first and the rest over j(j+1),
which sum to one: so a candidate that turns bad late is found as well, and the chance of ever rejecting one
that is not worse is at most alpha. In the permanent form every w_j is one (Shiryaev-Roberts) and alpha
bounds the rate of false alarms per block instead.
"""

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from modelward.evidence.arms import BASELINE_EVENTS, Boundary, Rates, tempered_step
from modelward.evidence.baseline import Baseline
from modelward.evidence.counts import Block, Count
from modelward.evidence.log_space import log_add, log_mean

BET_SHARES: Final = (0.1, 0.3, 0.6, 0.9)
WINDOW_KEEP: Final = 0.9
"""Kept of the window (K of N) over one block: it spans some ten."""
RECENT_KEEP: Final = 0.97
"""Kept of the recent rates that make the likelihood bet's alternative."""
FIRST_ONSET_WEIGHT: Final = 0.8
PRIOR_BAD_EVENTS: Final = 0.5
"""Bad events that the candidate is supposed to have had before it has had any, at about twice the
tolerated rate: so the likelihood bet is placed from the first block on."""
BLOCKS_BEFORE_VERDICT: Final = 4
RECENT_BLOCKS: Final = 6
RECENT_BAD_BLOCKS: Final = 3
CEILING: Final = 3.0
"""How far (nats) evidence may stand above the threshold, so that it is gone soon after its cause."""


class Form(Enum):
    """What alpha bounds: the chance of a false rejection in a step, or the rate of them per block."""

    STEP = "Step"
    PERMANENT = "Permanent"


class Bets(Enum):
    """Which bets are placed: those valid by argument alone, or the tempered likelihood ratio too."""

    BOUNDED = "Bounded"
    BOUNDED_AND_LIKELIHOOD = "BoundedAndLikelihood"


@dataclass(frozen=True, slots=True)
class VersusPolicy:
    """When a candidate is worse than stable.

    Args:
        max_ratio: largest ratio of bad fractions, candidate to stable, that is tolerated; at least 1.
        max_margin: tolerated on top of it, as an absolute share of events; from 0, below 1.
        alpha: bound on the chance of a false rejection (step) or on their rate per block (permanent).
        form: which of the two.
        bets: which bets to place.

    Raises:
        ValueError: if max_ratio, max_margin or alpha is outside its range.
    """

    max_ratio: float
    alpha: float
    form: Form = Form.STEP
    bets: Bets = Bets.BOUNDED_AND_LIKELIHOOD
    max_margin: float = 0.0
    log_threshold: float = field(init=False)

    def __post_init__(self) -> None:
        """Check the ranges and work out the threshold in nats."""
        if not 1 <= self.max_ratio < math.inf:
            msg = (
                f"max_ratio must be at least 1 (1.5 tolerates half as many bad again), got {self.max_ratio!r}"
            )
            raise ValueError(msg)
        if not 0 < self.alpha < 1:
            msg = f"alpha must lie between 0 and 1, got {self.alpha!r}"
            raise ValueError(msg)
        if not 0 <= self.max_margin < 1:
            msg = f"max_margin must be from 0 to below 1 (0.02 tolerates 2 points), got {self.max_margin!r}"
            raise ValueError(msg)
        object.__setattr__(self, "log_threshold", -math.log(self.alpha))

    @property
    def boundary(self) -> Boundary:
        """The worst that is tolerated."""
        return Boundary(self.max_ratio, self.max_margin)


@dataclass(frozen=True, slots=True)
class VersusState:
    """Where a comparison stands.

    Args:
        log_bounded: log wealth of the bounded bets, in the order of `BET_SHARES`.
        log_likelihood: log wealth of the likelihood bet.
        blocks: blocks in which the candidate had traffic.
        bad_blocks: the last `RECENT_BLOCKS` of those as bits, newest lowest, set where more of its
            events were bad than is tolerated beside stable's K of N.
        candidate_total, candidate_bad: its recent events, one block's weight falling by `RECENT_KEEP`.
        stable_total, stable_bad: likewise.
        window_total, window_bad: N and K above.
    """

    log_bounded: tuple[float, ...] = (-math.inf,) * len(BET_SHARES)
    log_likelihood: float = -math.inf
    blocks: int = 0
    bad_blocks: int = 0
    candidate_total: float = 0.0
    candidate_bad: float = 0.0
    stable_total: float = 0.0
    stable_bad: float = 0.0
    window_total: float = 0.0
    window_bad: float = 0.0


def start() -> VersusState:
    """The state at the beginning of a step."""
    return VersusState()


def advance(
    policy: VersusPolicy, state: VersusState, baseline: Baseline, candidate: Block, stable: Block
) -> VersusState:
    """The state after one more block of both arms.

    `baseline` is stable's from before this block. A block that is Unknown for either arm changes nothing;
    one without traffic of the candidate only shows how stable does.
    """
    if candidate is None or stable is None:
        return state
    keep = WINDOW_KEEP if stable.total else 1.0
    window_total, window_bad = state.window_total * keep + stable.total, state.window_bad * keep + stable.bad
    log_bounded, log_likelihood = state.log_bounded, state.log_likelihood
    blocks, bad_blocks = state.blocks, state.bad_blocks
    if candidate.total:
        onset = _log_onset_weight(policy.form, blocks)
        bound = _tolerated(policy.boundary, baseline, stable, (window_bad + 1) / max(window_total, 1.0))
        ceiling = policy.log_threshold + CEILING
        log_bounded = tuple(
            min(log_add(wealth, onset) + step, ceiling)
            for wealth, step in zip(log_bounded, _bounded_steps(candidate, bound), strict=True)
        )
        step = _likelihood_step(policy, state, baseline, candidate, stable)
        log_likelihood = min(log_add(log_likelihood, onset) + step, ceiling)
        blocks += 1
        usual = policy.boundary.at(window_bad / max(window_total, 1.0))
        bad_blocks = (bad_blocks << 1 | (candidate.bad > usual * candidate.total)) & (1 << RECENT_BLOCKS) - 1
    keep_c, keep_s = (RECENT_KEEP if count.total else 1.0 for count in (candidate, stable))
    return VersusState(
        log_bounded,
        log_likelihood,
        blocks,
        bad_blocks,
        state.candidate_total * keep_c + candidate.total,
        state.candidate_bad * keep_c + candidate.bad,
        state.stable_total * keep_s + stable.total,
        state.stable_bad * keep_s + stable.bad,
        window_total,
        window_bad,
    )


def log_evidence(policy: VersusPolicy, state: VersusState) -> float:
    """Log of the averaged e-processes; -inf before the first block with candidate traffic."""
    bounded = log_mean(state.log_bounded)
    if policy.bets is Bets.BOUNDED:
        return bounded
    return log_mean((bounded, state.log_likelihood))


def breached(policy: VersusPolicy, state: VersusState) -> bool:
    """Whether the candidate is shown to be worse.

    Not before `BLOCKS_BEFORE_VERDICT` blocks with its traffic, nor unless `RECENT_BAD_BLOCKS` of the last
    `RECENT_BLOCKS` were worse than is tolerated: one burst is no reason to reject.
    """
    return (
        state.blocks >= BLOCKS_BEFORE_VERDICT
        and state.bad_blocks.bit_count() >= RECENT_BAD_BLOCKS
        and log_evidence(policy, state) >= policy.log_threshold
    )


def _log_onset_weight(form: Form, block: int) -> float:
    if form is Form.PERMANENT:
        return 0.0
    if block == 0:
        return math.log(FIRST_ONSET_WEIGHT)
    return math.log((1 - FIRST_ONSET_WEIGHT) / (block * (block + 1)))


def _tolerated(boundary: Boundary, baseline: Baseline, stable: Count, window: float) -> float:
    """b_t; 1 or more when nothing the candidate does in this block could be called worse."""
    now = stable.bad / stable.total if stable.total else 0.0
    return boundary.at(max(baseline.upper, now, window))


def _bounded_steps(candidate: Count, bound: float) -> tuple[float, ...]:
    """Logs of the bounded bets' factors; no bet is placed that could only lose."""
    if bound >= 1:
        return (0.0,) * len(BET_SHARES)
    excess = candidate.bad / candidate.total / bound - 1
    return tuple(math.log1p(share * excess) for share in BET_SHARES)


def _likelihood_step(
    policy: VersusPolicy, state: VersusState, baseline: Baseline, candidate: Count, stable: Count
) -> float:
    """Log of the likelihood bet's factor; 0 where it is not placed."""
    if policy.bets is Bets.BOUNDED or baseline.total < BASELINE_EVENTS:
        return 0.0
    alternative = _alternative(policy.boundary, state, baseline)
    if alternative is None:
        return 0.0
    return tempered_step(candidate, stable, alternative, policy.boundary, baseline, policy.log_threshold)


def _alternative(line: Boundary, state: VersusState, baseline: Baseline) -> Rates | None:
    """The arms' rates as the past has them; None while they speak for the null."""
    usual = min(baseline.total, BASELINE_EVENTS)
    stable = (state.stable_bad + usual * baseline.rate) / (state.stable_total + usual)
    boundary = line.at(stable)
    prior_events, prior_rate = PRIOR_BAD_EVENTS / boundary, boundary + boundary * (1 - boundary)
    candidate = (state.candidate_bad + prior_events * prior_rate) / (state.candidate_total + prior_events)
    return Rates(candidate, stable) if boundary < candidate < 1 else None
