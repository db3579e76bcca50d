"""A profile says what the data are like: where the right answer is known beforehand, it is found."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.api.binning import BIN_MISSING, BIN_OTHER
from modelward.api.profile import CategoricalColumn, NumericColumn, Profile
from modelward.profile.build import Columns, ProfileError, build
from modelward.profile.columns import LEAST_SHARE, Categories, Numbers
from modelward.profile.table import UnreadableTableError


def profiled(folder: Path, columns: dict[str, Any], wanted: Columns | None = None) -> Profile:
    """Write a Parquet file of several row groups and profile it."""
    path = folder / "train.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=1000)
    return build(path, wanted or Columns(), lambda _done, _total: None)


def numeric(profile: Profile, name: str) -> NumericColumn:
    """A feature that must be of numbers."""
    (found,) = (feature for feature in profile.features if feature.name == name)
    assert isinstance(found, NumericColumn)
    return found


def categorical(profile: Profile, name: str) -> CategoricalColumn:
    """A feature that must be of categories."""
    (found,) = (feature for feature in profile.features if feature.name == name)
    assert isinstance(found, CategoricalColumn)
    return found


def test_bins_of_numbers_are_deciles(tmp_path: Path) -> None:
    """The numbers 1 to 5000 have ten bins of 500, and the mean and spread of the formula."""
    found = numeric(profiled(tmp_path, {"x": np.random.default_rng(1).permutation(5000) + 1.0}), "x")
    assert found.edges == tuple(500.0 * number for number in range(1, 10))
    assert found.counts == (500,) * 10
    assert (found.minimum, found.maximum, found.mean, found.integer) == (1, 5000, 2500.5, True)
    assert found.standard_deviation == pytest.approx(np.sqrt((5000**2 - 1) / 12))


def test_large_data_are_within_the_sketch_s_error(tmp_path: Path) -> None:
    """Of more rows than the sketch holds, every bin's share is right to the error that is stated."""
    values = np.random.default_rng(2).normal(size=200_000)
    found = numeric(profiled(tmp_path, {"x": values}), "x")
    true = np.histogram(values, [-np.inf, *found.edges, np.inf])[0]
    assert sum(found.counts) == 200_000
    assert np.abs(np.array(found.counts) - true).max() <= 0.003 * 200_000


def test_missing_values_are_counted_apart(tmp_path: Path) -> None:
    """Null and NaN are in no bin, and empty text is in no category."""
    profile = profiled(
        tmp_path,
        {
            "x": pa.array([1.0, None, float("nan"), 2.0]),
            "c": pa.array(["a", None, "", "a"]),
        },
    )
    assert numeric(profile, "x").missing == 2
    assert sum(numeric(profile, "x").counts) == 2
    assert categorical(profile, "c").missing == 2
    assert categorical(profile, "c").counts == (2,)


def test_rare_categories_are_other(tmp_path: Path) -> None:
    """A category has at least one row of a hundred; those below are counted together."""
    values = ["often"] * 970 + ["seldom"] * 20 + [f"id-{number}" for number in range(10)]
    found = categorical(profiled(tmp_path, {"c": values}), "c")
    assert (found.categories, found.counts, found.other) == (("often", "seldom"), (970, 20), 10)


@pytest.mark.parametrize("constant", [7.0, 0.0, -2.5, 1e-300, 1.7976931348623157e308])
def test_a_constant_has_a_bin_of_its_own(tmp_path: Path, constant: float) -> None:
    """A column that never varies in training is watched for values on either side, where there are any."""
    bins = numeric(profiled(tmp_path, {"x": [constant] * 50}), "x").bins(0)
    low, high = bins.edges
    assert bins.reference[:3] == (0, 50, 0)
    assert low < constant <= high
    assert bins.bin_of(-1e308) == 0
    assert bins.bin_of(float("inf")) == 2


@pytest.mark.parametrize("share", [0.55, 0.95, 0.995, 0.999])
@pytest.mark.parametrize("dominant", [0.0, 1.0, 0.5])
def test_a_value_that_most_rows_have_has_a_bin_of_its_own(
    tmp_path: Path, dominant: float, share: float
) -> None:
    """Whether it is the smallest, the largest or between: what leaves it for either side is seen to."""
    others = np.array([value for value in (0.0, 0.5, 1.0) if value != dominant])
    rows = np.arange(8000)
    values = np.where(rows < share * len(rows), dominant, others[rows % 2])
    found = numeric(profiled(tmp_path, {"x": values}), "x")
    bins = found.bins(0)
    own = bins.bin_of(dominant)
    assert {bins.bin_of(value) == own for value in (0.0, 0.5, 1.0) if value != dominant} == {False}
    assert found.counts[own] == np.count_nonzero(values == dominant)


