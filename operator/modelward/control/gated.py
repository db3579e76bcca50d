"""Whose gates are looked at, and by which spec."""

from dataclasses import dataclass

from modelward.api.spec import ModelDeploymentSpec
from modelward.render.identity import DeploymentIdentity
from modelward.render.revision import RevisionRecord
from modelward.signals.key import Key


@dataclass(frozen=True, slots=True)
class Gated:
    """Whose gates these are.

    Args:
        key: the deployment.
        identity: the same, as owner.
        spec: what it asks for.
        record: the candidate, or the revision that is wanted; None if it cannot be rendered.
    """

    key: Key
    identity: DeploymentIdentity
    spec: ModelDeploymentSpec
    record: RevisionRecord | None
