"""Slow storage of a promoted revision, beside a warm standby."""

import pytest

from dev.demo.infrastructure.story import Story
from tests.e2e.faulty import Faulty

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_slow_store_is_no_reason_to_go_back(faulty: Faulty, story: Story) -> None:
    """The promoted revision serves on alone, an alert names the store, and not one request fails."""
    story.serve()
    promoted = story.promote()
    story.slow_at_rest(promoted)
    story.recover(promoted)
    assert story.steps[-1].seen == "none fires"
    assert [answer for answer in faulty.end_traffic().answers if answer.failed] == []
