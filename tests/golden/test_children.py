"""The children of a minimal and a full deployment in each state."""

import pytest

from tests.golden.golden import as_yaml, assert_golden
from tests.unit.render import cases


@pytest.mark.parametrize("state", cases.STATES)
@pytest.mark.parametrize("spec_name", cases.SPECS)
def test_children_are_as_written_down(spec_name: str, state: str) -> None:
    """Every byte of what is rendered has been read by a person."""
    assert_golden(f"{spec_name}-{state}.yaml", as_yaml(cases.children_of(spec_name, state)))
