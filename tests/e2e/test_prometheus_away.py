"""A split while Prometheus is away."""

import pytest

from modelward.api.status import Phase
from tests.e2e import own_prometheus
from tests.e2e.faulty import LONG_STEP, Faulty

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


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
