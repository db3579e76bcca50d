"""Gates without what compares with the stable revision: for the first one, beside which there is none."""

from typing import Final, TypeVar

from modelward.api.base import APIType
from modelward.api.gates import Gate
from modelward.api.robustness import Robustness

_Change = TypeVar("_Change", bound=APIType)

_NO_FLIPS: Final = {"max_flips_above_stable": None}
_NO_ACCURACY: Final = {"max_below_stable": None}


def without_comparisons(gate: Gate) -> Gate:
    """Return the gate with its limits beside stable left out; what it measures by itself stays.

    A gate on importances that asks for nothing else still asks that some feature matters.
    """
    explained, robust = gate.interpretability, gate.robustness
    if explained is not None:
        explained = explained.model_copy(update={"min_rank_correlation": None})
    if robust is not None:
        robust = _alone(robust)
    return gate.model_copy(update={"interpretability": explained, "robustness": robust})


def _alone(gate: Robustness) -> Robustness:
    worst, perturbation = gate.worst_slice, gate.perturbation
    return gate.model_copy(
        update={
            "noise": _without(gate.noise),
            "missing": _without(gate.missing),
            "shifted": _without(gate.shifted),
            "gradient": _without(gate.gradient),
            "slices": tuple(part.model_copy(update=_NO_ACCURACY) for part in gate.slices),
            "worst_slice": worst and worst.model_copy(update=_NO_ACCURACY),
            "perturbation": perturbation and perturbation.model_copy(update={"min_ratio_to_stable": None}),
        }
    )


def _without(changes: tuple[_Change, ...]) -> tuple[_Change, ...]:
    return tuple(change.model_copy(update=_NO_FLIPS) for change in changes)
