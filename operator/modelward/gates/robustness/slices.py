"""Accuracy on slices: those that the team names, and the worst that a shallow tree finds."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from modelward.api.binning import category_of
from modelward.api.gateverdict import ErrorReason
from modelward.api.robustness import Robustness, Slice, WorstSlice
from modelward.gates.dataset import Dataset, unknown_column
from modelward.gates.failure import GateError
from modelward.gates.figures import STABLE, Bars, Plot, bars
from modelward.gates.findings import Findings
from modelward.gates.robustness.agreement import largest_difference, right
from modelward.gates.subject import Subject

MIN_ROWS: Final = 20
"""Rows of a slice below which its accuracy says nothing."""
_MIN_LEAF: Final = 3 * MIN_ROWS
"""Of the half that slices are found on: its other half then has rows enough, however they fell."""
_MOST_NAMED: Final = 5
"""Categories of a slice that are named."""
Rows = npt.NDArray[np.bool_]


def check(findings: Findings, gate: Robustness, subject: Subject) -> None:
    """Add the accuracy on every slice that a gate asks for. Raises GateError."""
    if not gate.slices and gate.worst_slice is None:
        return
    largest = largest_difference(subject.data, gate.tolerance)
    candidate = right(subject.candidate, subject.data, largest)
    stable = None if subject.stable is None else right(subject.stable, subject.data, largest)
    drawn = []
    for part in gate.slices:
        inside = _inside(part, subject.data)
        drawn.append(_add(findings, subject, (part.name, part), inside, (candidate, stable)))
    if gate.worst_slice is not None:
        name, inside = _worst(gate.worst_slice, subject, candidate)
        drawn.append(_add(findings, subject, (name, gate.worst_slice), inside, (candidate, stable)))
    findings.figures.append(_figure(drawn))


def _add(
    findings: Findings,
    subject: Subject,
    asked: tuple[str, Slice | WorstSlice],
    inside: Rows,
    right_by: tuple[Rows, Rows | None],
) -> tuple[str, float, float | None, float]:
    """Add one slice; return its name, the accuracies of candidate and stable, and the limit."""
    name, limits = asked
    count = int(inside.sum())
    if count < MIN_ROWS:
        message = (
            f"slice {name!r} has {count} rows, at least {MIN_ROWS} are needed: make it wider, or add rows"
        )
        raise GateError(ErrorReason.INVALID_DATA, message)
    candidate = float(right_by[0][inside].mean())
    found = "worst slice" if isinstance(limits, WorstSlice) else "slice"
    findings.at_least(
        f"accuracy on the {found}", candidate, limits.min_accuracy, subject=name, message=f"{count} rows"
    )
    stable = None if right_by[1] is None else float(right_by[1][inside].mean())
    if limits.max_below_stable is not None:
        subject.needed_stable("maxBelowStable")
        if stable is not None:
            findings.at_most(
                f"accuracy on the {found} below stable's",
                stable - candidate,
                limits.max_below_stable,
                subject=name,
                message=f"{candidate:.1%} beside {stable:.1%} of stable's, {count} rows",
            )
    return name, candidate, stable, float(limits.min_accuracy)


def _inside(part: Slice, data: Dataset) -> Rows:
    if part.column not in data.frame.columns:
        message = unknown_column(
            part.column, list(data.frame.columns), f"robustness.slices[{part.name}].column"
        )
        raise GateError(ErrorReason.INVALID_DATA, message)
    column = data.frame[part.column]
    if part.categories:
        return np.asarray(column.map(category_of).isin(part.categories), dtype=np.bool_)
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    low = -np.inf if part.min is None else float(part.min)
    high = np.inf if part.max is None else float(part.max)
    return np.asarray((numbers >= low) & (numbers < high), dtype=np.bool_)


def _worst(gate: WorstSlice, subject: Subject, candidate: Rows) -> tuple[str, Rows]:
    """Return the slice in words, and its rows in the half that it was not found on."""
    rows, seed = subject.data.rows, subject.seed
    found_on = subject.generator("halves").random(len(rows)) < 0.5  # noqa: PLR2004 - halves
    wrong = (~candidate[found_on]).astype(np.int64)
    tree = DecisionTreeClassifier(
        max_depth=gate.depth,
        min_samples_leaf=max(_MIN_LEAF, int(float(gate.min_share) * found_on.sum())),
        random_state=seed,
    )
    tree.fit(rows[found_on], wrong)
    leaves = tree.apply(rows[found_on])
    errors = {leaf: wrong[leaves == leaf].mean() for leaf in np.unique(leaves)}
    worst = max(errors, key=lambda leaf: (errors[leaf], -leaf))
    inside = (tree.apply(rows) == worst) & ~found_on
    return _described(tree.tree_, int(worst), subject.data), np.asarray(inside, dtype=np.bool_)


def _described(tree: Any, leaf: int, data: Dataset) -> str:  # noqa: ANN401 - scikit-learn's tree
    """Return the conditions on the way to a leaf, one for each bound that they leave."""
    bounds: dict[int, tuple[float, float]] = {}
    node = leaf
    while node:
        left, right_children = tree.children_left, tree.children_right
        is_left = node in left
        parent = int(np.flatnonzero((left if is_left else right_children) == node)[0])
        low, high = bounds.get(feature := int(tree.feature[parent]), (-np.inf, np.inf))
        cut = float(tree.threshold[parent])
        bounds[feature] = (low, min(high, cut)) if is_left else (max(low, cut), high)
        node = parent
    described = [_bound(data, feature, *bounds[feature]) for feature in sorted(bounds)]
    return " and ".join(described) or "all rows"


def _bound(data: Dataset, feature: int, low: float, high: float) -> str:
    name, categories = data.features[feature].name, data.features[feature].categories
    if categories is not None:
        inside = [text for code, text in enumerate(categories) if low < code <= high]
        return f"{name} in {', '.join(inside[:_MOST_NAMED])}" + (", ..." if len(inside) > _MOST_NAMED else "")
    below = "" if np.isinf(high) else f"{name} <= {high:.4g}"
    above = "" if np.isinf(low) else f"{name} > {low:.4g}"
    return f"{low:.4g} < {name} <= {high:.4g}" if above and below else above or below


def _figure(drawn: list[tuple[str, float, float | None, float]]) -> Plot:
    series = [Bars("candidate", [candidate for _, candidate, _, _ in drawn])]
    stable = [beside for _, _, beside, _ in drawn if beside is not None]
    if stable:
        series.append(Bars("stable", stable, STABLE))
    lowest = min(drawn, key=lambda row: row[1])
    alt = f"Share of right predictions on each slice; lowest on {lowest[0]} with {lowest[1]:.1%}."
    return bars(
        "Accuracy on slices", alt, [name for name, *_ in drawn], series, [limit for *_, limit in drawn]
    )
