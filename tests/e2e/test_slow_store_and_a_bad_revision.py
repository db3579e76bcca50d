"""Slow storage and a revision that is bad for itself, at one time."""

import pytest

from dev.demo.infrastructure.story import Story
from tests.e2e.faulty import Faulty

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_bad_revision_is_found_while_the_store_is_slow(faulty: Faulty, story: Story) -> None:
    """It is rejected for its own errors, and no request fails but those that it answered with an error."""
    stable = story.serve()
    story.slow_at_rest(stable)
    story.bad_while_slow(stable)
    failed = [answer for answer in faulty.end_traffic().answers if answer.failed]
    assert [answer for answer in failed if answer.version != "3"] == []
    assert failed
