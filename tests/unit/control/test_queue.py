"""The work queue: one turn at a time, each key once, slower after failures."""

import asyncio
from datetime import timedelta

import pytest

from modelward.control.queue import WorkQueue

LIMIT_SECONDS = 60


async def taken(queue: WorkQueue[str]) -> str | None:
    """Take a key, or fail if there is none within the limit."""
    return await asyncio.wait_for(queue.take(), LIMIT_SECONDS)


async def test_added_twice_is_taken_once() -> None:
    """However often a key is added before its turn, it has one turn."""
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    assert [await taken(queue), await taken(queue)] == ["a", "b"]
    assert len(queue) == 0


async def test_added_during_its_turn_has_another_afterwards() -> None:
    """A key that changes while it is worked on is worked on again, but not at the same time."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert await taken(queue) == "a"
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert await taken(queue) == "a"
    queue.done("a")
    assert len(queue) == 0


async def test_key_is_never_with_two_workers() -> None:
    """With many workers and adds no key is worked on twice at once, and the last add is not lost."""
    queue: WorkQueue[int] = WorkQueue()
    working: set[int] = set()
    seen_after_last_add: set[int] = set()
    added = dict.fromkeys(range(3), 0)

    async def work() -> None:
        while (key := await queue.take()) is not None:
            assert key not in working
            working.add(key)
            before = added[key]
            await asyncio.sleep(0)
            working.discard(key)
            if before == 50:
                seen_after_last_add.add(key)
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(5)]
    for _ in range(50):
        for key in added:
            added[key] += 1
            queue.add(key)
        await asyncio.sleep(0)
    async with asyncio.timeout(LIMIT_SECONDS):
        while seen_after_last_add != set(added):  # noqa: ASYNC110 - turns of the loop are what is tested
            await asyncio.sleep(0)
    queue.close()
    await asyncio.gather(*workers)


async def test_of_two_delays_the_earlier_counts() -> None:
    """A later time does not push an earlier one away, and one turn answers both."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", timedelta(hours=1))
    queue.add_after("a", timedelta(0))
    queue.add_after("a", timedelta(hours=2))
    assert await taken(queue) == "a"
    queue.done("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.take(), 0.05)


async def test_back_off_doubles_up_to_its_limit_and_success_ends_it() -> None:
    """Each failure in a row doubles the wait; a success starts over."""
    queue: WorkQueue[str] = WorkQueue(timedelta(seconds=1), timedelta(seconds=5))
    waits = [queue.retry("a").total_seconds() for _ in range(5)]
    assert waits == [1, 2, 4, 5, 5]
    queue.succeeded("a")
    assert queue.retry("a") == timedelta(seconds=1)


async def test_closed_queue_lets_workers_go() -> None:
    """A worker that waits, and one that asks afterwards, are both told that it is over."""
    queue: WorkQueue[str] = WorkQueue()
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.add("a")
    queue.close()
    assert await asyncio.wait_for(waiting, LIMIT_SECONDS) in {None, "a"}
    assert await taken(queue) is None
