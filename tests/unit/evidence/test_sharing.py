"""How promises are shared out."""

import math

import pytest

from modelward.evidence.sharing import (
    blocks_in_a_year,
    blocks_to_false_alarm,
    probe_parts,
    step_alpha,
)


def test_blocks_in_a_year() -> None:
    """A year has 6.3 million blocks of 5 s."""
    assert blocks_in_a_year(5) == 6_311_520


@pytest.mark.parametrize("detectors", [1, 2, 6])
def test_rates_add_up_to_the_promise(detectors: int) -> None:
    """The rates of all detectors together are the yearly rate."""
    each = blocks_in_a_year(5) / blocks_to_false_alarm(0.5, 5, detectors)
    assert each * detectors == pytest.approx(0.5)


def test_chances_add_up_to_the_promise() -> None:
    """The chances of all objectives and steps together are the chance for one rollout."""
    assert step_alpha(0.01, 3, 2) * 6 == pytest.approx(0.01)


def test_chances_of_any_number_of_probes_add_up_to_the_promise() -> None:
    """However many follow each other in one incident, and the first has half."""
    parts = [probe_parts(number) for number in range(1, 1001)]
    assert sum(1 / part for part in parts) == pytest.approx(1 - 1 / 1001)
    assert parts[0] == 2


def test_probes_are_numbered_from_one() -> None:
    """There is no probe before the first."""
    with pytest.raises(ValueError, match="probes are numbered from 1, got 0"):
        probe_parts(0)


@pytest.mark.parametrize("block_seconds", [0, -5, math.nan])
def test_impossible_block(block_seconds: float) -> None:
    """A block without length is refused."""
    with pytest.raises(ValueError, match="block_seconds must be above 0"):
        blocks_in_a_year(block_seconds)


@pytest.mark.parametrize(
    ("per_year", "detectors", "message"),
    [(0, 1, "above 0"), (math.nan, 1, "above 0"), (1, 0, "one detector"), (1e9, 1, "one in every block")],
)
def test_impossible_rate(per_year: float, detectors: int, message: str) -> None:
    """A rate that cannot be promised is refused with what to write instead."""
    with pytest.raises(ValueError, match=message):
        blocks_to_false_alarm(per_year, 5, detectors)


@pytest.mark.parametrize(
    ("chance", "objectives", "steps", "message"),
    [
        (0, 1, 1, "between 0 and 1"),
        (1, 1, 1, "between 0 and 1"),
        (0.1, 0, 1, "one objective"),
        (0.1, 1, 0, "step"),
    ],
)
def test_impossible_chance(chance: float, objectives: int, steps: int, message: str) -> None:
    """A chance that cannot be promised is refused."""
    with pytest.raises(ValueError, match=message):
        step_alpha(chance, objectives, steps)
