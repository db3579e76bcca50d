"""What the shipping decisions make of incidents of known cause: a quick, seeded part of docs/evidence.md."""

import pytest

from bench.simulate.incident import QUICK_SETTINGS, Setting
from bench.simulate.matrix import Matrix, findings_of

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("setting", QUICK_SETTINGS, ids=lambda setting: setting.place.name.lower())
def test_the_cause_is_right_and_no_revision_goes_for_another(setting: Setting) -> None:
    """Bad models go, nothing else does, and at most one cause of these incidents is not told."""
    found = Matrix(findings_of(setting))
    assert found.gone_back == 0, found.wrong
    assert len(found.wrong) <= 1, found.wrong
