"""Times that were asked for, and times that were not."""

from hypothesis import given
from hypothesis import strategies as st

from modelward.signals.answers import Grid, Span
from modelward.signals.counts import newest_block


@given(st.integers(0, 2_000_000_000), st.integers(1, 60), st.integers(0, 1000))
def test_grid_has_its_times_and_nothing_between(start: int, step: int, steps: int) -> None:
    """Also with the rounding of milliseconds."""
    grid = Grid(start, start + step * steps, step)

    assert grid.has(start + step * steps + 0.001)
    assert not grid.has(start + step * steps + step)
    assert not grid.has(start - step)
    assert not grid.has(start + step / 2)


def test_span_has_its_ends() -> None:
    """Both are included, with the rounding of milliseconds."""
    assert [Span(10, 20).has(time) for time in (9.9, 10, 15.5, 20.001, 20.1)] == [
        False,
        True,
        True,
        True,
        False,
    ]


@given(st.floats(1e9, 2e9), st.sampled_from([1, 5, 30]), st.floats(0, 120))
def test_newest_block_has_ended_the_delay_ago(now: float, block_seconds: int, delay: float) -> None:
    """It is a multiple of the block, ended at least the delay before now, and the next one did not."""
    newest = newest_block(now, block_seconds, delay)

    assert newest % block_seconds == 0
    assert newest <= now - delay < newest + block_seconds
