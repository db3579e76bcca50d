"""Waiting for what must come, with a limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

LIMIT_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 0.1
"""Most conditions ask a Prometheus, which costs it and the test alike."""


async def until_answered(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until a condition that has to be asked for holds; fail with `what` should have come."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not await condition():
        if time.monotonic() > deadline:
            msg = f"after {LIMIT_SECONDS:g} s still not so: {what}"
            raise AssertionError(msg)
        await asyncio.sleep(AGAIN_SECONDS)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; fail with `what` should have come."""

    async def asked() -> bool:
        return condition()

    await until_answered(asked, what)
