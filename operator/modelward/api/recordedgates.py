"""Gates in force for a revision: those recorded when it was made, and what spec has added since.

A recorded gate keeps what it is measured by, so that no later edit changes or drops what a candidate was
to pass. A gate with a name of its own that spec gets while the revision is a candidate without traffic is
recorded too, as spec has it then. What has been recorded is no part of the revision's hash.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import orjson

from modelward.api.base import APIType
from modelward.api.gatepolicy import ROLLOUT_APPROVAL
from modelward.api.gates import Approval, Gate, GateFile, Table, Validation
from modelward.api.inference import Inference
from modelward.api.spec import ModelDeploymentSpec

_HASH_LENGTH: Final = 12


class RecordedGates(APIType):
    """What a ControllerRevision keeps of gates: data.gates."""

    inference: Inference | None = None
    validation: Validation | None = None
    training: Table | None = None
    gates: tuple[Gate, ...] = ()

    def stored(self) -> dict[str, Any]:
        """Return it as JSON, defaults left out; `RecordedGates.model_validate` reads it."""
        return self.model_dump(by_alias=True, mode="json", exclude_defaults=True)


@dataclass(frozen=True)
class GateInForce:
    """One gate with what it is measured by."""

    gate: Gate
    inference: Inference | None = None
    validation: Validation | None = None
    training: Table | None = None
    is_edited: bool = False
    """Whether it is recorded, and spec now says otherwise of it or of what it is measured by."""

    @cached_property
    def configuration(self) -> str:
        """Hash of the gate and all that it is measured by: what passed with it need not run again."""
        parts = {
            "gate": self.gate,
            **(
                {"inference": self.inference, "validation": self.validation, "training": self.training}
                if self.gate.is_measured
                else {}
            ),
        }
        written = {
            name: part.model_dump(by_alias=True, mode="json", exclude_defaults=True)
            for name, part in parts.items()
            if part is not None
        }
        return hashlib.sha256(orjson.dumps(written, option=orjson.OPT_SORT_KEYS)).hexdigest()[:_HASH_LENGTH]

    def file(self) -> GateFile:
        """Return the file that `modelward gate run` reads for this gate alone.

        Raises:
            ValidationError: it is no measured gate, or nothing says what it is measured by.
        """
        parts = {
            "inference": self.inference,
            "validation": self.validation,
            "training": self.training,
            "gates": (self.gate,),
        }
        return GateFile.model_validate({name: part for name, part in parts.items() if part is not None})


def recorded(spec: ModelDeploymentSpec) -> RecordedGates:
    """Return what is recorded of a spec's gates when it asks for a new revision."""
    return RecordedGates(
        inference=spec.inference,
        validation=spec.validation,
        training=spec.training,
        gates=_asked(spec),
    )


def in_force(
    record: RecordedGates | None, spec: ModelDeploymentSpec, added: Sequence[RecordedGates] = ()
) -> tuple[GateInForce, ...]:
    """Return the gates that a revision must pass, in order.

    Args:
        record: what its ControllerRevision keeps; None for one made before gates were recorded.
        spec: what is asked for now; gates whose names are recorded are passed over, and marked as edited
            where they differ.
        added: what was recorded later, each with what it is measured by.
    """
    now = recorded(spec)
    asked = {each.gate.name: each.configuration for each in _with_measures(now)}
    kept = (
        replace(each, is_edited=asked.get(each.gate.name) != each.configuration)
        for known in _records(record, added)
        for each in _with_measures(known)
    )
    new = unrecorded(record, spec, added)
    return (*kept, *(_with_measures(new) if new else ()))


def unrecorded(
    record: RecordedGates | None, spec: ModelDeploymentSpec, added: Sequence[RecordedGates] = ()
) -> RecordedGates | None:
    """Return what is to be recorded of gates that spec has added; None if there are none."""
    now = recorded(spec)
    known = {gate.name for each in _records(record, added) for gate in each.gates}
    gates = tuple(gate for gate in now.gates if gate.name not in known)
    return now.model_copy(update={"gates": gates}) if gates else None


def _records(record: RecordedGates | None, added: Sequence[RecordedGates]) -> tuple[RecordedGates, ...]:
    return (*((record,) if record else ()), *added)


def _with_measures(record: RecordedGates) -> tuple[GateInForce, ...]:
    return tuple(
        GateInForce(gate, record.inference, record.validation, record.training) for gate in record.gates
    )


def _asked(spec: ModelDeploymentSpec) -> tuple[Gate, ...]:
    """Return spec's gates with how long each person is awaited, and the one of requireApproval.rollout."""
    timeout = spec.require_approval.timeout
    asked = tuple(
        gate if gate.is_measured or gate.timeout else gate.model_copy(update={"timeout": timeout})
        for gate in spec.gates
    )
    if not spec.require_approval.rollout:
        return asked
    return (*asked, Gate(name=ROLLOUT_APPROVAL, approval=Approval(), timeout=timeout))
