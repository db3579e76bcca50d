"""What changed between two revisions."""

import pytest

from modelward.cli.review.changes import Change, changes


def test_a_changed_leaf_is_told_with_both_values() -> None:
    """The path and the two values say all; what is alike is left out."""
    before = {"model": {"uri": "s3://models/1"}, "server": {"port": 8080}}
    after = {"model": {"uri": "s3://models/2"}, "server": {"port": 8080}}
    assert changes(before, after) == (Change("model.uri", "s3://models/1", "s3://models/2"),)


def test_what_came_and_what_went_have_one_side() -> None:
    """A leaf of one revision alone is told as such."""
    assert changes({"a": 1}, {"b": 2}) == (Change("a", "1", ""), Change("b", "", "2"))


def test_items_are_told_apart_by_their_names() -> None:
    """A container that moved in its list has not changed; its image may have."""
    before = {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]}
    after = {"containers": [{"name": "b", "image": "b:2"}, {"name": "a", "image": "a:1"}]}
    assert changes(before, after) == (Change("containers[b].image", "b:1", "b:2"),)


def test_items_without_names_are_told_apart_by_their_places() -> None:
    """Arguments are an ordered list of text."""
    assert changes({"args": ["-a", "-b"]}, {"args": ["-a", "-c", "-d"]}) == (
        Change("args[1]", "-b", "-c"),
        Change("args[2]", "", "-d"),
    )


def test_two_items_of_one_name_are_both_compared() -> None:
    """Ports may have one name and two protocols; neither hides the other."""
    before = {"ports": [{"name": "x", "port": 1}, {"name": "x", "port": 2}]}
    after = {"ports": [{"name": "x", "port": 1}, {"name": "x", "port": 3}]}
    assert changes(before, after) == (Change("ports[1].port", "2", "3"),)


@pytest.mark.parametrize("empty", [{}, [], None, False, ""])
def test_a_value_that_becomes_empty_is_a_change(empty: object) -> None:
    """Empty is not the same as unchanged."""
    (change,) = changes({"a": "x"}, {"a": empty})
    assert (change.before, bool(change.after)) == ("x", True)


def test_a_long_value_is_cut() -> None:
    """A page is read by a person."""
    (change,) = changes({"a": "x"}, {"a": "y" * 5000})
    assert len(change.after) < 210
