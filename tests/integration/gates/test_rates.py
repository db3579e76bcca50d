"""Gates are right about candidates of which everything is known: a quick part of bench/gates/rates.py."""

from pathlib import Path

import pytest

from bench.gates.rates import rates

pytestmark = pytest.mark.integration


def test_good_candidates_pass_and_bad_ones_fail(tmp_path: Path) -> None:
    """Over three draws no good candidate may fail a gate, and every bad one must fail the gate it is for."""
    shares = rates(tmp_path, range(3))
    assert len(shares) == 4
    assert set(shares.values()) == {1.0}, shares
