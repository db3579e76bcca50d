"""Tests of what Prometheus scraped, on a machine that may be too busy to scrape in time.

A scrape that comes too late is a missed one, and what it would have shown is rightly Unknown. So a test that
fails is run again, in another namespace, if (and only if) Prometheus itself says that it was late meanwhile.
"""

import functools
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

ATTEMPTS: Final = 6


def again_if_scrapes_were_late(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Decorate a test that has the fixtures `prometheus` and `namespace`."""

    @functools.wraps(test)
    async def attempts(**fixtures: Any) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            began = time.time()
            try:
                await test(**fixtures)
            except AssertionError:
                if attempt == ATTEMPTS or not await fixtures["prometheus"].was_late_since(began):
                    raise
                fixtures["namespace"] += f"-{uuid.uuid4().hex[:4]}"
            else:
                return

    return attempts
