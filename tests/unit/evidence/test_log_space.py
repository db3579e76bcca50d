"""Sums of numbers kept as logarithms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.evidence.log_space import log_add, log_mean, log_sum

logs = st.floats(-700, 700) | st.just(-math.inf)


@given(a=logs, b=logs)
def test_log_add_is_the_log_of_the_sum(a: float, b: float) -> None:
    """log_add agrees with adding the numbers themselves, in either order."""
    expected = math.exp(a) + math.exp(b)
    assert math.exp(log_add(a, b)) == pytest.approx(expected, rel=1e-9)
    assert log_add(a, b) == log_add(b, a)


def test_far_beyond_floats() -> None:
    """Numbers that no float can hold are added and averaged."""
    assert log_add(1e6, 1e6) == pytest.approx(1e6 + math.log(2))
    assert log_mean((-1e6, -1e6, -1e6)) == pytest.approx(-1e6)


def test_zeros() -> None:
    """The sum of zeros is zero."""
    assert log_add(-math.inf, -math.inf) == log_sum((-math.inf, -math.inf)) == -math.inf
