"""People with rights of their own in one namespace, and the policies that are to hold for all of them."""

import json
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dev import manifests
from dev.cluster import processes
from dev.cluster.controlplane import ControlPlane
from tests.apiserver.operators import World
from tests.modeldeployments import Manifest

TAKES_EFFECT_SECONDS: Final = 60
"""The API server learns of policies, and of roles, by watching them."""
_TEMPLATES: Final = ("policies", "rbac")


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the API server."""

    name: str
    plane: ControlPlane
    namespace: str

    def kubectl(self, *arguments: str, given: Manifest | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl as this user."""
        own = ("--as", self.name, "--namespace", self.namespace)
        return self.plane.kubectl(*arguments, *own, input=json.dumps(given) if given else None, check=False)

    def apply(self, manifest: Manifest) -> str:
        """Apply a manifest; return what was said against it, empty if it was taken."""
        done = self.kubectl("apply", "-f", "-", given=manifest)
        return done.stderr if done.returncode else ""


def install(plane: ControlPlane, folder: Path) -> None:
    """Install the chart's roles and policies, and wait until they hold."""
    shown = (word for name in _TEMPLATES for word in ("--show-only", f"templates/{name}.yaml"))
    file = folder / "people.yaml"
    file.write_text(manifests.render(*shown))
    plane.kubectl("create", "namespace", manifests.NAMESPACE, check=False)
    plane.apply(file)
    forger = person(plane, "default", f"forger-{uuid.uuid4().hex[:8]}", "cluster-admin")
    forged = approval("somebody else", "not-yet")
    assert processes.until(
        lambda: forger.kubectl("create", "--dry-run=server", "-f", "-", given=forged).returncode != 0,
        limit_seconds=TAKES_EFFECT_SECONDS,
    )


def person(plane: ControlPlane, namespace: str, name: str, *roles: str) -> Person:
    """Return a user who has been bound to ClusterRoles in a namespace."""
    for role in roles:
        binding = ("create", "rolebinding", f"{name}-{role}", "--user", name, "--clusterrole", role)
        plane.kubectl(*binding, "--namespace", namespace)
    return Person(name, plane, namespace)


def approval(approver: str, /, name: str = "yes", **spec: Any) -> Manifest:
    """Return a ModelApproval of one revision."""
    return {
        "apiVersion": "modelward.dev/v1alpha1",
        "kind": "ModelApproval",
        "metadata": {"name": name},
        "spec": {
            "modelDeploymentName": "electricity",
            "revision": "electricity-2222222222",
            "decision": "Approve",
            "reason": "seen the reports",
            "approver": approver,
            **spec,
        },
    }


def say(world: World, who: str, name: str, **spec: Any) -> None:
    """Have somebody say something of a revision."""
    # In the administrators' group, so that no roles are needed; the name is the person's own all the same.
    whose = ("--as", who, "--as-group", "system:masters", "--namespace", world.namespace)
    world.api_server.kubectl("create", "-f", "-", *whose, input=json.dumps(approval(who, name, **spec)))