def test_the_bin_of_a_value_is_that_of_clients_in_single_precision(tmp_path: Path) -> None:
    """A request in single precision has 0.1 as 0.10000000149, and a whole number never as its neighbour."""
    bins = numeric(profiled(tmp_path, {"x": [0.1] * 50}), "x").bins(0)
    assert bins.bin_of(float(np.float32(0.1))) == bins.bin_of(0.1) == 1
    days = numeric(profiled(tmp_path, {"x": [20_261_122] * 50}), "x").bins(0)
    assert [days.bin_of(day) for day in (20_261_121, 20_261_122, 20_261_123)] == [0, 1, 2]


def test_truth_is_classes_and_false_is_a_category(tmp_path: Path) -> None:
    """A column of true and false is categories, as JSON requests have it."""
    found = categorical(profiled(tmp_path, {"c": [True, False, True]}), "c")
    assert (found.categories, found.counts) == (("true", "false"), (2, 1))


def test_a_label_of_few_whole_numbers_is_classes(tmp_path: Path) -> None:
    """Class shares come from the label; a label of many whole numbers is a number."""
    columns = {"x": np.arange(400.0), "y": [0, 1, 1, 1] * 100, "z": np.arange(400)}
    profile = profiled(tmp_path, columns, Columns(features=("x",), label="y"))
    assert profile.classes == {"1": 0.75, "0": 0.25}
    of_numbers = profiled(tmp_path, columns, Columns(features=("x",), label="z"))
    assert isinstance(of_numbers.label, NumericColumn)
    assert of_numbers.classes == {}


def test_features_come_in_the_order_that_was_named(tmp_path: Path) -> None:
    """The order is that of the model's input, by which a matrix is cut into columns."""
    columns = {"a": [1.0, 2.0], "b": [1.0, 2.0], "y": [0, 1], "p": [0.1, 0.9]}
    wanted = Columns(features=("b", "a"), label="y", prediction="p")
    profile = profiled(tmp_path, columns, wanted)
    assert [feature.name for feature in profile.features] == ["b", "a"]
    assert profile.prediction is not None
    assert profile.prediction.name == "p"
    assert [f.name for f in profiled(tmp_path, columns, Columns(label="y", prediction="p")).features] == [
        "a",
        "b",
    ]


def test_csv_and_parquet_give_the_same_profile(tmp_path: Path) -> None:
    """The bins do not depend on how a table was stored."""
    text = "x,c\n" + "".join(f"{number},{'ab'[number % 2]}\n" for number in range(300))
    path = tmp_path / "train.csv"
    path.write_text(text)
    of_csv = build(path, Columns(), lambda _done, _total: None)
    of_parquet = profiled(tmp_path, {"x": np.arange(300), "c": ["a", "b"] * 150})
    assert of_csv.features == of_parquet.features
    assert of_csv.data.sha256 != of_parquet.data.sha256


def test_numbers_of_a_csv_need_not_all_be_whole(tmp_path: Path) -> None:
    """A column whose first megabytes are whole or empty is one of numbers all the same."""
    path = tmp_path / "train.csv"
    path.write_text("x,z,y\n" + "1,,0\n" * 400_000 + "1.5,2.5,1\n" * 100_000)
    profile = build(path, Columns(label="y"), lambda _done, _total: None)
    assert (numeric(profile, "x").integer, numeric(profile, "x").maximum) == (False, 1.5)
    assert numeric(profile, "z").missing == 400_000
    assert profile.classes == {"0": 0.8, "1": 0.2}


def of_csv(folder: Path, text: str, wanted: Columns | None = None) -> Profile:
    """Write a CSV file and profile it."""
    path = folder / "train.csv"
    path.write_text(text)
    return build(path, wanted or Columns(), lambda _done, _total: None)


