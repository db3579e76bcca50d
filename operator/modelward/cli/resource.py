"""A ModelDeployment as the command line reads it: typed, and tolerant of an operator newer than itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from modelward.api.revision import revision_inputs, revision_name
from modelward.api.spec import ModelDeploymentSpec
from modelward.api.status import ModelDeploymentStatus
from modelward.cli.failure import CommandError


class Role(StrEnum):
    """What a revision is to its deployment just now."""

    STABLE = "stable"
    CANDIDATE = "candidate"
    STANDBY = "standby"
    CONTROL = "control"
    REJECTED = "rejected"
    OTHER = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One ModelDeployment at one moment."""

    namespace: str
    name: str
    generation: int
    created_at: datetime
    spec: ModelDeploymentSpec
    status: ModelDeploymentStatus
    manifest: Mapping[str, Any]
    """The object as the API server gave it, for -o json and yaml."""

    @property
    def wanted_revision(self) -> str:
        """Name of the revision that spec asks for."""
        return revision_name(self.name, revision_inputs(self.spec))

    def role(self, revision: str) -> Role:
        """Return what `revision` is to this deployment."""
        roles = {
            self.status.stable_revision: Role.STABLE,
            self.status.candidate_revision: Role.CANDIDATE,
            self.status.standby_revision: Role.STANDBY,
            self.status.control.revision if self.status.control else "": Role.CONTROL,
        }
        rejected = {each.revision: Role.REJECTED for each in self.status.rejected_revisions}
        return (rejected | roles).get(revision, Role.OTHER)

    def short(self, revision: str) -> str:
        """Return a revision's hash, which is what tells it from its siblings."""
        return revision.removeprefix(f"{self.name}-")


def read(manifest: Mapping[str, Any]) -> Deployment:
    """Read an object of the API server; fields this version does not know are ignored.

    Raises:
        CommandError: a field has another type than this version of the command expects.
    """
    metadata = manifest["metadata"]
    try:
        spec = ModelDeploymentSpec.model_validate(manifest["spec"], extra="ignore")
        status = ModelDeploymentStatus.model_validate(manifest.get("status", {}), extra="ignore")
    except ValidationError as error:
        message = (
            f"cannot read ModelDeployment {metadata['namespace']}/{metadata['name']}: {error}\n"
            "If the operator is newer than this command, install the same version of both."
        )
        raise CommandError(message) from error
    return Deployment(
        namespace=metadata["namespace"],
        name=metadata["name"],
        generation=metadata["generation"],
        created_at=read_time(metadata["creationTimestamp"]),
        spec=spec,
        status=status,
        manifest=manifest,
    )


def read_time(text: str) -> datetime:
    """Read an RFC 3339 time; one without an offset is UTC."""
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)
