"""What gates need in the cluster: where reports go, what their pods may take, and whom they wait for."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import Field

from modelward.api.base import APIType
from modelward.api.gates import MEASURED_BY_RULES
from modelward.api.quantities import Duration, duration_within
from modelward.api.rules import Rule, matches

ROLLOUT_APPROVAL: Final = "rollout-approval"
"""Name of the gate that spec.requireApproval.rollout stands for."""
_REMOTE: Final = "(s3|gs|abfs|https?)://.*"
_CLAIM: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*"


class RequireApproval(APIType):
    """Where a person is asked."""

    rollout: bool = False
    """Whether one person must approve each revision before it gets traffic."""
    rollback: bool = False
    """Whether a person must approve a rollback for cause Drift or Unknown; others are made at once.

    The ModelApproval names the revision to go back to, and is made after the breach was found.
    """
    remind_after: Annotated[Duration, duration_within(timedelta(minutes=1), timedelta(days=30))] = timedelta(
        hours=1
    )
    """How long a person may be awaited before an alert says so."""
    timeout: Annotated[Duration, duration_within(timedelta(minutes=1), timedelta(days=90))] = timedelta(
        days=7
    )
    """How long an approval before traffic is awaited; then the rollout is Held. Silence promotes nothing."""


class ConfigMapReports(APIType):
    """Reports in ConfigMap NAME-gates-REVISION, those of the newest ten revisions."""


class GateReports(APIType):
    """Where the reports of gates are kept. At most one of configMap, uri, persistentVolumeClaimName."""

    config_map: ConfigMapReports | None = None
    """In ConfigMaps of the deployment's namespace, as where nothing is written."""
    uri: (
        Annotated[
            str,
            Field(max_length=512),
            matches(
                r"(s3|gs|abfs)://[^\s/?#]+(/[^\s?#]*)?",
                "not a place for reports: write s3://BUCKET/PATH, gs://BUCKET/PATH or abfs://CONTAINER/PATH",
            ),
        ]
        | None
    ) = None
    """Below this address, written with the credentials of the model's storageSecretName."""
    persistent_volume_claim_name: (
        Annotated[
            str,
            Field(max_length=253),
            matches(
                _CLAIM, "not the name of a PersistentVolumeClaim: write lower case letters, digits, - and ."
            ),
        ]
        | None
    ) = None
    """On this claim of the same namespace."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            # Not exactly one: a default that names one would stay beside what is written later.
            "[has(self.configMap), has(self.uri), has(self.persistentVolumeClaimName)]"
            ".filter(p, p).size() <= 1",
            "write at most one of configMap, uri and persistentVolumeClaimName",
            lambda reports: (
                sum(
                    place is not None
                    for place in (reports.config_map, reports.uri, reports.persistent_volume_claim_name)
                )
                <= 1
            ),
        ),
    )


Quantity: TypeAlias = Annotated[
    str,
    Field(max_length=32),
    matches(
        r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?",
        'not a quantity: write it in quotes, such as "500m" or "1Gi"',
    ),
]
Quantities: TypeAlias = Annotated[
    dict[str, Quantity],
    Field(max_length=8),
    Rule(
        "self.all(name, name in ['cpu', 'memory', 'ephemeral-storage'])",
        "not a resource of gates: write cpu, memory or ephemeral-storage",
        lambda quantities: set(quantities) <= {"cpu", "memory", "ephemeral-storage"},
    ),
]


class GateResources(APIType):
    """What the pod of a measured gate asks for and may take."""

    requests: Quantities = Field(default_factory=lambda: {"cpu": "100m", "memory": "512Mi"})
    """What the scheduler keeps for it."""
    limits: Quantities = Field(default_factory=lambda: {"memory": "1536Mi"})
    """What it may take; a gate above its memory ends in an Error."""


def _addresses(asked: Any) -> Iterator[str]:  # noqa: ANN401 - a ModelDeploymentSpec whose rules are checked
    yield from (table.uri for table in (asked.validation, asked.training) if table is not None)
    for gate in asked.gates:
        if gate.data_quality is not None and gate.data_quality.profile is not None:
            yield gate.data_quality.profile


def _asks_for_the_models_file(gate: Any) -> bool:  # noqa: ANN401 - a Gate
    return gate.robustness is not None and bool(gate.robustness.gradient)


GATE_RULES: Final = (
    *MEASURED_BY_RULES,
    Rule(
        "self.gates.all(g, has(g.job) || has(g.approval)) || (has(self.inference) && has(self.validation))",
        "gates measure a model by its predictions for labelled rows: write inference and validation",
        lambda asked: (
            all(gate.job is not None or gate.approval is not None for gate in asked.gates)
            or (asked.inference is not None and asked.validation is not None)
        ),
    ),
    Rule(
        f"(!has(self.validation) || self.validation.uri.matches('^{_REMOTE}$')) && "
        f"(!has(self.training) || self.training.uri.matches('^{_REMOTE}$')) && "
        "self.gates.all(g, !has(g.dataQuality) || !has(g.dataQuality.profile) || "
        f"g.dataQuality.profile.matches('^{_REMOTE}$'))",
        "a gate's pod has no files of yours: write s3://, gs://, abfs://, https:// or http:// addresses "
        "for validation, training and profile",
        lambda asked: all(re.fullmatch(_REMOTE, address) for address in _addresses(asked)),
    ),
    Rule(
        "(has(self.inference) && has(self.inference.modelFile)) || "
        "self.gates.all(g, !has(g.robustness) || g.robustness.gradient.size() == 0)",
        "gradient attacks the model's file: write inference.modelFile, its path below model.uri",
        lambda asked: (
            (asked.inference is not None and asked.inference.model_file is not None)
            or not any(map(_asks_for_the_models_file, asked.gates))
        ),
    ),
    Rule(
        f"self.gates.all(g, g.name != '{ROLLOUT_APPROVAL}')",
        f"{ROLLOUT_APPROVAL} is the gate of requireApproval.rollout: write another name",
        lambda asked: all(gate.name != ROLLOUT_APPROVAL for gate in asked.gates),
    ),
)
"""Of a ModelDeployment's spec, between its gates and all else."""
