"""How a request's rows are found, in each of the forms in which clients write them."""

import pytest

from modelward.api.binning import DriftConfig, NumericBins
from modelward.monitor.drift.columns import Tensor, of_json, of_tensors

CONFIG = DriftConfig(
    profile="abc",
    columns=3,
    features=(
        NumericBins(name="a", column=0, edges=(0.0,), reference=(1, 1, 0, 0)),
        NumericBins(name="c", column=2, edges=(0.0,), reference=(1, 1, 0, 0)),
    ),
)


def test_named_tensors_are_columns() -> None:
    """A tensor named after a feature is its column, whether of shape [rows] or [rows, 1]."""
    tensors = [Tensor("c", (2, 1), [5, 6]), Tensor("a", (2,), [1, 2]), Tensor("z", (2,), [8, 9])]
    assert of_tensors(tensors, CONFIG) == {"a": [1, 2], "c": [5, 6]}


def test_one_tensor_is_cut_into_columns() -> None:
    """A matrix has the profile's columns in its order, also those that are not counted."""
    matrix = [Tensor("input-0", (2, 3), [1, 2, 3, 4, 5, 6])]
    assert of_tensors(matrix, CONFIG) == {"a": [1, 4], "c": [3, 6]}
    assert of_tensors([Tensor("x", (3,), [1, 2, 3])], CONFIG) == {"a": [1], "c": [3]}


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("x", (2, 4), [1] * 8),
        Tensor("x", (2, 3), [1] * 5),
        Tensor("a", (3,), [1]),
        Tensor("x", (), []),
    ],
)
def test_a_tensor_of_another_shape_has_no_columns(tensor: Tensor) -> None:
    """What cannot be assigned to features is left out, never guessed."""
    assert of_tensors([tensor], CONFIG) == {}


@pytest.mark.parametrize(
    "body",
    [
        {"a": 1, "b": 2, "c": 3},
        [{"a": 1, "c": 3}],
        {"instances": [{"a": 1, "c": 3}]},
        {"inputs": {"a": 1, "c": 3}},
        {"instances": [[1, 2, 3]]},
        [[1, 2, 3]],
    ],
)
def test_json_rows_are_found_by_name_or_position(body: object) -> None:
    """An object, a list of them or of lists, alone or under instances or inputs."""
    assert of_json(body, CONFIG) == {"a": [1], "c": [3]}


def test_a_feature_that_a_row_lacks_is_missing_in_it() -> None:
    """Absent from one row or from all, it is missing: a client that stops sending it must be seen."""
    assert of_json([{"a": 1}, {"a": 2, "c": 3}], CONFIG) == {"a": [1, 2], "c": [None, 3]}
    assert of_json([{"a": 1}, {"a": 2}], CONFIG) == {"a": [1, 2], "c": [None, None]}


def test_a_feature_without_a_tensor_is_missing() -> None:
    """Where one feature has a tensor, another without one, or with a broken one, is missing in each row."""
    tensors = [Tensor("a", (2,), [1, 2]), Tensor("c", (3,), [1])]
    assert of_tensors(tensors, CONFIG) == {"a": [1, 2], "c": [None, None]}
    assert of_tensors(tensors[:1], CONFIG) == {"a": [1, 2], "c": [None, None]}


def test_a_row_that_is_null_has_no_values() -> None:
    """Each feature is missing in it, beside rows of either form."""
    assert of_json([{"a": 1, "c": 3}, None], CONFIG) == {"a": [1, None], "c": [3, None]}
    assert of_json([None, [1, 2, 3], [1, None, None]], CONFIG) == {"a": [None, 1, 1], "c": [None, 3, None]}


@pytest.mark.parametrize(
    ("given", "found"), [([], [None, None, None]), ([5], [5, 5, 5]), ([5, 6], [5, 6, None])]
)
def test_a_shorter_tensor(given: list[object], found: list[object]) -> None:
    """One value holds for all rows; where a tensor has none for a row, it is missing in it."""
    tensors = [Tensor("a", (3,), [1, 2, 3]), Tensor("c", (len(given),), given)]
    assert of_tensors(tensors, CONFIG) == {"a": [1, 2, 3], "c": found}


@pytest.mark.parametrize("body", [None, [None], 3, "text", [], [[1, 2]], {"other": 1}])
def test_other_json_has_no_columns(body: object) -> None:
    """A body in no known form is not guessed at."""
    assert of_json(body, CONFIG) == {}
