"""Gates: what a candidate passes before it gets traffic, and the data and endpoint it is measured by."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import Field

from modelward.api.base import APIType
from modelward.api.inference import Answers, Inference
from modelward.api.interpretability import Interpretability
from modelward.api.quality import MAX_COLUMNS, ColumnName, DataQuality, DataURI
from modelward.api.quantities import Duration, duration_within
from modelward.api.robustness import Robustness
from modelward.api.rules import Distinct, ListMap, Rule, matches
from modelward.api.template import JOB_TEMPLATE_RULES, PodTemplate

MAX_GATES: Final = 10
TIME_LIMIT: Final = timedelta(minutes=10)
"""Of a gate that names none."""


class GateKind(StrEnum):
    """What a gate asks: each is the name of the field that says it."""

    DATA_QUALITY = "dataQuality"
    INTERPRETABILITY = "interpretability"
    ROBUSTNESS = "robustness"
    JOB = "job"
    APPROVAL = "approval"


_ONE_KIND: Final = "write exactly one of {} and {}".format(
    ", ".join(tuple(GateKind)[:-1]), tuple(GateKind)[-1]
)


class OnFailure(StrEnum):
    """What a gate that was not passed leads to."""

    REJECT = "Reject"
    HOLD = "Hold"
    WARN = "Warn"


class Table(APIType):
    """A file of rows."""

    uri: DataURI
    """A .csv, .csv.gz or .parquet file with a header; read with the credentials of the environment."""


class Validation(Table):
    """Rows with labels that the model has not been trained on."""

    labels: ColumnName
    """The column of what is right."""
    features: (
        Annotated[
            tuple[ColumnName, ...],
            Field(min_length=1, max_length=MAX_COLUMNS),
            Distinct("a feature is written twice: write each once"),
        ]
        | None
    ) = None
    """The model's inputs, in its order. Default: every other column, in the file's order."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.features) || !(self.labels in self.features)",
            "the labels are what is to be predicted: leave their column out of features",
            lambda validation: validation.features is None or validation.labels not in validation.features,
        ),
    )


class Job(APIType):
    """The team's own test: a pod that ends with 0 (passed) or 3 (failed) and writes a verdict."""

    template: Annotated[PodTemplate, *JOB_TEMPLATE_RULES]
    """A pod template, as in a Job (see `kubectl explain pod.spec`)."""


class Approval(APIType):
    """A person's yes."""

    required: Annotated[int, Field(ge=1, le=10)] = 1
    """How many different people."""


class Gate(APIType):
    """What a candidate must pass. Exactly one of dataQuality, interpretability, robustness, job, approval."""

    name: Annotated[
        str,
        Field(max_length=40),
        matches(
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            "not a gate's name: write lower case letters, digits and -, beginning with a letter",
        ),
    ]
    """Name in status and verdicts; unique in this deployment."""
    data_quality: DataQuality | None = None
    interpretability: Interpretability | None = None
    robustness: Robustness | None = None
    job: Job | None = None
    approval: Approval | None = None
    timeout: Annotated[Duration, duration_within(timedelta(seconds=1), timedelta(days=30))] | None = None
    """How long it may take. Default: 10m; of an approval, that of requireApproval."""
    on_failure: OnFailure | None = None
    """What follows when it is not passed: Reject (default), Hold or Warn."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"[{', '.join(f'has(self.{kind})' for kind in GateKind)}].exists_one(kind, kind)",
            _ONE_KIND,
            lambda gate: len(_kinds(gate)) == 1,
        ),
        Rule(
            "!has(self.approval) || !has(self.onFailure)",
            "a person's no rejects, and a yes that does not come holds: leave onFailure out of an approval",
            lambda gate: gate.approval is None or gate.on_failure is None,
        ),
    )

    @property
    def kind(self) -> GateKind:
        """Which of the exclusive fields is set."""
        return _kinds(self)[0]

    @property
    def is_measured(self) -> bool:
        """Whether a program answers, and no person."""
        return self.approval is None

    @property
    def compares_with_stable(self) -> bool:
        """Whether its answer may depend on which revision serves; a team's own test may always compare."""
        explained, robust = self.interpretability, self.robustness
        return (
            self.job is not None
            or (explained is not None and explained.min_rank_correlation is not None)
            or (robust is not None and robust.compares_with_stable)
        )

    @property
    def time_limit(self) -> timedelta:
        """How long it may take."""
        return self.timeout or TIME_LIMIT

    @property
    def failure_policy(self) -> OnFailure:
        """What follows when it is not passed."""
        return self.on_failure or OnFailure.REJECT


GateList: TypeAlias = Annotated[
    tuple[Gate, ...],
    ListMap("name"),
    Field(max_length=MAX_GATES),
    Rule(
        "self.all(g, self.exists_one(h, h.name == g.name))",
        "two gates have the same name: write a name of its own for each",
        lambda gates: len({gate.name for gate in gates}) == len(gates),
    ),
]

MEASURED_BY_RULES: Final = (
    Rule(
        "has(self.training) || self.gates.all(g, !has(g.dataQuality) || !has(g.dataQuality.maxLeakage))",
        "whether rows leaked is seen beside the training data: write training, or leave out maxLeakage",
        lambda asked: (
            asked.training is not None
            or all(gate.data_quality is None or gate.data_quality.max_leakage is None for gate in asked.gates)
        ),
    ),
    Rule(
        "has(self.training) || self.gates.all(g, !has(g.dataQuality) || !has(g.dataQuality.shift) || "
        "has(g.dataQuality.profile))",
        "a shift is measured from the training data: write training, or the profile of the gate",
        lambda asked: (
            asked.training is not None
            or all(
                gate.data_quality is None
                or gate.data_quality.shift is None
                or gate.data_quality.profile is not None
                for gate in asked.gates
            )
        ),
    ),
    Rule(
        "!has(self.inference) || self.inference.answers != 'Values' || self.gates.all(g, "
        "(!has(g.robustness) || !has(g.robustness.perturbation)) && "
        "(!has(g.dataQuality) || !has(g.dataQuality.minClassShare)))",
        "answers: Values has no classes: leave out perturbation and minClassShare",
        lambda asked: (
            asked.inference is None
            or asked.inference.answers is not Answers.VALUES
            or not any(map(_needs_classes, asked.gates))
        ),
    ),
)
"""Between gates and what they are measured by, wherever both are written."""


class GateFile(APIType):
    """What `modelward gate run --file` reads: gates, and what they are measured by."""

    inference: Inference
    validation: Validation
    training: Table | None = None
    """A sample of the rows that the model was trained on, with the same columns."""
    gates: Annotated[GateList, Field(min_length=1)]

    rules: ClassVar[tuple[Rule, ...]] = MEASURED_BY_RULES


def _kinds(gate: Any) -> list[GateKind]:  # noqa: ANN401 - a Gate whose rules are being checked
    fields = {
        GateKind.DATA_QUALITY: gate.data_quality,
        GateKind.INTERPRETABILITY: gate.interpretability,
        GateKind.ROBUSTNESS: gate.robustness,
        GateKind.JOB: gate.job,
        GateKind.APPROVAL: gate.approval,
    }
    return [kind for kind, value in fields.items() if value is not None]


def _needs_classes(gate: Gate) -> bool:
    return bool(
        (gate.robustness is not None and (gate.robustness.perturbation or gate.robustness.gradient))
        or (gate.data_quality is not None and gate.data_quality.min_class_share is not None)
    )
