"""A profile is validated when it is read, and its bins are those that the monitor is told."""

from typing import Any

import orjson
import pytest

from modelward.api.binning import MAX_BINNED_FEATURES
from modelward.api.profile import (
    MAX_PROFILE_BYTES,
    InvalidProfileError,
    drift_config,
    profile_hash,
    read_profile,
)


def a_profile(**changes: Any) -> dict[str, Any]:
    """A small valid one."""
    return {
        "version": 1,
        "data": {"file": "train.csv", "sha256": "0" * 64, "rows": 30},
        "features": [a_feature("price"), a_category("day")],
        "label": None,
        "prediction": a_category("up"),
        **changes,
    }


def a_feature(name: str, **changes: Any) -> dict[str, Any]:
    """Numbers in two bins."""
    numbers = {"integer": False, "minimum": 0, "maximum": 2, "mean": 1, "standard_deviation": 0.5}
    return {
        "kind": "numeric",
        "name": name,
        "missing": 1,
        **numbers,
        "edges": [1.0],
        "counts": [9, 20],
        **changes,
    }


def a_category(name: str) -> dict[str, Any]:
    """Two categories."""
    return {
        "kind": "categorical",
        "name": name,
        "missing": 0,
        "categories": ["a", "b"],
        "counts": [20, 9],
        "other": 1,
    }


def test_a_profile_s_bins_are_told_to_the_monitor() -> None:
    """Edges, categories, counts and positions come from the profile, and its hash names them."""
    profile = read_profile(orjson.dumps(a_profile()))
    config = drift_config(profile)
    assert config.profile == profile_hash(profile)
    assert config.columns == 2
    assert [(each.name, each.column, each.reference) for each in config.features] == [
        ("price", 0, (9, 20, 0, 1)),
        ("day", 1, (20, 9, 1, 0)),
    ]
    assert config.prediction is not None
    assert config.prediction.name == "up"


def test_of_many_features_the_first_are_watched() -> None:
    """The number of series is bounded; the position among all columns stays right."""
    many = [a_feature(f"f{number}") for number in range(MAX_BINNED_FEATURES + 5)]
    config = drift_config(read_profile(orjson.dumps(a_profile(features=many))))
    assert len(config.features) == MAX_BINNED_FEATURES
    assert config.columns == MAX_BINNED_FEATURES + 5


def test_the_hash_is_of_what_is_counted() -> None:
    """Other bins or counts are another profile; another file with the same content is not."""
    base = profile_hash(read_profile(orjson.dumps(a_profile())))
    renamed = a_profile(data={"file": "other.csv", "sha256": "1" * 64, "rows": 30})
    assert profile_hash(read_profile(orjson.dumps(renamed))) == base
    changed = a_profile(features=[a_feature("price", counts=[10, 19]), a_category("day")])
    assert profile_hash(read_profile(orjson.dumps(changed))) != base


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"{", "not JSON"),
        (b"[]", "version None of profiles is not known here; make one of version 1"),
        (orjson.dumps(a_profile(version=2)), "version 2 of profiles is not known"),
        (orjson.dumps(a_profile(features=[])), "profile.features: Tuple should have at least 1"),
        (orjson.dumps(a_profile(extra=1)), "profile.extra: Extra inputs are not permitted"),
        (
            orjson.dumps(a_profile(features=[a_feature("x"), a_feature("x")])),
            "features named twice: x; name each once",
        ),
        (
            orjson.dumps(a_profile(features=[a_feature("x", edges=[1.0, 0.5])])),
            "profile.features[0].numeric",
        ),
        (
            orjson.dumps(a_profile(features=[a_feature("x", minimum=3)])),
            "column x: minimum 3.0 is above maximum 2.0",
        ),
        (b" " * (MAX_PROFILE_BYTES + 1), "make one of fewer features"),
    ],
)
def test_an_invalid_profile_is_refused(text: bytes, problem: str) -> None:
    """The error says where the profile is wrong, and what to do."""
    with pytest.raises(InvalidProfileError) as caught:
        read_profile(text)
    assert problem in str(caught.value)


def test_only_the_first_problems_are_told() -> None:
    """A file of nonsense gives a line, not a page."""
    broken = a_profile(features=[{"kind": "numeric", "name": f"f{number}"} for number in range(9)])
    with pytest.raises(InvalidProfileError, match=r"and [0-9]+ more"):
        read_profile(orjson.dumps(broken))


def test_class_shares_are_of_the_labelled_rows() -> None:
    """Missing labels are no class, and a label of numbers has no classes."""
    labelled = read_profile(orjson.dumps(a_profile(label=a_category("y"))))
    assert labelled.classes == {"a": 20 / 30, "b": 9 / 30}
    assert read_profile(orjson.dumps(a_profile(label=a_feature("y")))).classes == {}
