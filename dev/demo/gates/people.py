"""Who takes part, with what rights, and how each of them speaks through plain kubectl."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from dev.demo.cluster import DemoError
from dev.demo.stage import Stage
from modelward.api.approval import ApprovalDecision
from modelward.conventions import API_VERSION, KIND_APPROVAL

_APPROVER: Final = ("modelward-approver",)
ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "dana": ("modelward-edit", "modelward-view"),
    "lead": ("modelward-edit", "modelward-view", "modelward-gatekeeper"),
    "alice": _APPROVER,
    "bob": _APPROVER,
    "carol": _APPROVER,
}
"""dana ships models, lead says what they must pass, the others say yes or no."""


@dataclass(frozen=True, slots=True)
class People:
    """The people of one namespace."""

    stage: Stage

    def bind(self) -> None:
        """Give everybody their rights."""
        for name, roles in ROLES.items():
            for role in roles:
                self.stage.kubectl(
                    "create", "rolebinding", f"{name}-{role}", f"--user={name}", f"--clusterrole={role}"
                )

    def apply(self, name: str, manifest: Mapping[str, Any]) -> None:
        """Apply a manifest as somebody; raises DemoError if the API server refuses it."""
        text = self.stage.cluster.with_images(yaml.safe_dump(dict(manifest), sort_keys=False))
        self.stage.kubectl("apply", "--server-side", "--as", name, "-f", "-", text=text)

    def refusal(self, name: str, manifest: Mapping[str, Any]) -> str:
        """Try to apply a manifest as somebody who may not; return what the API server said.

        Raises:
            DemoError: it was taken.
        """
        try:
            self.apply(name, manifest)
        except DemoError as error:
            return str(error).partition("failed: ")[2]
        raise DemoError(f"{name} was allowed to apply {yaml.safe_dump(dict(manifest))}")


def word(
    deployment: str, revision: str, approver: str, decision: ApprovalDecision, reason: str
) -> dict[str, Any]:
    """Return somebody's ModelApproval of a revision."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND_APPROVAL,
        "metadata": {"name": f"{revision}-{approver}-{decision.lower()}"},
        "spec": {
            "modelDeploymentName": deployment,
            "revision": revision,
            "decision": decision.value,
            "approver": approver,
            "reason": reason,
        },
    }
