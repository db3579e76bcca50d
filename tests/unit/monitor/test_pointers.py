"""JSON pointers."""

import pytest

from modelward.monitor.pointers import find

DOCUMENT = {"a": [{"b/c": 1}, 2], "": 3, "m~n": None}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", DOCUMENT),
        ("/a/0/b~1c", 1),
        ("/a/1", 2),
        ("/", 3),
        ("/m~0n", None),
        ("/a/2", None),
        ("/a/x", None),
        ("/a/1/x", None),
        ("/x/y", None),
    ],
)
def test_find(pointer: str, found: object) -> None:
    """A pointer names what RFC 6901 says, and nothing where there is nothing."""
    assert find(DOCUMENT, pointer) == found
