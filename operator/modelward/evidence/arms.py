"""Two arms in the same block against a null ratio of their bad fractions: a likelihood-ratio bet.

The null is a half-plane bounded by p_c = r p_s. For the alternative (t_c, t_s) outside it let (r p, p) be
the point of that line with the least n_c KL(t_c, r p) + n_s KL(t_s, p). Then the likelihood ratio of the
alternative to that point has expectation at most one at *every* point of the null: the log of its
expectation is concave in (p_c, p_s), zero at (r p, p), and its gradient there is the negative of the
divergence's, which at its minimum over a convex set points into that set (reverse information
projection; Turner & Grünwald 2023, "Exact anytime-valid confidence intervals for contingency tables and
beyond"). So the bet needs no knowledge of the level that both arms share, and that level may change from
block to block.

Events that are correlated within a block are worth fewer: each arm's counts are divided by its design
effect first. By Jensen's inequality this keeps the expectation at most one for independent events; for
correlated ones it makes a quasi-likelihood, whose error rates rest on simulation.
"""

import math
from dataclasses import dataclass
from typing import Final

from modelward.evidence.baseline import Baseline
from modelward.evidence.counts import Count

BASELINE_EVENTS: Final = 500
"""Events of stable before its correlation is known well enough for this bet to be placed."""
LARGEST_SHARE: Final = 1 / 3
"""Largest gain of one block, as a share of what a verdict needs."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Bad fractions of the two arms, each strictly between 0 and 1."""

    candidate: float
    stable: float


def effective(count: Count, correlation: float) -> Count:
    """Counts divided by the design effect 1 + (n - 1) icc."""
    effect = 1 + max(count.total - 1, 0.0) * correlation
    return Count(count.good / effect, count.bad / effect)


def tempered_step(
    candidate: Count, stable: Count, alternative: Rates, ratio: float, baseline: Baseline, needed: float
) -> float:
    """Log of the bet's factor as it is placed: on effective counts, and capped; `needed` is in nats.

    `baseline` is stable's, of `BASELINE_EVENTS` or more.
    """
    icc = baseline.correlation
    step = log_ratio(effective(candidate, icc), effective(stable, icc), alternative, ratio)
    return min(step, needed * LARGEST_SHARE)


def log_ratio(candidate: Count, stable: Count, alternative: Rates, ratio: float) -> float:
    """Log of the bet's factor: likelihood under the alternative over that under the nearest null.

    The alternative must lie outside the null of which p_c = ratio * p_s is the boundary.
    """
    n_c, n_s = candidate.total, stable.total
    null = _nearest(n_c, n_s, alternative, ratio)
    return _log_likelihood_ratio(candidate, alternative.candidate, null.candidate) + _log_likelihood_ratio(
        stable, alternative.stable, null.stable
    )


def _log_likelihood_ratio(count: Count, alternative: float, null: float) -> float:
    return count.bad * math.log(alternative / null) + count.good * math.log((1 - alternative) / (1 - null))


def _nearest(n_c: float, n_s: float, alternative: Rates, ratio: float) -> Rates:
    """The smaller root of the stationarity condition, a quadratic in p = p_s."""
    t_c, t_s = alternative.candidate, alternative.stable
    a = ratio * (n_c + n_s)
    b = n_c * (ratio + t_c) + n_s * (1 + ratio * t_s)
    c = n_c * t_c + n_s * t_s
    # 2c / (b + root) is the smaller root without the cancellation of (b - root) / 2a.
    p = 2 * c / (b + math.sqrt(max(b * b - 4 * a * c, 0.0)))
    return Rates(ratio * p, p)
