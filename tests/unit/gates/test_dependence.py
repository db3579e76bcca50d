"""What a feature is moved through, and how much of the way goes against a direction."""

import numpy as np
import pytest

from modelward.api.interpretability import Direction
from modelward.gates.interpretability.dependence import GRID, Dependence, grid


def test_few_values_are_the_grid_themselves() -> None:
    """Each once, rising; one point where all are the same."""
    assert grid(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [1, 2, 3]
    assert grid(np.full(50, 7.0)).tolist() == [7]


def test_many_values_are_stepped_through_evenly() -> None:
    """Between their outer quantiles, or from the smallest to the largest where those are one value."""
    even = grid(np.arange(1001.0))
    assert (len(even), even[0], even[-1]) == (GRID, 50, 950)
    assert np.diff(even) == pytest.approx(900 / (GRID - 1))
    rare = grid(np.concatenate([np.zeros(1000), np.arange(1.0, 41.0)]))
    assert (len(rare), rare[0], rare[-1]) == (GRID, 0, 40)


def test_what_goes_against_a_direction_is_a_share_of_the_way() -> None:
    """Up by 3 and down by 1: a quarter goes against rising, three against falling; flat goes nowhere."""
    bent = Dependence(np.arange(3.0), np.array([0.0, 3.0, 2.0]))
    assert bent.violation(Direction.INCREASING) == 0.25
    assert bent.violation(Direction.DECREASING) == 0.75
    flat = Dependence(np.arange(3.0), np.ones(3))
    assert flat.violation(Direction.INCREASING) == 0
