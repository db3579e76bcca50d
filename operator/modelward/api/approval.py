"""ModelApproval: one person's yes or no to one revision of a ModelDeployment.

The object can only be made by the person whom it names, and never be changed: helm/modelward's
ValidatingAdmissionPolicies see to both, so that nobody can speak for another. A field's docstring is its
description in the CRD and in `kubectl explain`.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from modelward.api.base import APIType
from modelward.api.rules import Rule, matches

MOST_REASON: Final = 400
"""Characters of a reason."""
MOST_APPROVER: Final = 340
"""Characters of a user's name; a service account's has at most 339."""
_NAME: Final = "[a-z]([-a-z0-9]{0,38}[a-z0-9])?"


class ApprovalDecision(StrEnum):
    """What a person says."""

    APPROVE = "Approve"
    VETO = "Veto"


class ModelApprovalSpec(APIType):
    """Who says what to which revision, and why. It cannot be changed: make another, or delete this one."""

    model_deployment_name: Annotated[
        str,
        Field(max_length=40),
        matches(_NAME, "not the name of a ModelDeployment: write one of this namespace"),
    ]
    """The ModelDeployment, in the same namespace."""
    revision: Annotated[
        str,
        Field(max_length=51),
        matches(
            f"{_NAME}-[a-z0-9]{{10}}",
            "not the name of a revision: write NAME-HASH, as status.candidateRevision has it",
        ),
    ]
    """The one revision that it is about: NAME-HASH, as in status. A changed model is another revision."""
    decision: ApprovalDecision
    """Approve: it may get traffic, or be gone back to where that waits for a person.

    Veto: it must not serve. A candidate is rejected, a serving revision rolled back. Deleting an Approve
    revokes it until the revision is promoted; deleting a Veto revokes nothing.
    """
    reason: Annotated[
        str,
        Field(max_length=MOST_REASON),
        matches(r"(?s).*\S.*", "no reason: write why, for those who will ask"),
    ]
    """Why. It is kept in the decision record."""
    approver: Annotated[
        str,
        Field(max_length=MOST_APPROVER),
        matches(r"\S(.*\S)?", "not a user: write the name that `kubectl auth whoami` gives"),
    ]
    """Who: the user that makes this object, as `kubectl auth whoami` gives it."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.revision.startsWith(self.modelDeploymentName + '-')",
            "the revision is of another ModelDeployment: "
            "write a revision of the one that modelDeploymentName names",
            lambda approval: approval.revision.startswith(f"{approval.model_deployment_name}-"),
        ),
    )
