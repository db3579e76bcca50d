"""Slow storage as the cause: is only bad what came while storage was slow?

The question is asked in an *episode*: from the block on at whose beginning the evidence against the target
stands out (`target.stands_out`) until it no longer does. With b the allowed bad fraction, slow storage
explains an episode when both of these are shown in it, and slow events make up most of the bad ones:

- *Slow events are worse than allowed.* Null: their expected bad fraction is at most b in every block. Bounded
  bets 1 + s (x/b - 1) on the slow events' bad fraction x, s in `target.BET_SHARES`; valid whatever the
  correlation inside a block.
- *Fast events are fine.* Null: their expected bad fraction is at least c = b + min(b, (p - b) / 4) in every
  block, p being the slow events' bad fraction so far, drawn to b. So fine is closer to what is allowed than
  to what the slow events do, and at most twice what is allowed. The bet is the likelihood ratio of q to c on
  the fast events, q being their usual bad fraction, at most c/2: for q < c its expectation under the null is
  largest, and one, at c. Valid for independent events; tempered as in `arms` by the design effect of the fast
  events' own long run.

A bet that starts at block j has weight 1/(j(j+1)), one in all, so that a few wrong labels at first do not
defeat it for ever. Each wealth reaches 1/`ALPHA` with a chance of at most `ALPHA` if its null holds (Ville
1939). Where the cause is not storage one of the nulls does hold: if storage makes no difference, fast events
are as bad as slow ones. So the chance that it is ever said to explain one such episode is at most `ALPHA`
(intersection-union, Berger 1982).

A monitor notices by its next probe that storage became slow, so the last fast events before are suspect:
those of the first block with slow events, and of the block before it, are left out. What is left out is
chosen by labels alone, which under the null say nothing about the fast events' badness. Fast events
therefore count one block late. Their evidence wanes while none come, so it speaks of the last minutes.

No fast event in an episode, too few, or none known: not shown, and nothing is explained.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Final

from modelward.evidence.arms import BASELINE_EVENTS, LARGEST_SHARE, effective
from modelward.evidence.baseline import Baseline
from modelward.evidence.counts import Block, Count, StorageSplit
from modelward.evidence.log_space import log_add, log_mean
from modelward.evidence.target import BET_SHARES

ALPHA: Final = 0.01
LOG_THRESHOLD: Final = -math.log(ALPHA)
LARGEST_MULTIPLE: Final = 2.0
"""Fast events at this multiple of the allowed bad fraction are never fine."""
EXCESS_SHARE: Final = 0.25
"""Nor at this share of the way from what is allowed to what slow events do."""
PRIOR_EVENTS: Final = 10.0
"""Slow events as good as allowed, by which their bad fraction is drawn to what is allowed."""
CEILING: Final = 3.0
"""How far (nats) a wealth may stand above the threshold, so that news soon outweighs it."""
WANING: Final = 0.05
"""Nats by which the evidence that fast events are fine falls in a block without any."""
LEAST_SHARE_OF_BAD: Final = 0.5
"""Share of the bad events that must have come while storage was slow."""
_SMALLEST_RATE: Final = 1 / 20
"""Of c: a usual bad fraction below is taken for this, so that one bad event is no disproof."""
_LARGEST_STEP: Final = LOG_THRESHOLD * LARGEST_SHARE


@dataclass(frozen=True, slots=True)
class Episode:
    """What an episode has shown.

    Args:
        log_slow: log wealth of the bets on slow events, in the order of `BET_SHARES`.
        slow_bets: blocks that moved them.
        log_fast: log wealth of the bet on fast events.
        fast_bets: blocks that moved it.
        fast_good, fast_bad, slow_good, slow_bad: events in the episode.
        bad: all its bad events, also those that came while nobody knew how storage was.
    """

    log_slow: tuple[float, ...] = (-math.inf,) * len(BET_SHARES)
    slow_bets: int = 0
    log_fast: float = -math.inf
    fast_bets: int = 0
    fast_good: float = 0.0
    fast_bad: float = 0.0
    slow_good: float = 0.0
    slow_bad: float = 0.0
    bad: float = 0.0


@dataclass(frozen=True, slots=True)
class StorageState:
    """Where one revision and objective stand.

    Args:
        episode: the episode that goes on; None while the evidence does not stand out.
        usual: long-run counts of fast events.
        held_good, held_bad: fast events of the last block with any known by storage, not yet used.
        was_slow: 1 if that block had slow events, else 0.
    """

    episode: Episode | None = None
    usual: Baseline = field(default_factory=Baseline)
    held_good: float = 0.0
    held_bad: float = 0.0
    was_slow: int = 0


_START: Final = StorageState()


def start() -> StorageState:
    """The state before any block."""
    return _START


def begin(state: StorageState) -> StorageState:
    """The state in an episode: the one that goes on, or a new one. Fast events held over are of neither."""
    if state.episode:
        return state
    return StorageState(Episode(), state.usual, was_slow=state.was_slow)


def end(state: StorageState) -> StorageState:
    """The state outside an episode."""
    return replace(state, episode=None) if state.episode else state


def skip(state: StorageState, blocks: int) -> StorageState:
    """The state after a number of Unknown blocks."""
    return replace(state, episode=_waned(state.episode, blocks)) if state.episode and blocks else state


def advance(allowed_bad: float, state: StorageState, block: Block, keep: float) -> StorageState:
    """The state after one more block; `keep` is what the long run keeps of its past over one."""
    if block is None:
        return skip(state, 1)
    split = block.split
    if split is None:
        return (
            replace(state, episode=_with_bad(_waned(state.episode, 1), block.bad)) if state.episode else state
        )
    is_slow = split.slow_good + split.slow_bad > 0
    became_slow = is_slow and not state.was_slow
    held = None if became_slow else Count(state.held_good, state.held_bad)
    episode = state.episode and _moved(allowed_bad, state.usual, state.episode, held, split)
    return StorageState(
        _with_bad(episode, block.bad) if episode else None,
        state.usual.advance(held, keep),
        0.0 if became_slow else split.fast_good,
        0.0 if became_slow else split.fast_bad,
        int(is_slow),
    )


def slow_log_evidence(episode: Episode) -> float:
    """Log of the evidence that slow events are worse than allowed."""
    return log_mean(episode.log_slow)


def explains(state: StorageState) -> bool:
    """Whether it is shown that only what came while storage was slow is bad."""
    episode = state.episode
    return (
        episode is not None
        and slow_log_evidence(episode) >= LOG_THRESHOLD
        and episode.log_fast >= LOG_THRESHOLD
        and episode.slow_bad >= LEAST_SHARE_OF_BAD * episode.bad
    )


def _moved(
    allowed_bad: float, usual: Baseline, episode: Episode, held: Block, split: StorageSplit
) -> Episode:
    """With the bets on the fast events held over, then on the slow events of this block."""
    log_fast, fast_bets = episode.log_fast, episode.fast_bets
    if held and held.total:
        step = _fast_step(_fine_below(allowed_bad, episode), usual, held)
        log_fast = _wealth(log_fast, fast_bets, step)
        fast_bets += 1
    else:
        log_fast -= WANING
    log_slow, slow_bets = episode.log_slow, episode.slow_bets
    slow = split.slow_good + split.slow_bad
    if slow:
        excess = split.slow_bad / slow / allowed_bad - 1
        log_slow = tuple(
            _wealth(log, slow_bets, math.log1p(share * excess))
            for log, share in zip(log_slow, BET_SHARES, strict=True)
        )
        slow_bets += 1
    return Episode(
        log_slow,
        slow_bets,
        log_fast,
        fast_bets,
        episode.fast_good + split.fast_good,
        episode.fast_bad + split.fast_bad,
        episode.slow_good + split.slow_good,
        episode.slow_bad + split.slow_bad,
        episode.bad,
    )


def _wealth(log: float, bets: int, step: float) -> float:
    """With the bet that starts now, after the factor of this block."""
    onset = -math.log((bets + 1) * (bets + 2))
    return min(log_add(log, onset) + min(step, _LARGEST_STEP), LOG_THRESHOLD + CEILING)


def _fine_below(allowed_bad: float, episode: Episode) -> float:
    """Return c as above, for what the slow events did so far."""
    events = episode.slow_good + episode.slow_bad + PRIOR_EVENTS
    excess = (episode.slow_bad + PRIOR_EVENTS * allowed_bad) / events - allowed_bad
    return allowed_bad + min(allowed_bad * (LARGEST_MULTIPLE - 1), max(excess, 0.0) * EXCESS_SHARE)


def _fast_step(bound: float, usual: Baseline, held: Count) -> float:
    """Log of the factor of the bet on fast events; 0 before their long run is known."""
    if usual.total < BASELINE_EVENTS:
        return 0.0
    rate = min(max(usual.rate, bound * _SMALLEST_RATE), bound / 2)
    fast = effective(held, usual.correlation)
    return fast.bad * math.log(rate / bound) + fast.good * math.log((1 - rate) / (1 - bound))


def _waned(episode: Episode, blocks: int) -> Episode:
    return replace(episode, log_fast=episode.log_fast - WANING * blocks)


def _with_bad(episode: Episode, bad: float) -> Episode:
    return replace(episode, bad=episode.bad + bad)
