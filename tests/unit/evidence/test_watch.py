"""A watch takes in blocks as they come: many at once, or one by one."""

from dataclasses import astuple
from itertools import chain, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelward.evidence import target
from modelward.evidence.counts import Block, Count, StorageSplit
from modelward.evidence.target import TargetPolicy
from modelward.evidence.watch import Watch

POLICY = TargetPolicy(0.01, 10_000)
KEEP = 0.999


def split(fast: tuple[float, float] = (0, 0), slow: tuple[float, float] = (0, 0)) -> Count:
    """A block of (good, bad) fast events and slow ones."""
    return Count(fast[0] + slow[0], fast[1] + slow[1], StorageSplit(*fast, *slow))


MIXED = split(fast=(25, 0), slow=(12, 13))
FAST = split(fast=(600, 0))
STREAM = st.lists(
    st.tuples(
        st.sampled_from([None, MIXED, FAST, split(slow=(25, 25)), Count(600, 0), Count(25, 25), Count(0, 0)]),
        st.integers(1, 30),
    ).map(lambda found: [found[0]] * found[1]),
    max_size=8,
).map(lambda found: list(chain.from_iterable(found)))


def after(polls: list[list[Block]]) -> Watch:
    """What is known after these polls."""
    watch = Watch("c", POLICY.allowed_bad)
    for blocks in polls:
        watch, _ = watch.advance(POLICY, blocks, KEEP)
    return watch


def numbers(value: object) -> list[object]:
    """Every number of a watch, in order."""
    return [leaf for part in value for leaf in numbers(part)] if isinstance(value, tuple) else [value]


@given(STREAM, st.sets(st.integers(1, 200)))
@example([FAST, *[MIXED] * 30, *[FAST] * 120, MIXED], {31})
@example([*[Count(25, 25)] * 10, MIXED], set())
@example([FAST, *[MIXED] * 30, *[FAST] * 120, None], {31, 151})
def test_any_cutting_into_polls_gives_the_same_watch(blocks: list[Block], cuts: set[int]) -> None:
    """An operator that was away takes in at once what it would have taken in block by block."""
    edges = [0, *sorted(cut for cut in cuts if cut < len(blocks)), len(blocks)]
    cut = after([blocks[begin:end] for begin, end in pairwise(edges)])
    one_by_one = after([[block] for block in blocks])
    assert numbers(astuple(cut)) == pytest.approx(numbers(astuple(one_by_one)))


def test_an_episode_that_the_first_of_many_blocks_ends_is_over() -> None:
    """Evidence that stood out before a poll, and at the end of none of its blocks, ends its episode."""
    watch = after([[FAST, *[MIXED] * 30]])
    while target.stands_out(POLICY, target.log_evidence((calmer := after_one_more(watch)).target)):
        watch = calmer
    assert watch.storage.episode
    assert watch.advance(POLICY, [FAST] * 5, KEEP)[0].storage.episode is None


def after_one_more(watch: Watch) -> Watch:
    """What is known after one more fast block."""
    return watch.advance(POLICY, [FAST], KEEP)[0]