@pytest.mark.parametrize("begin", ["", "1", "1.5", "true", "2024-01-01"])
def test_a_column_is_text_wherever_the_text_is(tmp_path: Path, begin: str) -> None:
    """Also one whose first megabytes are empty, numbers, truth or days."""
    rows = f"1,{begin}\n" * 400_000 + "1,word\n" * 100_000
    found = categorical(of_csv(tmp_path, "x,c\n" + rows), "c")
    assert dict(zip(found.categories, found.counts, strict=True)) == {
        "word": 100_000,
        **({begin: 400_000} if begin else {}),
    }
    assert found.missing == (0 if begin else 400_000)


def test_a_column_with_leading_zeros_is_text(tmp_path: Path) -> None:
    """A code such as 007 stands as it is, and so do the others beside it; 0, 0.7 and -0.7 are numbers."""
    profile = of_csv(tmp_path, "c,x\n" + "7,0\n" * 50 + "007,0.7\n" * 30 + "12,-0.7\n" * 20)
    assert categorical(profile, "c").categories == ("7", "007", "12")
    assert numeric(profile, "x").minimum == -0.7


def test_times_of_day_are_text(tmp_path: Path) -> None:
    """They are no numbers, and a column of them keeps no other from being counted."""
    profile = of_csv(tmp_path, "t,x\n" + "10:30,1\n" * 50 + "11:30,2\n" * 50)
    assert categorical(profile, "t").categories == ("10:30", "11:30")
    assert numeric(profile, "x").maximum == 2


def test_numbers_may_have_blanks_and_gaps(tmp_path: Path) -> None:
    """What says that a number is missing makes no text of its column."""
    found = numeric(of_csv(tmp_path, "x,y\n 1,a\nNaN,a\n2.5 ,a\nNA,a\n1e3,a\n"), "x")
    assert (found.minimum, found.maximum, found.missing) == (1, 1000, 2)


@pytest.mark.parametrize("values", ["true", "", "False"])
def test_truth_of_a_csv_is_as_json_has_it(tmp_path: Path, values: str) -> None:
    """True, TRUE and true are one category, also after rows without a value."""
    found = categorical(of_csv(tmp_path, "c,x\n" + f"{values},1\n" * 9 + "True,1\n" * 20), "c")
    assert found.categories[0] == "true"
    assert {*found.categories} <= {"true", "false"}


def test_numbers_named_as_categories_are_categories(tmp_path: Path) -> None:
    """A code of digits is read as a number, and counted as JSON has it."""
    found = categorical(of_csv(tmp_path, "c\n" + "3\n" * 9 + "4\n" * 3, Columns(categorical=("c",))), "c")
    assert (found.categories, found.counts) == (("3", "4"), (9, 3))


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file of 32 MB is read in the memory of a row group or two of 0.8 MB."""
    path, columns = (
        tmp_path / "train.parquet",
        {f"x{number}": np.random.default_rng(0) for number in range(4)},
    )
    table = pa.table({name: random.normal(size=1_000_000) for name, random in columns.items()})
    pq.write_table(table, path, row_group_size=25_000)
    del table
    held: list[int] = []
    build(path, Columns(), lambda _done, _total: held.append(pa.total_allocated_bytes()))
    assert max(held) - held[0] < 4_000_000


def test_progress_counts_every_row(tmp_path: Path) -> None:
    """Progress ends at the number of rows, which Parquet says beforehand."""
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"x": np.arange(150_000.0)}), path)
    told: list[tuple[int, int | None]] = []
    build(path, Columns(), lambda done, total: told.append((done, total)))
    assert told[-1] == (150_000, 150_000)
    assert len(told) > 1


@pytest.mark.parametrize(
    ("columns", "wanted", "problem"),
    [
        ({"x": [1.0]}, Columns(features=("z",)), "no column 'z'; the table has: x"),
        ({"x": [1.0]}, Columns(label="z"), "no column 'z'"),
        ({"x": [1.0]}, Columns(categorical=("z",)), "no column 'z'"),
        ({"x": [1.0]}, Columns(features=("x", "x")), "names a column twice"),
        ({"x": [1.0]}, Columns(label="x"), "0 features"),
        ({"x": [1.0]}, Columns(bins=2), "2 bins: write 3 to 20"),
        ({"x": pa.array([], pa.float64())}, Columns(), "has no rows"),
        ({"x": pa.array([None, None], pa.float64())}, Columns(), "column 'x': it has no value in any row"),
        ({"x": pa.array([None, None])}, Columns(), "column 'x': it has no value in any row"),
        ({"x": [[1.0], [2.0]]}, Columns(), "column 'x': its type list"),
        ({"x": [1.0], "": [1.0]}, Columns(), "column 2 of the table has no name: name it in the table"),
        (
            {"x": [1.0], "y" * 129: [1]},
            Columns(),
            "has a name of 129 characters, yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...",
        ),
        ({"x": [f"id-{number}" for number in range(500)]}, Columns(), "as in a name or an id"),
    ],
)
def test_what_cannot_be_profiled_is_told(
    tmp_path: Path, columns: dict[str, Any], wanted: Columns, problem: str
) -> None:
    """The error names the column and says what to write instead."""
    with pytest.raises(ProfileError) as caught:
        profiled(tmp_path, columns, wanted)
    assert problem in str(caught.value)


@pytest.mark.parametrize(("name", "problem"), [("train.txt", "neither"), ("train.csv", "cannot read")])
def test_a_file_that_is_no_table_is_told(tmp_path: Path, name: str, problem: str) -> None:
    """Another suffix and a missing file are errors with the file's name."""
    with pytest.raises(UnreadableTableError, match=problem):
        build(tmp_path / name, Columns(), lambda _done, _total: None)


