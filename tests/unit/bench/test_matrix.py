"""What counts as right in the table of causes."""

import pytest

from bench.simulate.incident import Fault, Incident, Place, Setting
from bench.simulate.matrix import Finding
from bench.simulate.served import NEWER, OLDER
from modelward.api.status import Cause


@pytest.mark.parametrize(
    ("fault", "named", "rejected", "is_right"),
    [
        (Fault.MODEL, Cause.MODEL, NEWER, True),
        (Fault.OWN_SLOW_READS, Cause.MODEL, NEWER, True),
        (Fault.OWN_SLOW_READS, Cause.INFRASTRUCTURE, "", False),
        (Fault.MODEL, Cause.MODEL, OLDER, False),
        (Fault.MODEL, Cause.MODEL, "", False),
        (Fault.MODEL, Cause.UNKNOWN, NEWER, False),
        (Fault.SLOW_STORAGE, Cause.INFRASTRUCTURE, "", True),
        (Fault.SLOW_STORAGE, Cause.INFRASTRUCTURE, NEWER, False),
        (Fault.SLOW_STORAGE, Cause.UNKNOWN, "", False),
    ],
)
def test_right_is_the_cause_and_the_revision_that_went(
    fault: Fault, named: Cause, rejected: str, *, is_right: bool
) -> None:
    """Only a bad model's own revision may go: rejecting the good one is wrong, whatever its cause."""
    incident = Incident(Setting(Place.HALF, 10, 0), fault, 0.5, 60)
    assert Finding(incident, named, rejected, 30).is_right is is_right
