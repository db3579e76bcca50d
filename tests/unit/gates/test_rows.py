"""Data quality by row: duplicates, leakage and balance have the values that were put there."""

from decimal import Decimal

import numpy as np
import pandas as pd

from modelward.gates.findings import Findings
from modelward.gates.quality.rows import check_balance, check_duplicates, check_leakage
from tests.unit.gates.tables import good_table

FEATURES = ["height", "floors", "colour"]


def test_duplicates_are_counted_once_each() -> None:
    """The share must be of rows that are there already, the first of each not among them."""
    frame = good_table(100)
    frame.loc[97:99] = frame.loc[0:2].to_numpy()
    findings = Findings()
    check_duplicates(findings, frame, Decimal("0.02"))
    (check,) = findings.checks
    assert (check.value, check.passed) == (0.03, False)
    assert check.message == "rows 98, 99, 100"


def test_leaked_rows_are_found_by_their_features() -> None:
    """Rows of the training data must be found whatever their label and however numbers are stored."""
    training, validation = good_table(500, seed=1), good_table(100, seed=2)
    validation.loc[10:14, FEATURES] = training.loc[0:4, FEATURES].to_numpy()
    stored_as_fractions = training.astype({"floors": float})
    findings = Findings()
    check_leakage(findings, validation[FEATURES], stored_as_fractions, Decimal("0.01"))
    (check,) = findings.checks
    assert (check.value, check.passed) == (0.05, False)
    assert check.message == "rows 11, 12, 13, 14, 15"


def test_leaked_rows_are_found_beside_a_text_or_a_gap() -> None:
    """One text in a column of numbers, or one gap in a column of booleans, must not hide rows that leaked."""
    training = good_table(100).assign(garden=np.arange(100) % 2 == 0)
    texts = training.astype({"height": object})
    texts.loc[0, "height"] = "tall"
    spelled = training.assign(height=training["height"].map(repr))
    gaps = training.astype({"garden": object})
    gaps.loc[0, "garden"] = None
    for validation, leaked in ((texts, 0.99), (spelled, 1), (gaps, 0.99)):
        for ours, theirs in ((validation, training), (training, validation)):
            findings = Findings()
            check_leakage(findings, ours[[*FEATURES, "garden"]], theirs, Decimal("0.01"))
            assert findings.checks[0].value == leaked


def test_rows_of_other_data_are_no_leak() -> None:
    """Two draws of continuous numbers must share no row."""
    findings = Findings()
    check_leakage(findings, good_table(500, seed=1)[FEATURES], good_table(500, seed=2), Decimal(0))
    assert findings.checks[0].value == 0


def test_the_rarest_label_is_held_against_the_limit() -> None:
    """The share of the rarest class must be measured over rows that have a label."""
    labels = pd.Series([1.0] * 5 + [0.0] * 95 + [np.nan] * 100)
    findings = Findings()
    check_balance(findings, labels, Decimal("0.1"))
    (check,) = findings.checks
    assert (check.subject, check.value, check.passed) == ("1", 0.05, False)
    assert len(findings.figures) == 1


def test_one_label_alone_is_no_balance() -> None:
    """Labels of one class, and no label at all, must fail."""
    for labels in (pd.Series(["up"] * 10), pd.Series([None] * 10)):
        findings = Findings()
        check_balance(findings, labels, Decimal("0.1"))
        assert [each.passed for each in findings.checks] == [False]
