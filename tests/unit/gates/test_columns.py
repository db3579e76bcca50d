"""Data quality by column: each fault is found, at its rows, and nothing else."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.api.gateverdict import Check
from modelward.api.profile import CategoricalColumn, NumericColumn, Origin, Profile
from modelward.api.quality import Column, ColumnType
from modelward.gates.findings import Findings
from modelward.gates.quality.chance import Missing, most_beyond, most_missing
from modelward.gates.quality.columns import check, wanted
from tests.unit.gates.tables import good_table

COLUMNS = (
    Column(name="height", type=ColumnType.NUMBER, min=Decimal(-10), max=Decimal(10)),
    Column(name="floors", type=ColumnType.INTEGER, min=Decimal(1)),
    Column(name="colour", type=ColumnType.STRING, categories=("blue", "green", "red")),
)
PROFILE = Profile(
    data=Origin(file="train.csv", sha256="0" * 64, rows=1000),
    features=(
        NumericColumn(
            name="height",
            missing=10,
            integer=False,
            minimum=-5.0,
            maximum=5.0,
            mean=0.0,
            standard_deviation=1.0,
            edges=(0.0,),
            counts=(500, 490),
        ),
        CategoricalColumn(
            name="colour", missing=0, categories=("blue", "green", "red"), counts=(400, 300, 300), other=0
        ),
    ),
)


def failed(frame: pd.DataFrame, columns: tuple[Column, ...], profile: Profile | None = None) -> list[Check]:
    """Return the checks that were not passed."""
    findings = Findings()
    check(findings, frame, wanted(columns, profile))
    return [each for each in findings.checks if not each.passed]


def test_rows_without_fault_pass() -> None:
    """Nothing must be found where nothing is wrong."""
    assert failed(good_table(), COLUMNS, PROFILE) == []


def test_numbers_out_of_range_are_named_by_row() -> None:
    """A number below or above its range must be named with its row, the first row being 1."""
    frame = good_table()
    frame.loc[6, "height"] = 99.0
    frame.loc[8, "floors"] = 0
    wrong = {each.subject: each for each in failed(frame, COLUMNS)}
    assert wrong["height"].value == 1
    assert wrong["height"].message == "row 7 is above 10 (99.0)"
    assert wrong["floors"].message == "row 9 is below 1 (0.0)"
    assert wrong[""].message == "height, floors"


def test_wrong_types_are_named_by_row() -> None:
    """A text among numbers, a fraction among whole numbers and a number among texts must each be named."""
    frame = good_table().astype({"height": object, "floors": float, "colour": object})
    frame.loc[0, "height"] = "tall"
    frame.loc[1, "floors"] = 2.5
    frame.loc[2, "colour"] = 3
    plain = (*COLUMNS[:2], Column(name="colour", type=ColumnType.STRING))
    wrong = {each.subject: each.message for each in failed(frame, plain)}
    assert wrong["height"] == "row 1 is no number (tall)"
    assert wrong["floors"] == "row 2 is no integer (2.5)"
    assert wrong["colour"] == "row 3 is no string (3)"


def test_a_category_that_is_not_listed_is_wrong() -> None:
    """A text beyond the categories must be found."""
    frame = good_table()
    frame.loc[4, "colour"] = "pink"
    (column, total) = failed(frame, COLUMNS)
    assert (column.subject, column.message) == ("colour", "row 5 is no known category (pink)")
    assert (total.name, total.value) == ("columns with wrong values", 1)


def test_booleans_may_be_written_in_several_ways() -> None:
    """True, "false", 1 and 0 are booleans, and 2 is none."""
    column = (Column(name="on", type=ColumnType.BOOLEAN),)
    assert failed(pd.DataFrame({"on": [True, False]}), column) == []
    assert failed(pd.DataFrame({"on": [1, 0]}), column) == []
    assert (
        failed(pd.DataFrame({"on": ["true", "False", "2"]}), column)[0].message == "row 3 is no boolean (2)"
    )


def test_missing_values_count_above_their_share_only() -> None:
    """A share of missing values up to the limit must pass, above it fail with the rows."""
    frame = good_table()
    frame.loc[:9, "height"] = np.nan
    allowed = Column(name="height", type=ColumnType.NUMBER, max_missing=Decimal("0.01"))
    assert failed(frame, (allowed,)) == []
    (column, _) = failed(frame, (COLUMNS[0],))
    assert (column.name, column.value) == ("missing values", 0.01)
    assert column.message == "rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"


def test_at_most_twenty_rows_are_named() -> None:
    """More wrong rows than twenty must be counted, not named."""
    frame = good_table()
    frame.loc[:99, "height"] = 99.0
    column = failed(frame, COLUMNS)[0]
    assert column.value == 100
    assert column.message.count("row ") == 20
    assert column.message.endswith("; and 80 more")


def test_a_column_that_is_not_there_is_named() -> None:
    """A column that is asked for and absent must fail, whatever else holds."""
    (absent,) = failed(good_table().drop(columns="colour"), COLUMNS)
    assert (absent.name, absent.value, absent.message) == ("missing columns", 1, "colour")


def test_the_profile_stands_in_for_columns_that_are_not_written() -> None:
    """Range, categories and missing values must come from the profile where nothing is written."""
    frame = good_table()
    frame.loc[10:29, "height"] = 7.0
    frame.loc[1, "colour"] = "pink"
    frame.loc[2:21, "colour"] = None
    wrong = {(each.name, each.subject): each.message for each in failed(frame, (), PROFILE)}
    assert wrong["rows above the training data", "height"].startswith("5 is the last there; rows 11, 12, 13")
    assert wrong["columns beyond the training data", ""] == "height"
    assert wrong["wrong values", "colour"] == "row 2 is no known category (pink)"
    assert wrong["missing values", "colour"].startswith("rows 3, 4, 5,")
    assert "height" not in {each.subject for each in failed(frame, COLUMNS, PROFILE)}


def test_missing_values_that_training_had_too_are_allowed() -> None:
    """An inferred column may miss up to twice the share that the profile has, where there are many rows."""
    frame = good_table(100_000)
    profile = of_missing(2000, 200_000)
    frame.loc[:1999, "height"] = np.nan
    assert failed(frame, (), profile) == []
    frame.loc[2000, "height"] = np.nan
    assert failed(frame, (), profile)[0].limit == 0.02


def of_missing(height: int, rows: int) -> Profile:
    """Return a profile of so many rows, of which so many have no height."""
    (column, colour) = PROFILE.features
    data = PROFILE.data.model_copy(update={"rows": rows})
    update = {"data": data, "features": (column.model_copy(update={"missing": height}), colour)}
    return PROFILE.model_copy(update=update)


TAIL = 0.01


@pytest.mark.parametrize("share", [0.0005, 0.02, 0.2])
@pytest.mark.parametrize("rows", [20, 100, 3000])
def test_other_rows_that_miss_as_many_values_pass(rows: int, share: float) -> None:
    """Of a thousand draws hardly more than one in a hundred may fail, of few or many other rows."""
    generator = np.random.default_rng(rows)
    known, others = (generator.binomial(size, share, 1000).tolist() for size in (1000, rows))
    limits = {count: Missing("height", count, 1000).limit(rows, TAIL) for count in set(known)}
    wrong = sum(count / rows > limits[beside] for count, beside in zip(others, known, strict=True))
    assert wrong <= 20


@pytest.mark.parametrize(("rows", "known", "worse"), [(100, 20, 0.2), (1000, 20, 0.08), (1000, 0, 0.03)])
def test_rows_that_miss_more_values_fail(rows: int, known: int, worse: float) -> None:
    """Where the share is much larger than that of the thousand training rows, also in few rows."""
    limit = Missing("height", known, 1000).limit(rows, TAIL)
    drawn = np.random.default_rng(rows).binomial(rows, worse, 1000)
    assert (drawn / rows > limit).sum() >= 950


def test_few_rows_with_a_gap_each_pass_and_many_gaps_fail() -> None:
    """One gap among thirty rows is chance where training had one in a hundred; ten are not."""
    frame = good_table(30)
    frame.loc[4, "height"] = np.nan
    assert failed(frame, (), PROFILE) == []
    frame.loc[5:14, "height"] = np.nan
    assert failed(frame, (), PROFILE)[0].subject == "height"


def test_what_chance_makes_of_missing_values_is_known() -> None:
    """Fisher's lady: 3 of 4 where 1 of 4 others do is chance in 17 of 70, 4 of 4 beside none in 1 of 70."""
    assert [most_missing(4, 4, 1, 17 / 70 + each) for each in (-1e-9, 1e-9)] == [3, 2]
    assert [most_missing(4, 4, 0, 1 / 70 + each) for each in (-1e-9, 1e-9)] == [4, 3]
    assert most_missing(0, 99, 5, 0.01) == 0
    assert most_missing(10, 10, 10, 0.01) == 10


