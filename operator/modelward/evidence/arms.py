"""Two arms in the same block against a null on their bad fractions: a likelihood-ratio bet.

The null is a half-plane bounded by p_c = r p_s + m, a ratio or an absolute margin. For the alternative
(t_c, t_s) outside it let (q, p) be the point of that line with the least n_c KL(t_c, q) + n_s KL(t_s, p).
Then the likelihood ratio of the alternative to that point has expectation at most one at *every* point of
the null: the log of its expectation is concave in (p_c, p_s), zero at (q, p), and its gradient there is the
negative of the divergence's, which at its minimum over a convex set points into that set (reverse information
projection; Turner & Grünwald 2023, "Exact anytime-valid confidence intervals for contingency tables and
beyond"). So the bet needs no knowledge of the level that both arms share, and that level may change from
block to block.

Events may also be fractions x in [0, 1] of a bad one (a bounded error): an event's factor a^x d^(1-x) is
convex in x, so at most x a + (1-x) d, whose expectation is that of an event that is bad with chance E[x].

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


_MOST_STEPS: Final = 100
"""Of the search for the nearest null; it halves a bracket at worst, so far fewer than this do."""
_EXACT: Final = 1e-14
"""Length of a step, as a share of where it leads to, at which the search is over."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """The line p_c = ratio * p_s + margin between the null and the alternative.

    Args:
        ratio: above 0.
        margin: from 0, below 1.
    """

    ratio: float = 1.0
    margin: float = 0.0

    def at(self, stable: float) -> float:
        """The candidate's bad fraction on the line, where stable's is this; it may be above 1."""
        return self.ratio * stable + self.margin


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
    candidate: Count,
    stable: Count,
    alternative: Rates,
    boundary: Boundary,
    baseline: Baseline,
    needed: float,
) -> float:
    """Log of the bet's factor as it is placed: on effective counts, and capped; `needed` is in nats.

    `baseline` is stable's, of `BASELINE_EVENTS` or more.
    """
    icc = baseline.correlation
    step = log_ratio(effective(candidate, icc), effective(stable, icc), alternative, boundary)
    return min(step, needed * LARGEST_SHARE)


def log_ratio(candidate: Count, stable: Count, alternative: Rates, boundary: Boundary) -> float:
    """Log of the bet's factor: likelihood under the alternative over that under the nearest null.

    The alternative must lie outside the null that the line bounds.
    """
    events = candidate.total, stable.total
    nearest = _nearest_at_margin if boundary.margin else _nearest_at_ratio
    p = nearest(events, alternative, boundary)
    return _log_likelihood_ratio(candidate, alternative.candidate, boundary.at(p)) + _log_likelihood_ratio(
        stable, alternative.stable, p
    )


def _log_likelihood_ratio(count: Count, alternative: float, null: float) -> float:
    if not count.total:
        return 0.0
    return count.bad * math.log(alternative / null) + count.good * math.log((1 - alternative) / (1 - null))


def _nearest_at_ratio(events: tuple[float, float], alternative: Rates, boundary: Boundary) -> float:
    """p_s without a margin: the smaller root of the stationarity condition, a quadratic."""
    (n_c, n_s), ratio = events, boundary.ratio
    t_c, t_s = alternative.candidate, alternative.stable
    a = ratio * (n_c + n_s)
    b = n_c * (ratio + t_c) + n_s * (1 + ratio * t_s)
    c = n_c * t_c + n_s * t_s
    # 2c / (b + root) is the smaller root without the cancellation of (b - root) / 2a.
    return 2 * c / (b + math.sqrt(max(b * b - 4 * a * c, 0.0)))


def _nearest_at_margin(events: tuple[float, float], alternative: Rates, boundary: Boundary) -> float:
    """p_s with a margin: the one root, between the alternative's own two, of a cubic.

    The divergence is convex along the line, so its slope rises:
    r n_c (q - t_c)/(q (1-q)) + n_s (p - t_s)/(p (1-p)), which times both denominators is a cubic of the same
    sign. Newton's steps, halving where one leaves the bracket.
    """
    (n_c, n_s), ratio, margin = events, boundary.ratio, boundary.margin
    t_c, t_s = alternative.candidate, alternative.stable
    own = (t_c - margin) / ratio, t_s
    low, high = max(min(own), 0.0), min(max(own), (1 - margin) / ratio)
    p = low + (high - low) * (n_s if own[1] > own[0] else n_c) / (n_c + n_s)
    for _ in range(_MOST_STEPS):
        q = ratio * p + margin
        value = ratio * n_c * (q - t_c) * p * (1 - p) + n_s * (p - t_s) * q * (1 - q)
        low, high = (p, high) if value < 0 else (low, p)
        slope = ratio * n_c * (ratio * p * (1 - p) + (q - t_c) * (1 - 2 * p)) + n_s * (
            q * (1 - q) + (p - t_s) * ratio * (1 - 2 * q)
        )
        newton = p - value / slope if slope else low
        if abs(newton - p) <= _EXACT * p:
            break
        p = newton if low < newton < high else (low + high) / 2
    return p
