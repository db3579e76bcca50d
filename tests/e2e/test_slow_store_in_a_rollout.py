"""Slow storage in the middle of a rollout."""

import pytest

from dev.demo.infrastructure.story import Story
from tests.e2e.faulty import Faulty

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_slow_store_holds_a_rollout(faulty: Faulty, story: Story) -> None:
    """The rollout waits while both revisions are slow, goes on by itself, and not one request fails."""
    stable = story.serve()
    story.slow_in_a_rollout(stable)
    assert story.steps[-1].seen == "none fires"
    assert [answer for answer in faulty.end_traffic().answers if answer.failed] == []