def test_a_column_that_cannot_be_named_may_be_left_out(tmp_path: Path) -> None:
    """An index without a name, as data frames are often written with, is no feature of the model."""
    profile = of_csv(tmp_path, ",x\n0,1.5\n1,2.5\n", Columns(features=("x",)))
    assert [feature.name for feature in profile.features] == ["x"]


def test_names_in_another_encoding_are_told(tmp_path: Path) -> None:
    """A table whose header is no UTF-8 is an error that names the file."""
    path = tmp_path / "train.csv"
    path.write_bytes("größe\n1\n".encode("latin-1"))
    with pytest.raises(UnreadableTableError, match=r"cannot read .*train\.csv"):
        build(path, Columns(), lambda _done, _total: None)


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    """A file that breaks in its midst is an error, never a profile of its first half."""
    path = tmp_path / "train.csv"
    path.write_text("x,y\n" + "1,2\n" * 1_000_000 + "1\n")
    with pytest.raises(UnreadableTableError, match="cannot read"):
        build(path, Columns(), lambda _done, _total: None)


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=False)), min_size=1, max_size=200)
)
def test_the_monitor_counts_as_the_profile_does(values: list[float | None]) -> None:
    """The same numbers, counted one by one by the monitor's bins, give the profile's counts."""
    summary = Numbers()
    summary.add(pa.array(values, pa.float64()))
    if all(value is None or value != value for value in values):  # noqa: PLR0124 - NaN
        return
    column = summary.column("x", 10)
    bins = column.bins(0)
    counts = [0] * len(bins.labels)
    for value in values:
        counts[bins.bin_of(value)] += 1
    assert tuple(counts) == bins.reference
    assert len(column.counts) <= 10


@given(st.lists(st.integers(0, 30), min_size=100, max_size=400), st.integers(3, 20))
def test_every_bin_has_its_least_share_or_is_beside_a_dominant_value(values: list[int], bins: int) -> None:
    """So that no bin is so thin that chance alone fills and empties it."""
    summary = Numbers()
    summary.add(pa.array(values, pa.int64()))
    column = summary.column("x", bins)
    for position, count in enumerate(column.counts):
        around = {position - 1, position + 1} & set(range(len(column.counts)))
        beside = max((column.counts[each] for each in around), default=0)
        assert count >= LEAST_SHARE * len(values) or beside >= len(values) / bins


@given(st.lists(st.sampled_from(["a", "b", "1", "", None]), min_size=1, max_size=100))
def test_the_monitor_counts_categories_as_the_profile_does(values: list[str | None]) -> None:
    """As above, of categories."""
    summary = Categories()
    summary.add(pa.array(values, pa.string()))
    if not any(values):
        return
    bins = summary.column("c", 20).bins(0)
    counts = dict.fromkeys(bins.labels, 0)
    for value in values:
        counts[bins.labels[bins.bin_of(value)]] += 1
    assert tuple(counts.values()) == bins.reference
    assert {BIN_OTHER, BIN_MISSING} < set(counts)
