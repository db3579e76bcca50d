"""What one column is like, from its batches: sketches of bounded memory, one for numbers, one for categories.

Quantiles are those of a KLL sketch (Karnin, Lang & Liberty 2016, as in Apache DataSketches): exact up to
`SKETCH_SIZE` rows; beyond, a bin's share is off by at most 0.15 points of a hundred (probability .99).
Categories are counted exactly up to some three thousand different ones, beyond by the frequent-items sketch
of the same library (a count is then too low by at most 0.1% of the rows).
"""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasketches import frequent_items_error_type, frequent_strings_sketch, kll_doubles_sketch

from modelward.api.binning import MAX_BINS, bin_edges, category_of, own_bins
from modelward.api.profile import CategoricalColumn, Column, NumericColumn

SKETCH_SIZE: Final = 8192
"""KLL's k: some 200 kB for each column of numbers."""
LEAST_SHARE: Final = 0.01
"""Every bin has at least this share of the rows that have a value, but for those beside a value's own bin."""
_LOG_CATEGORIES: Final = 12


class UnusableColumnError(Exception):
    """A column has no bins; the text says why."""


class ColumnSummary(Protocol):
    """What has been seen of a column so far."""

    def add(self, batch: pa.Array) -> None:
        """Take in the next rows."""
        ...

    def column(self, name: str, bins: int) -> Column:
        """Return what was seen, in at most so many bins.

        Raises:
            UnusableColumnError: no row has a value.
        """
        ...


def summary_of(kind: pa.DataType, *, categorical: bool) -> ColumnSummary:
    """Return an empty summary for a column of this type.

    Raises:
        UnusableColumnError: the type is neither of numbers nor of categories.
    """
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Categories() if categorical else Numbers()
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if is_text or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return Categories()
    raise UnusableColumnError(f"its type {kind} is neither of numbers, nor of text, nor of true and false")


@dataclass(slots=True)
class Numbers:
    """A column of numbers."""

    missing: int = 0
    integer: bool = True
    _count: int = 0
    _mean: float = 0.0
    _squares: float = 0.0
    """Sum of squared distances from the mean (Chan, Golub & LeVeque 1979)."""
    _sketch: kll_doubles_sketch = field(default_factory=lambda: kll_doubles_sketch(SKETCH_SIZE))

    def add(self, batch: pa.Array) -> None:
        """Take in the next rows; infinite values count as the largest or smallest number."""
        values = pc.cast(batch, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        present = values[~np.isnan(values)]
        self.missing += len(values) - len(present)
        if not len(present):
            return
        largest = np.finfo(np.float64).max
        present = np.clip(present, -largest, largest)
        self.integer = self.integer and bool(np.all(present == np.floor(present)))
        self._sketch.update(np.ascontiguousarray(present))
        with np.errstate(over="ignore", invalid="ignore"):  # of absurd numbers the moments are absurd
            count, mean = len(present), present.mean()
            apart, both = mean - self._mean, self._count + count
            between = apart * (apart * (self._count * count / both))
            self._squares += float(((present - mean) ** 2).sum() + between)
            self._mean += float(apart * count / both)
        self._count = both

    def column(self, name: str, bins: int) -> NumericColumn:
        """Return what was seen, in bins of about equal counts; a value that dominates has one of its own."""
        if not self._count:
            raise UnusableColumnError("it has no value in any row")
        edges = self._edges(bins)
        shares = self._sketch.get_pmf(edges, inclusive=True) if edges else [1.0]
        return NumericColumn(
            name=name,
            missing=self.missing,
            integer=self.integer,
            minimum=self._sketch.get_min_value(),
            maximum=self._sketch.get_max_value(),
            mean=_finite(self._mean),
            standard_deviation=_finite(math.sqrt(self._squares / self._count)),
            edges=tuple(edges),
            counts=_apportioned(shares, self._count),
        )

    def _edges(self, bins: int) -> list[float]:
        """Return quantiles, each once, that leave every bin its least share, and the edges of own bins."""
        quantiles = self._sketch.get_quantiles([number / bins for number in range(1, bins)], inclusive=True)
        own = {edge for around in own_bins(quantiles) for edge in around}
        ranked = [(edge, self._sketch.get_rank(edge, inclusive=True)) for edge in bin_edges(quantiles)]
        edges: list[float] = []
        below = 0.0
        for edge, share in ranked:
            above = next((later for each, later in ranked if each > edge and each in own), 1.0)
            if edge in own or min(share - below, above - share) >= LEAST_SHARE:
                edges.append(edge)
                below = share
        return edges


@dataclass(slots=True)
class Categories:
    """A column of categories."""

    missing: int = 0
    _count: int = 0
    _sketch: frequent_strings_sketch = field(default_factory=lambda: frequent_strings_sketch(_LOG_CATEGORIES))

    def add(self, batch: pa.Array) -> None:
        """Take in the next rows."""
        if pa.types.is_decimal(batch.type):
            batch = pc.cast(batch, pa.float64(), safe=False)
        for counted in pc.value_counts(batch).to_pylist():
            value, count = counted["values"], counted["counts"]
            if value is None or value == "" or value != value:  # noqa: PLR0124 - NaN
                self.missing += count
            else:
                self._count += count
                self._sketch.update(category_of(value), count)

    def column(self, name: str, bins: int) -> CategoricalColumn:
        """Return the most frequent, one for each bin; rare ones are `other`."""
        if not self._count:
            raise UnusableColumnError("it has no value in any row")
        found = self._sketch.get_frequent_items(frequent_items_error_type.NO_FALSE_NEGATIVES)
        by_frequency = sorted(
            ((low, text) for text, _, low, _ in found), key=lambda pair: (-pair[0], pair[1])
        )
        kept = [(text, low) for low, text in by_frequency if low >= LEAST_SHARE * self._count][:bins]
        if not kept:
            raise UnusableColumnError(f"no category has {LEAST_SHARE:.0%} of the rows, as in a name or an id")
        return CategoricalColumn(
            name=name,
            missing=self.missing,
            categories=tuple(text for text, _ in kept),
            counts=tuple(count for _, count in kept),
            other=self._count - sum(count for _, count in kept),
        )


@dataclass(slots=True)
class ClassesOrNumbers:
    """A label of numbers: classes if they are whole and few, else numbers."""

    _numbers: Numbers = field(default_factory=Numbers)
    _classes: Categories = field(default_factory=Categories)

    def add(self, batch: pa.Array) -> None:
        """Take in the next rows."""
        self._numbers.add(batch)
        if self._numbers.integer:
            self._classes.add(batch)

    def column(self, name: str, bins: int) -> Column:
        """Return classes where each of them has a bin."""
        if self._numbers.integer:
            with contextlib.suppress(UnusableColumnError):
                classes = self._classes.column(name, MAX_BINS)
                if not classes.other:
                    return classes
        return self._numbers.column(name, bins)


def _finite(number: float) -> float:
    largest = np.finfo(np.float64).max
    return float(np.clip(np.nan_to_num(number, nan=largest), -largest, largest))


def _apportioned(shares: Sequence[float], total: int) -> tuple[int, ...]:
    """Return whole counts of about these shares that add up to the total."""
    bounds = np.rint(np.cumsum(shares) * total).astype(np.int64)
    bounds[-1] = total
    return tuple(int(count) for count in np.diff(bounds, prepend=0))
