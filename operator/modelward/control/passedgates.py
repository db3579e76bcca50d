"""Remembers which gates a revision has passed, so that an unchanged gate runs once for it.

They are in an annotation of its ControllerRevision, which teams may not write (a ConfigMap they may), and go
with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from modelward import conventions as names
from modelward.api.gates import GateKind
from modelward.api.gateverdict import Result
from modelward.api.status import GateResultName, GateStatus
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
    stable: str = ""
    """The revision that served when it was measured; empty if none did."""
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
            stable=gate.stable,
            result=Result.PASSED,
            message=gate.message,
            finished_at=datetime.fromisoformat(gate.finished_at) if gate.finished_at else None,
            report=gate.report,
        )
        for name, gate in _read(cache, key, revision).items()
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """How a revision's gates stand, and beside what they were measured."""

    revision: str
    stable: str
    """The revision that served meanwhile; empty if none did."""
    gates: tuple[GateStatus, ...]


async def remember(applier: Applier, cache: Cache, key: Key, measured: Measured, refusals: Refusals) -> None:
    """Add the measured gates that a revision has passed."""
    known = _read(cache, key, measured.revision)
    found = with_passes(known, measured)
    if found == known:
        return
    kind = kinds.CONTROLLER_REVISION
    written = _BY_GATE.dump_json(found, exclude_defaults=True).decode()
    with refusals.of(kind.name, measured.revision):
        await applier.annotate(key, kind, measured.revision, names.ANNOTATION_PASSED_GATES, written)


def with_passes(known: Mapping[str, Passed], measured: Measured) -> dict[str, Passed]:
    """Return what is known with what was passed; an earlier pass keeps what it was measured beside."""
    result = dict(known)
    for gate in filter(_is_measured_pass, measured.gates):
        before = known.get(gate.name)
        is_kept = before is not None and _measurement(before) == (gate.configuration, gate.finished_at)
        result[gate.name] = _remembered(gate, before.stable if before and is_kept else measured.stable)
    return result


def _read(cache: Cache, key: Key, revision: str) -> dict[str, Passed]:
    stored = cache.get(key, kinds.CONTROLLER_REVISION, revision)
    annotations = (stored.manifest()["metadata"].get("annotations") or {}) if stored else {}
    try:
        return _BY_GATE.validate_json(annotations.get(names.ANNOTATION_PASSED_GATES, "{}"))
    except ValidationError:
        return {}


def _measurement(gate: Passed) -> tuple[str, str | None]:
    return gate.configuration, gate.finished_at


def _is_measured_pass(gate: GateStatus) -> bool:
    return gate.result is GateResultName.PASSED and gate.kind != GateKind.APPROVAL


def _remembered(gate: GateStatus, stable: str) -> Passed:
    return Passed(
        configuration=gate.configuration,
        stable=stable,
        message=gate.message,
        finished_at=gate.finished_at,
        report=gate.report,
    )
