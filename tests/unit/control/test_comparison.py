"""When a live object already says what a manifest says."""

from typing import Any

import pytest

from modelward.control.comparison import covers

LIVE: dict[str, Any] = {
    "metadata": {"name": "a", "labels": {"ours": "1", "theirs": "2"}},
    "spec": {
        "replicas": 2,
        "paused": True,
        "containers": [
            {"name": "one", "image": "x", "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}},
            {"name": "two", "env": [{"name": "A"}]},
        ],
    },
}


@pytest.mark.parametrize(
    "wanted",
    [
        {"metadata": {"labels": {"ours": "1"}}},
        {"spec": {"containers": [{"name": "one"}, {"name": "two", "env": [{"name": "A", "value": ""}]}]}},
        {"spec": {"hostNetwork": False, "volumes": [], "securityContext": {}, "nodeName": None}},
        {"spec": {"containers": [{"resources": {"requests": {"cpu": "0.1", "memory": "1024Mi"}}}, {}]}},
    ],
    ids=["defaults and foreign fields", "empty strings", "what is dropped when empty", "quantities"],
)
def test_covered(wanted: dict[str, Any]) -> None:
    """Nothing need be sent where the server added fields, left out empty ones, rewrote a quantity."""
    assert covers(LIVE, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        {"metadata": {"labels": {"ours": "2"}}},
        {"metadata": {"labels": {"missing": "1"}}},
        {"spec": {"containers": [{"name": "one"}]}},
        {"spec": {"containers": [{"name": "two"}, {"name": "one"}]}},
        {"spec": {"paused": False}},
        {"spec": {"paused": 1}},
        {"spec": {"replicas": "2"}},
        {"spec": {"containers": [{"resources": {"requests": {"cpu": "200m"}}}, {}]}},
        {"spec": {"containers": [{"image": "100m"}, {}]}},
        {"metadata": {"name": {"deeper": "a"}}},
    ],
    ids=[
        "changed value",
        "missing value",
        "shorter list",
        "other order",
        "false for true",
        "one for true",
        "text for number",
        "other quantity",
        "no quantity there",
        "object for text",
    ],
)
def test_not_covered(wanted: dict[str, Any]) -> None:
    """Something must be sent for any difference that means something."""
    assert not covers(LIVE, wanted)


def test_equal_quantities_count_only_where_quantities_are() -> None:
    """An environment variable of 1000m is not the same as one of 1."""
    assert not covers({"env": [{"value": "1"}]}, {"env": [{"value": "1000m"}]})
    assert covers({"limits": {"cpu": "1"}}, {"limits": {"cpu": "1000m"}})


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("selector", {"app": "a"}),
        ("selector", {"matchLabels": {"app": "a"}}),
        ("matchLabels", {"app": "a"}),
        ("nodeSelector", {"disk": "fast"}),
    ],
)
def test_selector_must_be_equal(where: str, wanted: dict[str, Any]) -> None:
    """One more label in a selector selects other pods or nodes, so it is a difference."""
    assert covers({"spec": {where: wanted}}, {"spec": {where: wanted}})
    assert not covers({"spec": {where: {**wanted, "team": "x"}}}, {"spec": {where: wanted}})
