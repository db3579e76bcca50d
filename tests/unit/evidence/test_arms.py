"""The likelihood ratio of two arms."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.evidence.arms import Rates, effective, log_ratio
from modelward.evidence.counts import Count


def expectation(n_c: int, n_s: int, truth: Rates, alternative: Rates, ratio: float) -> float:
    """Exact expectation of the bet's factor over two binomials."""
    return sum(
        math.comb(n_c, k_c)
        * truth.candidate**k_c
        * (1 - truth.candidate) ** (n_c - k_c)
        * math.comb(n_s, k_s)
        * truth.stable**k_s
        * (1 - truth.stable) ** (n_s - k_s)
        * math.exp(log_ratio(Count(n_c - k_c, k_c), Count(n_s - k_s, k_s), alternative, ratio))
        for k_c, k_s in itertools.product(range(n_c + 1), range(n_s + 1))
    )


rates = st.floats(0.001, 0.999)
sizes = st.integers(1, 6)


@given(sizes, sizes, rates, st.floats(0, 1), st.builds(Rates, rates, rates), st.floats(1, 3))
def test_fair_wherever_the_candidate_is_not_worse(
    n_c: int, n_s: int, p_s: float, share: float, alternative: Rates, ratio: float
) -> None:
    """For p_c <= ratio p_s at any level the expected factor is at most one."""
    if alternative.candidate > ratio * alternative.stable:
        truth = Rates(share * min(ratio * p_s, 1.0), p_s)
        assert expectation(n_c, n_s, truth, alternative, ratio) <= 1 + 1e-9


@given(sizes, sizes, rates, st.floats(0, 1), rates, st.floats(1.05, 3))
def test_fair_wherever_the_candidate_is_worse(
    n_c: int, n_s: int, p_s: float, share: float, rate: float, ratio: float
) -> None:
    """Turned round, for p_c >= ratio p_s at any level the expected factor is at most one."""
    if ratio * p_s <= 1:
        truth = Rates(ratio * p_s + share * (1 - ratio * p_s), p_s)
        assert expectation(n_c, n_s, truth, Rates(rate, rate), ratio) <= 1 + 1e-9


def test_fair_and_no_more_at_the_nearest_null() -> None:
    """Rare failures: at the margin the factor's expectation is close to one, so no evidence is given away."""
    truth = Rates(0.015, 0.01)
    assert expectation(5, 45, truth, Rates(0.05, 0.01), 1.5) == pytest.approx(1, abs=2e-3)


def test_gains_where_the_alternative_holds() -> None:
    """If the alternative is the truth the log of the factor grows on average."""
    mean = 0.25 * log_ratio(Count(0, 1), Count(1, 0), Rates(0.5, 0.25), 1.0)
    assert mean > 0


def test_effective_counts() -> None:
    """Fully correlated events are one event; independent ones are all of them."""
    assert effective(Count(5, 5), 1.0) == Count(0.5, 0.5)
    assert effective(Count(5, 5), 0.0) == Count(5, 5)


def test_no_traffic_of_stable_is_no_evidence() -> None:
    """Without events of stable any level is possible, so the factor is one."""
    assert log_ratio(Count(3, 2), Count(0, 0), Rates(0.4, 0.1), 1.5) == pytest.approx(0, abs=1e-12)
