"""Candidates that meet trouble elsewhere: no image, no model, no Prometheus."""

from typing import Final

import pytest

from dev.demo.stage import is_settled
from modelward.api.status import Phase
from tests.e2e import own_prometheus
from tests.e2e.faulty import LONG_STEP, SHORT_STEP, Faulty

_GIVEN_UP_SOON: Final = {**SHORT_STEP, "progressDeadline": "90s"}
"""For a candidate that never gets ready; a busy machine must come as far as to show why."""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_image_that_cannot_be_pulled(faulty: Faulty) -> None:
    """A candidate whose image does not exist is rejected for that, and stable's traffic is not touched."""
    stable = faulty.serve("1")
    before = faulty.wait(is_settled, "rest").traffic_generation
    faulty.ship("2", rollout=_GIVEN_UP_SOON, container={"image": "registry.invalid/model:1"})
    status = faulty.wait(lambda deployment: bool(deployment.status.rejected_revisions), "the rejection")
    assert status.rejected_revisions[0].reason == "ImagePullFailed"
    assert (status.stable_revision, status.traffic_generation) == (stable, before)


def test_model_that_is_not_there(faulty: Faulty) -> None:
    """A candidate whose model cannot be fetched is rejected with the fetch's own words."""
    faulty.serve("1")
    model = {"uri": "s3://models/nothing-here", "storageSecretName": "model-store"}
    faulty.ship("2", rollout=_GIVEN_UP_SOON, model=model)
    status = faulty.wait(lambda deployment: bool(deployment.status.rejected_revisions), "the rejection")
    assert status.rejected_revisions[0].reason == "FetchFailed"
    assert "s3://models/nothing-here" in status.rejected_revisions[0].message


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
