"""Rows that should not be there, and labels that are too few: duplicates, leakage and balance."""

from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd

from modelward.api.binning import category_of, is_missing, number_of
from modelward.gates.figures import Bars, bars
from modelward.gates.findings import Findings
from modelward.gates.quality.columns import named_rows

_MOST_CLASSES_DRAWN: Final = 20


def check_duplicates(findings: Findings, frame: pd.DataFrame, limit: Decimal) -> None:
    """Add the share of rows that are there already."""
    repeated = frame.duplicated().to_numpy()
    message = named_rows(np.flatnonzero(repeated).tolist())
    findings.at_most("duplicate rows", float(repeated.mean()), limit, message=message)


def check_leakage(findings: Findings, features: pd.DataFrame, training: pd.DataFrame, limit: Decimal) -> None:
    """Add the share of rows whose features are those of a training row, by a hash of each row."""
    seen, ours = _hashes(training[list(features.columns)], features)
    leaked = np.isin(ours, seen)
    message = named_rows(np.flatnonzero(leaked).tolist())
    findings.at_most("rows of the training data", float(leaked.mean()), limit, message=message)


def _hashes(*frames: pd.DataFrame) -> "list[np.ndarray[Any, np.dtype[np.uint64]]]":
    """A hash of each row of tables with the same columns, the same however a table stores its numbers."""
    plain: list[dict[str, pd.Series[Any]]] = [{} for _ in frames]
    for name in frames[0].columns:
        columns = [frame[name] for frame in frames]
        numeric = [pd.api.types.is_numeric_dtype(column) for column in columns]
        for table, column in zip(plain, columns, strict=True):
            if all(numeric):
                table[name] = column.astype(np.float64) + 0.0  # -0.0 and 0.0 are one
            elif any(numeric):  # one has a text, or a gap among true and false, that makes all else objects
                table[name] = column.map(_text)
            else:
                table[name] = column.astype(str)
    return [np.asarray(pd.util.hash_pandas_object(pd.DataFrame(each), index=False)) for each in plain]


def _text(value: object) -> str:
    """A number, or text that spells one, in one way; other text as it stands."""
    if is_missing(value):
        return ""
    number = number_of(value)
    return str(value) if number is None else repr(number + 0.0)


def check_balance(findings: Findings, labels: "pd.Series[Any]", limit: Decimal) -> None:
    """Add the share of rows of the rarest label."""
    shares = labels.dropna().map(category_of).value_counts(normalize=True).sort_index()
    if len(shares) < 2:  # noqa: PLR2004 - a class and another
        alone = "no label at all" if shares.empty else f"every label is {shares.index[0]}"
        findings.at_least("share of the rarest label", 0.0, limit, message=alone)
        return
    rarest = shares.idxmin()
    findings.at_least("share of the rarest label", float(shares.min()), limit, subject=str(rarest))
    drawn = shares.sort_values(kind="stable").head(_MOST_CLASSES_DRAWN)
    names = [str(name) for name in drawn.index]
    findings.figures.append(
        bars(
            "Labels",
            f"Share of rows of each label; the rarest is {rarest} with {shares.min():.1%}.",
            names,
            [Bars("share of rows", drawn.to_list())],
            [float(limit)] * len(names),
        )
    )
