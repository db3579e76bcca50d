"""A revision as its ControllerRevision keeps it: all that its pods are rendered from.

Beside the team's inputs it pins the injected images and the renderer's version, so that an operator
upgrade renders the same pods for the revisions that exist, and what it has to pass before it gets traffic;
gates that are added later are in an annotation, because data never change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from modelward import conventions as names
from modelward.api.recordedgates import GateInForce, RecordedGates, in_force, recorded
from modelward.api.revision import revision_inputs, revision_name
from modelward.api.spec import Model, ModelDeploymentSpec, Server
from modelward.render.identity import DeploymentIdentity
from modelward.render.manifest import Manifest, owned, revision_labels

_ADDED_GATES: Final = TypeAdapter(tuple[RecordedGates, ...])

RENDERER: Final = 1
"""Version of how pods are rendered. A change that alters running pods makes a new one beside the old."""


class InvalidRevisionError(ValueError):
    """A ControllerRevision that this operator cannot render; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Images:
    """Images of the injected containers."""

    collector: str
    monitor: str
    fetch: str


@dataclass(frozen=True, slots=True)
class RevisionRecord:
    """One immutable version of what is served."""

    name: str
    number: int
    """Rises by one with each new revision of the deployment."""
    model: Mapping[str, Any]
    """spec.model as written, defaults left out."""
    server: Mapping[str, Any]
    """spec.server as written, defaults left out."""
    images: Images
    renderer: int = RENDERER
    digest: str | None = None
    """Digest of the model that the first fetch reported; None until then."""
    gates: RecordedGates | None = None
    """What it had to pass when it was made; None if nothing was asked then."""
    added_gates: tuple[RecordedGates, ...] = ()
    """What spec has added to that since, oldest first."""

    def in_force(self, spec: ModelDeploymentSpec) -> tuple[GateInForce, ...]:
        """Return the gates that it must pass where spec asks for this."""
        return in_force(self.gates, spec, self.added_gates)


def new_record(
    identity: DeploymentIdentity, spec: ModelDeploymentSpec, number: int, images: Images
) -> RevisionRecord:
    """Return the record of the revision that a spec describes."""
    inputs, gates = revision_inputs(spec), recorded(spec)
    return RevisionRecord(
        name=revision_name(identity.name, inputs),
        number=number,
        model=inputs["model"],
        server=inputs["server"],
        images=images,
        gates=gates if gates.gates else None,
    )


def controller_revision(identity: DeploymentIdentity, record: RevisionRecord) -> Manifest:
    """Return the apps/v1 ControllerRevision that keeps a record; its data can't be changed later."""
    metadata = owned(identity, record.name, revision_labels(identity, "revision", record.name))
    annotations = {}
    if record.digest is not None:
        annotations[names.ANNOTATION_MODEL_DIGEST] = record.digest
    if record.added_gates:
        annotations[names.ANNOTATION_ADDED_GATES] = written_gates(record.added_gates)
    if annotations:
        metadata["annotations"] = annotations
    data = {
        "inputs": {"model": dict(record.model), "server": dict(record.server)},
        "images": asdict(record.images),
        "renderer": record.renderer,
    }
    if record.gates is not None:
        data["gates"] = record.gates.stored()
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "revision": record.number,
        "data": data,
    }


def written_gates(added: Sequence[RecordedGates]) -> str:
    """Return what annotation ANNOTATION_ADDED_GATES says of added gates."""
    return orjson.dumps([each.stored() for each in added]).decode()


def read_record(manifest: Mapping[str, Any]) -> RevisionRecord:
    """Read a record from its ControllerRevision.

    Raises:
        InvalidRevisionError: the data are not those of a record, or another renderer made it.
    """
    name = manifest["metadata"]["name"]
    try:
        data = manifest["data"]
        annotations = manifest["metadata"].get("annotations", {})
        record = RevisionRecord(
            name=name,
            number=manifest["revision"],
            model=data["inputs"]["model"],
            server=data["inputs"]["server"],
            images=Images(**data["images"]),
            renderer=data["renderer"],
            digest=annotations.get(names.ANNOTATION_MODEL_DIGEST),
            gates=_read_gates(name, data.get("gates")),
            added_gates=_read_added_gates(name, annotations.get(names.ANNOTATION_ADDED_GATES)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        msg = (
            f"ControllerRevision {name} does not hold a revision ({error!r}); delete it to have it made anew"
        )
        raise InvalidRevisionError(msg) from error
    if record.renderer != RENDERER:
        msg = (
            f"ControllerRevision {name} was made by renderer {record.renderer}, "
            f"this operator has {RENDERER}; run the operator's newer version again"
        )
        raise InvalidRevisionError(msg)
    read_inputs(record)
    return record


def read_inputs(record: RevisionRecord) -> tuple[Model, Server]:
    """Return model and server of a record with every default.

    Raises:
        InvalidRevisionError: they break a rule of the API.
    """
    try:
        return Model.model_validate(record.model), Server.model_validate(record.server)
    except ValidationError as error:
        msg = f"ControllerRevision {record.name} holds inputs that are no longer valid: {_problems(error)}"
        raise InvalidRevisionError(msg) from error


def _read_gates(name: str, stored: object) -> RecordedGates | None:
    if stored is None:
        return None
    try:
        return RecordedGates.model_validate(stored)
    except ValidationError as error:
        msg = f"ControllerRevision {name} holds gates that are no longer valid: {_problems(error)}"
        raise InvalidRevisionError(msg) from error


def _read_added_gates(name: str, written: str | None) -> tuple[RecordedGates, ...]:
    if written is None:
        return ()
    try:
        return _ADDED_GATES.validate_json(written)
    except ValidationError as error:
        msg = (
            f"ControllerRevision {name}: annotation {names.ANNOTATION_ADDED_GATES} does not hold gates "
            f"({_problems(error)}); write what it held before, or ask for a new revision"
        )
        raise InvalidRevisionError(msg) from error


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    )
