"""Shift of data: the index of known bins, and chance alone told from a shift."""

from decimal import Decimal
from math import log

import numpy as np
import pandas as pd
import pytest

from modelward.api.inference import Answers
from modelward.api.profile import NumericColumn, Origin, Profile
from modelward.gates.findings import Findings
from modelward.gates.quality.shift import Reference, check, references
from modelward.gates.quality.tables import Tables
from tests.unit.gates.tables import good_table

FEATURES = ("height", "floors", "colour")


def found(validation: pd.DataFrame, training: pd.DataFrame, threshold: str = "0.2") -> dict[str, float]:
    """Return the index of each shifted column."""
    tables = Tables(validation, training, None, FEATURES, "sold")
    findings = Findings()
    check(findings, validation, references(tables, Answers.LABELS), Decimal(threshold))
    named = {each.subject: each.value for each in findings.checks if each.subject}
    assert findings.checks[-1].value == len(named)
    return named


def test_the_index_is_that_of_the_bins() -> None:
    """Two bins of 1000 rows each, 50:50 and 80:20, have a PSI that is known by hand."""
    reference = Reference("height", (0.0,), (), (500, 500, 0, 0))
    validation = pd.DataFrame({"height": [-1.0] * 800 + [1.0] * 200})
    findings = Findings()
    check(findings, validation, [reference], Decimal("0.2"))
    # Shares are (count + 1/2) / (rows + 1).
    p, q = (800.5 / 1001, 200.5 / 1001), 0.5
    expected = sum((each - q) * log(each / q) for each in p)
    assert findings.checks[1].value == pytest.approx(expected, rel=1e-5)
    assert not findings.checks[1].passed


def test_two_draws_of_one_distribution_do_not_shift() -> None:
    """Over 50 draws nothing must be called a shift, however low the threshold: chance has its own limit."""
    shifted = [found(good_table(300, seed), good_table(500, 1000 + seed), "0.001") for seed in range(50)]
    assert sum(map(bool, shifted)) <= 2


def test_each_kind_of_column_shows_its_shift() -> None:
    """A moved number, categories of other shares and labels of another balance must be named, no other."""
    training = good_table(4000, 1)
    moved = good_table(4000, 2)
    moved["height"] += 1
    assert set(found(moved, training)) == {"height"}
    recoloured = good_table(4000, 3)
    recoloured["colour"] = np.where(np.arange(4000) % 10 < 8, "blue", "red")
    assert set(found(recoloured, training)) == {"colour"}
    sold_out = good_table(4000, 4)
    sold_out["sold"] = (np.arange(4000) % 10 < 9).astype(int)
    assert set(found(sold_out, training)) == {"sold"}


def test_missing_values_are_a_bin() -> None:
    """Values that go missing must be a shift like any other."""
    half = good_table(4000, 2)
    half.loc[::2, "height"] = np.nan
    assert set(found(half, good_table(4000, 1))) == {"height"}


def test_too_few_rows_are_no_pass() -> None:
    """Where the null is not to be trusted nothing must be called unshifted."""
    findings = Findings()
    tables = Tables(good_table(30), good_table(4000, 1), None, ("height",), "sold")
    check(findings, good_table(30), references(tables, Answers.LABELS), Decimal("0.2"))
    assert (findings.checks[0].value, findings.checks[0].message) == (1, "height")
    assert not findings.checks[0].passed


def test_the_profile_is_a_reference_too() -> None:
    """Without a training sample the bins must be the profile's."""
    column = NumericColumn(
        name="height",
        missing=0,
        integer=False,
        minimum=-4,
        maximum=4,
        mean=0,
        standard_deviation=1,
        edges=(0.0,),
        counts=(2000, 2000),
    )
    profile = Profile(data=Origin(file="t.csv", sha256="0" * 64, rows=4000), features=(column,))
    tables = Tables(good_table(), None, profile, FEATURES, "sold")
    (reference,) = references(tables, Answers.LABELS)
    assert reference == Reference("height", (0.0,), (), (2000, 2000, 0, 0))


def test_a_constant_that_stays_is_no_shift() -> None:
    """A column of one value in both must pass, and one that changes its only value must not."""
    training = good_table(1000, 1).assign(floors=3)
    assert found(good_table(1000, 2).assign(floors=3), training) == {}
    assert set(found(good_table(1000, 2).assign(floors=4), training)) == {"floors"}


def test_a_text_among_the_labels_of_training_is_of_no_bin() -> None:
    """Where labels are values, a text among them must be counted apart and not end the gate."""
    training = good_table(500).astype({"sold": object})
    training.loc[0, "sold"] = "unknown"
    tables = Tables(good_table(500, 1), training, None, FEATURES, "sold")
    label = references(tables, Answers.VALUES)[-1]
    assert label.counts[-2:] == (1, 0)
    assert sum(label.counts) == 500