@given(rows=st.integers(1, 500), known=st.integers(1, 500), tail=st.floats(1e-6, 0.5))
def test_a_value_that_is_missing_is_as_one_beyond_the_range(rows: int, known: int, tail: float) -> None:
    """Beside rows that lack none, both ask how likely it is that all k are among the others."""
    low, high = (min(rows, most_beyond(rows, known, tail * near)) for near in (1 + 1e-9, 1 - 1e-9))
    assert low <= most_missing(rows, known, 0, tail) <= high


def test_a_profile_that_lists_some_categories_allows_others() -> None:
    """Where training had categories beyond those that are listed, a new one must be no fault."""
    some = CategoricalColumn(name="colour", missing=0, categories=("blue",), counts=(400,), other=600)
    profile = PROFILE.model_copy(update={"features": (some,)})
    frame = good_table()
    frame.loc[1, "colour"] = "pink"
    assert failed(frame, (), profile) == []


def test_a_text_among_the_numbers_of_a_profile_is_wrong() -> None:
    """What is no number must be found by its type, and be in no range."""
    frame = good_table().astype({"height": object})
    frame.loc[0, "height"] = "tall"
    wrong = {(each.name, each.subject): each.message for each in failed(frame, (), PROFILE)}
    assert wrong == {
        ("wrong values", "height"): "row 1 is no number (tall)",
        ("columns with wrong values", ""): "height",
    }


