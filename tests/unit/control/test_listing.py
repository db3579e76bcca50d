"""Full lists notice that other kinds are served than are watched."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from modelward.control.cache import Cache
from modelward.control.client import NOT_FOUND, ApiError
from modelward.control.kinds import OPTIONAL, REQUIRED, Kind
from modelward.control.listing import KindsChangedError, Lists
from modelward.signals.key import Key


class Served:
    """An API server that serves some kinds without an object, and answers 404 for every other."""

    def __init__(self, *kinds: Kind) -> None:
        """With these kinds."""
        self.kinds = kinds
        self.listed: list[Kind] = []

    async def is_served(self, kind: Kind) -> bool:
        """Return whether it serves a kind."""
        return kind in self.kinds

    async def pages(self, kind: Kind, _namespace: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the one empty page of a kind."""
        if kind not in self.kinds:
            raise ApiError(NOT_FOUND, "NotFound", f"no {kind.plural}")
        self.listed.append(kind)
        yield {"metadata": {"resourceVersion": "1"}, "items": []}


def wake(_keys: Iterable[Key]) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("watched", "served"),
    [((*REQUIRED, *OPTIONAL), (*REQUIRED, OPTIONAL[0])), (REQUIRED, (*REQUIRED, OPTIONAL[1]))],
)
def test_a_kind_that_came_or_went_ends_the_watching(
    watched: tuple[Kind, ...], served: tuple[Kind, ...]
) -> None:
    """Also where listing the kind that went would fail, at the first repetition, with its name."""
    lists = Lists(Served(*served), Cache(), ())  # type: ignore[arg-type] # no API server is needed here
    with pytest.raises(KindsChangedError, match=OPTIONAL[1].plural):
        asyncio.run(asyncio.wait_for(lists.repeat(watched, 0, wake), 10))


def test_what_a_watch_listed_is_listed_again() -> None:
    """Long before the next repetition, and only that: nothing told of what went away before its list."""
    server = Served(*REQUIRED)
    lists = Lists(server, Cache(), ())  # type: ignore[arg-type] # as above

    async def repeat_until_listed() -> None:
        repeating = asyncio.create_task(lists.repeat(REQUIRED, 3600, wake))
        lists.listed_by_watch(REQUIRED[1])
        while not server.listed:  # noqa: ASYNC110 - the double has nothing to wait for
            await asyncio.sleep(0.01)
        repeating.cancel()

    asyncio.run(asyncio.wait_for(repeat_until_listed(), 10))
    assert server.listed == [REQUIRED[1]]
