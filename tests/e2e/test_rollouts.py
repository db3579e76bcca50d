"""Rollouts on real pods under live traffic."""

from typing import Final

import pytest

from dev.demo.stage import serves
from modelward.api.status import Phase
from tests.e2e.faulty import LONG_STEP, Faulty

_NOTE: Final = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bench-files"}}
"""Adds a file to what is uploaded."""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_good_is_promoted_bad_goes_back(faulty: Faulty) -> None:
    """A good candidate is promoted, a bad one rejected, a promoted one that turns bad rolled back.

    No request fails but those that the model itself answered with an error.
    """
    first = faulty.serve("1")
    faulty.start_traffic()
    faulty.traffic_reaches("1")
    good = faulty.serve("2")

    bad = faulty.ship("3", rollout=LONG_STEP)
    faulty.wait(lambda deployment: deployment.status.phase is Phase.STEPPING, "the split")
    faulty.set_fault(bad, 0.5)
    status = faulty.wait(lambda deployment: bool(deployment.status.rejected_revisions), "the rejection")
    rejected = status.rejected_revisions[0]
    assert (rejected.revision, rejected.cause) == (bad, "Model")
    assert rejected.reason.startswith("Availability")
    faulty.wait(serves(good), "all traffic on the stable revision")

    faulty.stage.kubectl("delete", "pods", "-l", f"modelward.dev/revision={bad}", "--ignore-not-found")
    faulty.ship("2")  # the team takes its bad version back
    better = faulty.serve("4")
    faulty.set_fault(better, 0.5)
    faulty.wait(serves(good), "the rollback to the warm standby")

    traffic = faulty.end_traffic()
    failed = [answer for answer in traffic.answers if answer.failed]
    assert [answer for answer in failed if answer.version not in {"3", "4"}] == []
    assert not [opening for opening in traffic.openings if opening.because == "broken"]
    assert first not in {share.revision for share in status.traffic}


def test_model_overwritten_at_its_uri(faulty: Faulty) -> None:
    """A pod that fetches other contents than the revision's first pod did fails, and is told apart."""
    own = "s3://models/overwritten"
    faulty.upload(own)
    model = {"uri": own, "storageSecretName": "model-store"}
    revision = faulty.serve("1", model=model)
    faulty.stage.apply({**_NOTE, "data": {"note": "another model"}})
    faulty.upload(own)
    faulty.stage.kubectl("delete", "pod", *faulty.pods(revision))
    faulty.wait(
        lambda deployment: any(
            each.type == "Ready" and each.reason == "NoRevisionServes" and "digest" in each.message
            for each in deployment.status.conditions
        ),
        "the pod that refuses the other contents",
    )
