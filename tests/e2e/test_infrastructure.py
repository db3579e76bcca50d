"""Slow storage, told from a bad model."""

import pytest

from dev.demo.infrastructure.story import AS_ON_A_BUSY_MACHINE, Story
from dev.demo.slow_store import SlowStore
from tests.e2e.faulty import Faulty

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_slow_storage_is_no_fault_of_the_model(faulty: Faulty) -> None:
    """A slow store stops a rollout and rolls nothing back; a bad revision is found beside it all the same.

    No request fails but those that the bad revision answered with an error.
    """
    store = SlowStore(faulty.stage)
    store.furnish()
    story = Story(faulty.stage, store, AS_ON_A_BUSY_MACHINE)
    story.run()
    assert story.steps[-1].seen == "none fires"
    failed = [answer for answer in faulty.end_traffic().answers if answer.failed]
    assert [answer for answer in failed if answer.version != "3"] == []
