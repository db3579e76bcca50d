"""Sums of numbers kept as their logarithms, so that no product of bets over- or underflows."""

import math
from collections.abc import Iterable, Sequence


def log_add(a: float, b: float) -> float:
    """log(exp(a) + exp(b)); either may be -inf."""
    if a < b:
        a, b = b, a
    return a if b == -math.inf else a + math.log1p(math.exp(b - a))


def log_mean(logs: Sequence[float]) -> float:
    """Log of the plain mean of exp(logs)."""
    return log_sum(logs) - math.log(len(logs))


def log_sum(logs: Iterable[float]) -> float:
    """Log of the sum of exp(logs)."""
    values = tuple(logs)
    top = max(values)
    if top == -math.inf:
        return top
    return top + math.log(sum(math.exp(value - top) for value in values))
