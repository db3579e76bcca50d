"""How far the validation data are from the training data: the stability index of each feature and the labels.

The index and what chance alone makes of it are those by which drift is told in production
(modelward.evidence.drift), over bins of the training data: from the profile, or made from a sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd

from modelward.api.binning import bin_edges, category_of
from modelward.api.gateverdict import MAX_NAMED
from modelward.api.inference import Answers
from modelward.api.profile import CategoricalColumn, NumericColumn
from modelward.evidence.drift import Drift, DriftPolicy, assess
from modelward.evidence.sharing import SECONDS_IN_A_YEAR
from modelward.evidence.verdict import Verdict
from modelward.gates.figures import Bars, bars
from modelward.gates.findings import Findings
from modelward.gates.quality.tables import Tables

FALSE_ALARMS_PER_RUN: Final = 0.01
"""Shared over all that is looked at."""
_BINS: Final = 10
_MOST_CATEGORIES: Final = 20
_MOST_DRAWN: Final = 20


@dataclass(frozen=True, slots=True)
class Reference:
    """One column of the training data, by bin.

    Args:
        name: of the column.
        edges: upper bound of each bin but the last, for numbers; None for categories.
        categories: of each bin, for text.
        counts: training rows by bin, then those of no bin, then those without a value.
    """

    name: str
    edges: tuple[float, ...] | None
    categories: tuple[str, ...]
    counts: tuple[int, ...]

    def count(self, column: "pd.Series[Any]") -> list[int]:
        """Return the rows of a column by bin, as `counts` has them."""
        present = column.dropna()
        if self.edges is None:
            place = {category: position for position, category in enumerate(self.categories)}
            other = len(self.categories)
            bins = np.array([place.get(category_of(value), other) for value in present], dtype=np.int64)
        else:
            numbers = pd.to_numeric(present, errors="coerce").to_numpy(dtype=np.float64)
            other = len(self.edges) + 1
            bins = np.where(np.isnan(numbers), other, np.searchsorted(self.edges, numbers, side="left"))
        return [*np.bincount(bins, minlength=other + 1).tolist(), int(column.isna().sum())]


def references(tables: Tables, answers: Answers) -> tuple[Reference, ...]:
    """Return what the features and the label are held against: the training sample, or the profile."""
    training, profile = tables.training, tables.profile
    if training is not None:
        label = training[tables.label]
        return (
            *(_of_sample(name, training[name]) for name in tables.features),
            _of_numbers(tables.label, label) if answers is Answers.VALUES else _of_text(tables.label, label),
        )
    if profile is None:
        return ()
    known = [column for column in profile.features if column.name in tables.features]
    label_known = profile.label is not None and profile.label.name == tables.label
    return tuple(map(_of_profile, (*known, *([profile.label] if label_known and profile.label else []))))


def _of_profile(column: NumericColumn | CategoricalColumn) -> Reference:
    if isinstance(column, NumericColumn):
        return Reference(column.name, column.edges, (), (*column.counts, 0, column.missing))
    return Reference(column.name, None, column.categories, (*column.counts, column.other, column.missing))


def _of_sample(name: str, column: "pd.Series[Any]") -> Reference:
    return (_of_numbers if pd.api.types.is_numeric_dtype(column) else _of_text)(name, column)


def _of_numbers(name: str, column: "pd.Series[Any]") -> Reference:
    values = pd.to_numeric(column, errors="coerce").dropna().to_numpy(dtype=np.float64)
    ranks = np.arange(1, _BINS) / _BINS
    inner = np.quantile(values, ranks, method="inverted_cdf").tolist() if len(values) else []
    empty = Reference(name, bin_edges(inner), (), ())
    return replace(empty, counts=tuple(empty.count(column)))


def _of_text(name: str, column: "pd.Series[Any]") -> Reference:
    counted = column.dropna().map(category_of).value_counts()
    categories = sorted(counted.index, key=lambda category: (-counted[category], category))
    empty = Reference(name, None, tuple(categories[:_MOST_CATEGORIES]), ())
    return replace(empty, counts=tuple(empty.count(column)))


def check(findings: Findings, frame: pd.DataFrame, known: Sequence[Reference], threshold: Decimal) -> None:
    """Add the worst shift of all columns, and each that is above its limit; draw them."""
    policy = DriftPolicy(
        threshold=float(threshold),
        false_alarms_per_year=FALSE_ALARMS_PER_RUN,
        features=max(1, len(known)),
        window_seconds=SECONDS_IN_A_YEAR,
    )
    found = {reference.name: _assess(policy, reference, frame[reference.name]) for reference in known}
    unknown = sorted(name for name, drift in found.items() if drift.verdict is Verdict.UNKNOWN)
    findings.at_most(
        "columns with too few rows to tell a shift", len(unknown), 0, message=", ".join(unknown[:MAX_NAMED])
    )
    measured = {name: drift for name, drift in found.items() if drift.verdict is not Verdict.UNKNOWN}
    shifted = sorted(
        (name for name, drift in measured.items() if drift.verdict is Verdict.BREACHED),
        key=lambda name: -measured[name].psi,
    )
    for name in shifted[:MAX_NAMED]:
        findings.at_most(
            "shift from the training data (PSI)", measured[name].psi, measured[name].limit, subject=name
        )
    findings.at_most("shifted columns", len(shifted), 0, message=", ".join(shifted[:MAX_NAMED]))
    _draw(findings, measured)


def _assess(policy: DriftPolicy, reference: Reference, column: "pd.Series[Any]") -> Drift:
    """Leave out bins that are empty in both: `other` and `missing`, mostly."""
    window = reference.count(column)
    pairs = [(ours, theirs) for ours, theirs in zip(window, reference.counts, strict=True) if ours or theirs]
    if len(pairs) == 1:  # the same constant in both
        return Drift(0.0, policy.threshold, float(sum(window)), Verdict.HEALTHY)
    return assess(policy, [ours for ours, _ in pairs], [theirs for _, theirs in pairs])


def _draw(findings: Findings, measured: Mapping[str, Drift]) -> None:
    if not measured:
        return
    names = sorted(measured, key=lambda name: -measured[name].psi)[:_MOST_DRAWN]
    findings.figures.append(
        bars(
            "Shift from the training data",
            f"Population stability index of each column; the largest is {names[0]}'s, "
            f"{measured[names[0]].psi:.3f}.",
            names,
            [Bars("PSI", [measured[name].psi for name in names])],
            [measured[name].limit for name in names],
        )
    )
