"""Remembers which gates a revision has passed, so that an unchanged gate runs once for it.

They are in an annotation of its ControllerRevision, which teams may not write (a ConfigMap they may), and go
with it.
"""

from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from modelward import conventions as names
from modelward.api.gates import GateKind
from modelward.api.gateverdict import Result
from modelward.api.status import GateResultName, GateStatus, ModelDeploymentStatus
from modelward.control import kinds
from modelward.control.apply import Applier
from modelward.control.cache import Cache
from modelward.control.refusals import Refusals
from modelward.decide.observation import GateObservation
from modelward.signals.key import Key


class Passed(BaseModel):
    """One gate that was passed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    configuration: str
    message: Annotated[str, Field(max_length=256)] = ""
    finished_at: str | None = None
    report: Annotated[str, Field(max_length=256)] = ""


_BY_GATE: Final = TypeAdapter(dict[str, Passed])


def passed(cache: Cache, key: Key, revision: str) -> tuple[GateObservation, ...]:
    """Return the gates that a revision has passed, by what is remembered."""
    return tuple(
        GateObservation(
            revision=revision,
            name=name,
            configuration=gate.configuration,
            result=Result.PASSED,
            message=gate.message,
            finished_at=datetime.fromisoformat(gate.finished_at) if gate.finished_at else None,
            report=gate.report,
        )
        for name, gate in _read(cache, key, revision).items()
    )


async def remember(
    applier: Applier,
    cache: Cache,
    key: Key,
    revision: str,
    status: ModelDeploymentStatus,
    refusals: Refusals,
) -> None:
    """Add the measured gates that a status says `revision` has passed."""
    known = _read(cache, key, revision)
    found = {gate.name: _remembered(gate) for gate in status.gates if _is_measured_pass(gate)}
    if all(known.get(name) == gate for name, gate in found.items()):
        return
    kind = kinds.CONTROLLER_REVISION
    written = _BY_GATE.dump_json({**known, **found}, exclude_defaults=True).decode()
    with refusals.of(kind.name, revision):
        await applier.annotate(key, kind, revision, names.ANNOTATION_PASSED_GATES, written)


def _read(cache: Cache, key: Key, revision: str) -> dict[str, Passed]:
    stored = cache.get(key, kinds.CONTROLLER_REVISION, revision)
    annotations = (stored.manifest()["metadata"].get("annotations") or {}) if stored else {}
    try:
        return _BY_GATE.validate_json(annotations.get(names.ANNOTATION_PASSED_GATES, "{}"))
    except ValidationError:
        return {}


def _is_measured_pass(gate: GateStatus) -> bool:
    return gate.result is GateResultName.PASSED and gate.kind != GateKind.APPROVAL


def _remembered(gate: GateStatus) -> Passed:
    return Passed(
        configuration=gate.configuration,
        message=gate.message,
        finished_at=gate.finished_at,
        report=gate.report,
    )