@pytest.mark.parametrize("rows", [20, 300, 3000])
def test_other_rows_of_the_same_kind_are_within_an_inferred_range(rows: int) -> None:
    """Of a hundred draws hardly one may fail, though many have rows beyond the range."""
    beyond, wrong = 0, 0
    for seed in range(100):
        training, validation = good_table(1000, seed), good_table(rows, 1000 + seed)
        low, high = float(training["height"].min()), float(training["height"].max())
        (height, colour) = PROFILE.features
        height = height.model_copy(update={"missing": 0, "minimum": low, "maximum": high})
        profile = PROFILE.model_copy(update={"features": (height, colour)})
        beyond += not validation["height"].between(low, high).all()
        wrong += bool(failed(validation, (), profile))
    assert beyond >= 2 * rows // 1000
    assert wrong <= 4


def test_what_chance_leaves_beyond_a_range_is_known() -> None:
    """Of 1 row and 99 others it is above them all with 1 in 100, of 2 both with 1 in 5,050."""
    assert [most_beyond(1, 99, tail) for tail in (0.0101, 0.0099)] == [0, 1]
    assert [most_beyond(2, 99, tail) for tail in (2 / 101 + 1e-9, 1 / 5050 + 1e-9, 1 / 5051)] == [0, 1, 2]
    assert most_beyond(0, 99, 0.01) == 0
