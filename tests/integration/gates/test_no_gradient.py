"""Whether rows at which a model has no gradient leave open what FGSM and PGD would flip."""

import pytest

from modelward.api.robustness import Gradient
from modelward.gates.robustness.flips import Flips
from modelward.gates.robustness.gradient import _undecided

pytestmark = pytest.mark.integration

TEN = {"method": "FGSM", "size": "0.2", "maxFlips": "10%"}


@pytest.mark.parametrize(
    ("flips", "unmoved", "undecided"),
    [
        (0.08, 0.02, False),  # at most 10% either way
        (0.08, 0.03, True),
        (0.10, 0.01, True),
        (0.11, 0.50, False),  # failed either way
        (0.00, 0.00, False),
    ],
)
def test_a_limit_is_open_where_such_rows_could_break_it(
    flips: float, unmoved: float, undecided: bool
) -> None:
    """A pass must stand even if each of those rows would flip; a failure stands anyway."""
    assert _undecided(Gradient.model_validate(TEN), unmoved, Flips(flips, ""), None) is undecided


def test_so_is_one_beside_stable() -> None:
    """What the candidate may flip above stable's is held in the same way."""
    gate = Gradient.model_validate({**TEN, "maxFlipsAboveStable": "2%"})
    assert _undecided(gate, 0.03, Flips(0.05, ""), Flips(0.04, ""))
    assert not _undecided(gate, 0.005, Flips(0.05, ""), Flips(0.04, ""))
    assert not _undecided(gate, 0.03, Flips(0.05, ""), None)
