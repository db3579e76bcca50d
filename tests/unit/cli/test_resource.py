"""How an object of the API server is read."""

import pytest

from modelward.cli import resource
from modelward.cli.failure import CommandError
from tests.unit.cli import recorded


def test_fields_of_a_newer_operator_are_ignored() -> None:
    """A status with fields this version does not know is read all the same."""
    newer = {**recorded.STEPPING, "status": {**recorded.STEPPING["status"], "forecast": {"sunny": True}}}
    assert resource.read(newer).status == resource.read(recorded.STEPPING).status


def test_a_field_of_another_type_names_the_object() -> None:
    """What cannot be read is an error that says which object and what to do."""
    broken = {**recorded.STEPPING, "status": {"weight": "a lot"}}
    with pytest.raises(CommandError, match=r"(?s)demo/electricity.*weight.*install the same version"):
        resource.read(broken)


def test_roles_of_revisions() -> None:
    """A revision's role is what status says it is now, also if it was rejected before."""
    deployment = resource.read(recorded.REJECTED)
    assert deployment.role(recorded.STABLE) is resource.Role.STABLE
    assert deployment.role(recorded.CANDIDATE) is resource.Role.REJECTED
    assert deployment.role("electricity-unheard") is resource.Role.OTHER
    assert resource.read(recorded.STEPPING).role(recorded.CANDIDATE) is resource.Role.CANDIDATE
