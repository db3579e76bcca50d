"""The cluster that processes of one test run share: made by the first, undone by the last."""

from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.e2e.together import made_once

LIMIT_SECONDS = 30


def test_the_last_that_leaves_undoes_what_the_first_made(tmp_path: Path) -> None:
    """Who comes while others use it finds it made, and it stays until nobody does; then it is made anew."""
    happened: list[str] = []
    enter = partial(
        made_once, tmp_path, "it", partial(happened.append, "made"), partial(happened.append, "undone")
    )
    first, second = enter(), enter()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert happened == ["made"]
    with enter():
        second.__exit__(None, None, None)
        assert happened == ["made"]
    assert happened == ["made", "undone"]
    with enter():
        assert happened == ["made", "undone", "made"]


def test_others_wait_until_it_is_made(tmp_path: Path) -> None:
    """Who comes while it is being made goes on only when it is, and does not make it again."""
    happened: list[str] = []
    begun, second_has_come = Event(), Event()

    def make() -> None:
        begun.set()
        assert second_has_come.wait(LIMIT_SECONDS)
        happened.append("made")

    def come_second() -> None:
        assert begun.wait(LIMIT_SECONDS)
        second_has_come.set()
        with made_once(tmp_path, "it", make, lambda: None):
            happened.append("used by the second")

    second = Thread(target=come_second)
    second.start()
    with made_once(tmp_path, "it", make, lambda: None):
        second.join(LIMIT_SECONDS)
    assert happened == ["made", "used by the second"]


def test_what_cannot_be_made_fails_for_all(tmp_path: Path) -> None:
    """What was begun is undone at once, and the next is told why instead of trying again."""
    happened: list[str] = []

    def make() -> None:
        happened.append("begun")
        raise ValueError("no room")

    undo = partial(happened.append, "undone")
    with pytest.raises(ValueError, match="no room"), made_once(tmp_path, "it", make, undo):
        pass
    with pytest.raises(RuntimeError, match="no room"), made_once(tmp_path, "it", make, undo):
        pass
    assert happened == ["begun", "undone"]
