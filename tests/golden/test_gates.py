"""The Jobs of a measured gate and of a team's own."""

import pytest

from modelward.api.gates import Gate
from modelward.render.gates import gate_manifests
from tests.golden.golden import as_yaml, assert_golden
from tests.unit.render.test_gates import MEASURED, OWNER, of_team, run_of


@pytest.mark.parametrize(("name", "gate"), [("measured", MEASURED), ("team", of_team())])
def test_jobs_are_as_written_down(name: str, gate: Gate) -> None:
    """Every byte of what is rendered has been read by a person."""
    assert_golden(f"gate-{name}.yaml", as_yaml(gate_manifests(OWNER, run_of(gate))))
