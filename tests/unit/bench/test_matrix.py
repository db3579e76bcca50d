"""What counts as right in the table of causes."""

import pytest

from bench.simulate.incident import Incident, Place, Setting
from bench.simulate.matrix import Finding
from bench.simulate.served import NEWER, OLDER
from modelward.api.status import Cause


@pytest.mark.parametrize(
    ("cause", "named", "rejected", "is_right"),
    [
        (Cause.MODEL, Cause.MODEL, NEWER, True),
        (Cause.MODEL, Cause.MODEL, OLDER, False),
        (Cause.MODEL, Cause.MODEL, "", False),
        (Cause.MODEL, Cause.UNKNOWN, NEWER, False),
        (Cause.INFRASTRUCTURE, Cause.INFRASTRUCTURE, "", True),
        (Cause.INFRASTRUCTURE, Cause.INFRASTRUCTURE, NEWER, False),
        (Cause.INFRASTRUCTURE, Cause.UNKNOWN, "", False),
    ],
)
def test_right_is_the_cause_and_the_revision_that_went(
    cause: Cause, named: Cause, rejected: str, *, is_right: bool
) -> None:
    """Only a bad model's own revision may go: rejecting the good one is wrong, whatever its cause."""
    incident = Incident(Setting(Place.HALF, 10, 0), cause, 0.5, 60)
    assert Finding(incident, named, rejected, 30).is_right is is_right
