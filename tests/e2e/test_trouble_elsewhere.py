"""Candidates that are tried while something else is in trouble: storage, or Prometheus."""

import pytest

from dev.demo.infrastructure.story import Story
from modelward.api.status import Phase
from tests.e2e import own_prometheus
from tests.e2e.faulty import LONG_STEP, Faulty

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_bad_revision_is_found_while_the_store_is_slow(faulty: Faulty, story: Story) -> None:
    """It is rejected for its own errors, and no request fails but those that it answered with an error."""
    stable = story.serve()
    story.slow_at_rest(stable)
    story.bad_while_slow(stable)
    failed = [answer for answer in faulty.end_traffic().answers if answer.failed]
    assert [answer for answer in failed if answer.version != "3"] == []
    assert failed


def test_prometheus_away_touches_nothing(faulty: Faulty) -> None:
    """Without Prometheus a split stays as it is and a condition says why; back again, it goes on."""
    own_prometheus.furnish(faulty.stage)
    faulty.serve("1")
    faulty.start_traffic()
    faulty.ship("2", rollout=LONG_STEP)
    faulty.wait(lambda deployment: deployment.status.phase is Phase.STEPPING, "the split")
    own_prometheus.scale(faulty.stage, 0)
    status = faulty.wait(
        faulty.condition("ObjectivesMet", "MetricsUnavailable"), "the condition that metrics are away"
    )
    assert status.phase is Phase.STEPPING
    assert status.rejected_revisions == ()
    own_prometheus.scale(faulty.stage, 1)
    faulty.serve("2")  # the same revision, whose step may end now
