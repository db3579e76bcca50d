"""The likelihood ratio of two arms."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.evidence.arms import Boundary, Rates, effective, log_ratio
from modelward.evidence.counts import Count


def expectation(n_c: int, n_s: int, truth: Rates, alternative: Rates, line: Boundary) -> float:
    """Exact expectation of the bet's factor over two binomials."""
    return sum(
        math.comb(n_c, k_c)
        * truth.candidate**k_c
        * (1 - truth.candidate) ** (n_c - k_c)
        * math.comb(n_s, k_s)
        * truth.stable**k_s
        * (1 - truth.stable) ** (n_s - k_s)
        * math.exp(log_ratio(Count(n_c - k_c, k_c), Count(n_s - k_s, k_s), alternative, line))
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
        assert expectation(n_c, n_s, truth, alternative, Boundary(ratio)) <= 1 + 1e-9


@given(sizes, sizes, rates, st.floats(0, 1), rates, st.floats(1.05, 3))
def test_fair_wherever_the_candidate_is_worse(
    n_c: int, n_s: int, p_s: float, share: float, rate: float, ratio: float
) -> None:
    """Turned round, for p_c >= ratio p_s at any level the expected factor is at most one."""
    if ratio * p_s <= 1:
        truth = Rates(ratio * p_s + share * (1 - ratio * p_s), p_s)
        assert expectation(n_c, n_s, truth, Rates(rate, rate), Boundary(ratio)) <= 1 + 1e-9


@given(
    sizes,
    sizes,
    rates,
    st.floats(0, 1),
    st.builds(Rates, rates, rates),
    st.builds(Boundary, st.floats(1, 2), st.floats(0.01, 0.5)),
)
def test_fair_within_a_margin(
    n_c: int, n_s: int, p_s: float, share: float, alternative: Rates, line: Boundary
) -> None:
    """For p_c <= ratio p_s + margin at any level the expected factor is at most one."""
    if alternative.candidate > line.at(alternative.stable):
        truth = Rates(share * min(line.at(p_s), 1.0), p_s)
        assert expectation(n_c, n_s, truth, alternative, line) <= 1 + 1e-9


@given(sizes, sizes, rates, st.floats(0, 1), rates, st.floats(0.01, 0.5))
def test_fair_beyond_a_margin(
    n_c: int, n_s: int, p_s: float, share: float, rate: float, margin: float
) -> None:
    """Turned round, for p_c >= p_s + margin at any level the expected factor is at most one."""
    if p_s + margin <= 1:
        truth = Rates(p_s + margin + share * (1 - p_s - margin), p_s)
        assert expectation(n_c, n_s, truth, Rates(rate, rate), Boundary(margin=margin)) <= 1 + 1e-9


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.builds(Rates, rates, rates), st.floats(1, 2))
def test_a_small_margin_is_almost_none(n_c: float, n_s: float, alternative: Rates, ratio: float) -> None:
    """As the margin goes to nothing the factor goes to that of the ratio alone."""
    if alternative.candidate > ratio * alternative.stable + 1e-6:
        counts = Count(n_c, n_c / 2), Count(n_s, n_s / 3)
        small = log_ratio(*counts, alternative, Boundary(ratio, 1e-14))
        assert small == pytest.approx(log_ratio(*counts, alternative, Boundary(ratio)), rel=1e-4, abs=1e-6)


def test_fair_and_no_more_at_the_nearest_margin() -> None:
    """At the margin the factor's expectation is close to one, so no evidence is given away."""
    truth = Rates(0.35, 0.3)
    assert expectation(6, 6, truth, Rates(0.5, 0.3), Boundary(margin=0.05)) == pytest.approx(1, abs=2e-2)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.builds(Rates, rates, rates), st.floats(1, 2))
def test_fractions_gain_no_more_than_whole_events(
    errors: list[float], alternative: Rates, ratio: float
) -> None:
    """A fraction's factor is at most the mean of those of a good and a bad event, by its weight."""
    if alternative.candidate > ratio * alternative.stable:
        line, stable = Boundary(ratio), Count(6, 2)
        bad = sum(errors)
        fractional = log_ratio(Count(len(errors) - bad, bad), stable, alternative, line)
        whole = sum(
            weight * math.exp(log_ratio(Count(len(errors) - k, k), stable, alternative, line))
            for k, weight in enumerate(_poisson_binomial(errors))
        )
        assert math.exp(fractional) <= whole * (1 + 1e-9)


def _poisson_binomial(chances: list[float]) -> list[float]:
    """Chance of each number of bad events, of events that are bad with these chances."""
    found = [1.0]
    for chance in chances:
        found = [
            (1 - chance) * stay + chance * come
            for stay, come in zip([*found, 0.0], [0.0, *found], strict=True)
        ]
    return found


def test_fair_and_no_more_at_the_nearest_null() -> None:
    """Rare failures: at the margin the factor's expectation is close to one, so no evidence is given away."""
    truth = Rates(0.015, 0.01)
    assert expectation(5, 45, truth, Rates(0.05, 0.01), Boundary(1.5)) == pytest.approx(1, abs=2e-3)


def test_gains_where_the_alternative_holds() -> None:
    """If the alternative is the truth the log of the factor grows on average."""
    mean = 0.25 * log_ratio(Count(0, 1), Count(1, 0), Rates(0.5, 0.25), Boundary())
    assert mean > 0


def test_effective_counts() -> None:
    """Fully correlated events are one event; independent ones are all of them."""
    assert effective(Count(5, 5), 1.0) == Count(0.5, 0.5)
    assert effective(Count(5, 5), 0.0) == Count(5, 5)


@pytest.mark.parametrize("line", [Boundary(1.5), Boundary(margin=0.1)])
def test_no_traffic_of_stable_is_no_evidence(line: Boundary) -> None:
    """Without events of stable any level is possible, so the factor is one."""
    assert log_ratio(Count(3, 2), Count(0, 0), Rates(0.4, 0.1), line) == pytest.approx(0, abs=1e-12)


def test_the_nearest_null_is_found_where_steps_no_longer_come_closer() -> None:
    """Rounding keeps the last steps from agreeing: the search ends all the same, as near as numbers allow."""
    candidate, stable, line = 6484.199227686911, 0.018297705662152046, Boundary(3, 0.4540273893864437)
    alternative = Rates(0.454853174640707, 1.4646015609869163e-07)

    def divergence(p: float) -> float:
        """Of the alternative from a point of the line, which is what its own counts are worth there."""
        own = ((candidate, alternative.candidate, line.at(p)), (stable, alternative.stable, p))
        return sum(n * (t * math.log(t / q) + (1 - t) * math.log((1 - t) / (1 - q))) for n, t, q in own)

    counts = [
        Count(n * (1 - t), n * t)
        for n, t in ((candidate, alternative.candidate), (stable, alternative.stable))
    ]
    least = min(divergence(p * 1e-9) for p in range(1, 300_000))
    assert log_ratio(counts[0], counts[1], alternative, line) == pytest.approx(least, rel=1e-6)
