"""Ways to change rows: noise, missing values, moved features. Each draws from the generator it is given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import numpy as np

from modelward.api.robustness import Missing, Noise, Replacement, Robustness, Shifted
from modelward.gates.dataset import Dataset, Floats

Change: TypeAlias = Callable[[Floats, np.random.Generator], Floats]
"""Returns changed rows, shape (rows, features); those given are left as they are."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A kind of change, and how many predictions it may flip.

    Args:
        name: in checks.
        changes: with the name of the feature that each changes, empty where it changes all; the worst counts.
            None where nothing can be changed.
        max_flips: largest share.
        max_above_stable: largest difference to stable's share; None where it is not compared.
    """

    name: str
    changes: tuple[tuple[str, Change], ...]
    max_flips: Decimal
    max_above_stable: Decimal | None


def trials(gate: Robustness, data: Dataset) -> Iterator[Trial]:
    """Yield every trial that a gate asks for."""
    for noise in gate.noise:
        changes = tuple(_noise(noise, data))
        yield Trial(f"noise {noise.size}", changes, noise.max_flips, noise.max_flips_above_stable)
    for missing in gate.missing:
        name = f"{missing.share:.0%} missing, {missing.replacement.lower()} instead"
        yield Trial(name, (("", _missing(missing, data)),), missing.max_flips, missing.max_flips_above_stable)
    for shifted in gate.shifted:
        changes = tuple(_shifts(shifted, data))
        yield Trial(
            f"a feature moved by {shifted.size}", changes, shifted.max_flips, shifted.max_flips_above_stable
        )


def _noise(noise: Noise, data: Dataset) -> Iterator[tuple[str, Change]]:
    sizes = float(noise.size) * data.spreads
    if sizes.any():
        yield "", lambda rows, generator: rows + sizes * generator.standard_normal(rows.shape)


def _missing(missing: Missing, data: Dataset) -> Change:
    match missing.replacement:
        case Replacement.MEDIAN:
            instead = data.medians
        case Replacement.ZERO:
            # Of text: a code beyond the categories, which is empty text.
            instead = np.array([0.0 if each.categories is None else -1.0 for each in data.features])
        case Replacement.NULL:
            instead = np.full(len(data.features), np.nan)
    share = float(missing.share)
    return lambda rows, generator: np.where(generator.random(rows.shape) < share, instead, rows)


def _shifts(shifted: Shifted, data: Dataset) -> Iterator[tuple[str, Change]]:
    for position, feature in enumerate(data.features):
        if feature.spread > 0:
            for sign in (1.0, -1.0):
                step = np.zeros(len(data.features))
                step[position] = sign * float(shifted.size) * feature.spread
                yield feature.name, _moved(step)


def _moved(step: Floats) -> Change:
    return lambda rows, _generator: rows + step
