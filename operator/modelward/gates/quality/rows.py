"""Rows that should not be there, and labels that are too few: duplicates, leakage and balance."""

from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd

from modelward.api.binning import category_of
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
    seen = _hashes(training[list(features.columns)])
    leaked = np.isin(_hashes(features), seen)
    message = named_rows(np.flatnonzero(leaked).tolist())
    findings.at_most("rows of the training data", float(leaked.mean()), limit, message=message)


def _hashes(frame: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    """A hash of each row, the same whether whole numbers are stored as integers or not."""
    plain = pd.DataFrame({name: _plain(column) for name, column in frame.items()})
    return np.asarray(pd.util.hash_pandas_object(plain, index=False), dtype=np.uint64)


def _plain(column: "pd.Series[Any]") -> "pd.Series[Any]":
    if pd.api.types.is_numeric_dtype(column):
        # Adding 0 makes -0.0 and 0.0 one.
        return column.astype(np.float64) + 0.0
    return column.astype(str)


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
