"""How far other rows of the same kind may be from the training rows before that is no chance."""

from dataclasses import dataclass
from typing import Final

from scipy.stats import hypergeom

_MISSING_ROOM: Final = 2
"""Times as large a share of missing values as in training is allowed of an inferred column."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Missing values of one column in the training data.

    Args:
        name: of the column.
        count: rows without a value.
        rows: how many there were.
    """

    name: str
    count: int
    rows: int

    def limit(self, rows: int, tail: float) -> float:
        """Return the share of so many other rows that may miss a value: twice this one, or by chance more."""
        twice = min(1.0, _MISSING_ROOM * self.count / self.rows)
        return max(twice, most_missing(rows, self.rows, self.count, tail) / rows) if rows else twice


def most_missing(rows: int, known: int, missing: int, tail: float) -> int:
    """Return how many of `rows` may lack a value before that is no chance, where `missing` of `known` do.

    Given that both have the same share and lack k + `missing` in all, whatever the share, how many of those
    are among `known` is a hypergeometric variable, so that k or more are among `rows` with probability
    P(X <= missing), X ~ Hypergeometric(rows + known, k + missing, known): the one-sided exact test of two
    shares (Fisher 1935, The Design of Experiments, chapter II). The largest k above `tail` is returned.
    """
    low, high = 0, rows + 1
    while high - low > 1:
        middle = (low + high) // 2
        if hypergeom.cdf(missing, rows + known, middle + missing, known) > tail:
            low = middle
        else:
            high = middle
    return low


def most_beyond(rows: int, known: int, tail: float) -> int:
    """Return how many rows may be above the largest of `known` others before that is no chance.

    Of rows that follow one distribution any k are the largest k of all with probability
    C(rows, k) / C(rows + known, k), whatever the distribution; values that are equal only lower it.
    """
    allowed, chance = 0, rows / (rows + known)
    while chance > tail:
        allowed += 1
        chance *= (rows - allowed) / (rows + known - allowed)
    return allowed
