"""What a gate's program writes, and what a run of gates says: versioned JSON.

The contract holds for modelward's own gates and for a team's Job alike: the program ends with
`EXIT_PASSED` or `EXIT_FAILED` and has written a `GateVerdict` with the same result. Whatever else it does
(another exit code, which a crash, a signal or a limit on memory gives; no file; nonsense in it) is an Error.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from modelward.api.gates import GateKind, OnFailure

SCHEMA_VERSION: Final = 1
EXIT_PASSED: Final = 0
EXIT_FAILED: Final = 3
"""Not 1 or 2, with which programs that crash or are called wrongly end."""
MAX_CHECKS: Final = 400
MAX_NAMED: Final = 20
"""Columns and rows that a verdict names; more are counted."""
MAX_VERDICT_BYTES: Final = 256 * 1024


class Schema(BaseModel):
    """JSON in camelCase that is refused where it has more than is known."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
    )


class Result(StrEnum):
    """How a gate ended."""

    PASSED = "Passed"
    FAILED = "Failed"
    ERROR = "Error"
    """There is no answer. Never a pass."""
    NOT_RUN = "NotRun"
    """It needs the cluster: a Job, or a person. Never a pass either."""


class ErrorReason(StrEnum):
    """Why a gate has no answer."""

    INVALID_DATA = "InvalidData"
    """The validation or training data cannot be read, or do not fit the gate."""
    ENDPOINT = "Endpoint"
    """The model server did not answer, or with nothing that is a prediction."""
    INVALID_MODEL = "InvalidModel"
    """The model's file cannot be loaded, or the gate does not know its kind."""
    TIMEOUT = "Timeout"
    """It took longer than its timeout."""
    OUT_OF_MEMORY = "OutOfMemory"
    """It took more memory than it may."""
    CRASHED = "Crashed"
    """It ended with another exit code, or by a signal."""
    NONSENSE = "Nonsense"
    """It wrote no verdict, or one that breaks the contract."""
    EVICTED = "Evicted"
    """The node needed the room, or went away."""
    IMAGE_PULL_FAILED = "ImagePullFailed"
    """Its image could not be pulled until its time was over."""
    REFUSED = "Refused"
    """The API server did not take its Job, or the Job's pod."""


class Comparison(StrEnum):
    """How a value is held against its limit."""

    AT_MOST = "AtMost"
    AT_LEAST = "AtLeast"


class Check(Schema):
    """One value, held against its limit."""

    name: str = Field(min_length=1, max_length=128)
    """What was measured, such as `noise 0.1`."""
    subject: str = Field(default="", max_length=256)
    """Of what: a feature, a column, a slice."""
    value: float
    comparison: Comparison
    limit: float
    passed: bool
    message: str = Field(default="", max_length=4096)
    """In words, with what is known besides the value."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Check":
        within = (
            self.value <= self.limit if self.comparison is Comparison.AT_MOST else self.value >= self.limit
        )
        if within != self.passed:
            msg = f"check {self.name!r} says passed: {self.passed}; {self.value} against {self.limit} is not"
            raise ValueError(msg)
        return self


class GateVerdict(Schema):
    """What the program of one gate writes."""

    schema_version: Literal[1] = SCHEMA_VERSION
    result: Literal[Result.PASSED, Result.FAILED]
    message: str = Field(default="", max_length=4096)
    """One sentence for a person."""
    checks: Annotated[tuple[Check, ...], Field(min_length=1, max_length=MAX_CHECKS)]

    @model_validator(mode="after")
    def _agrees_with_its_checks(self) -> "GateVerdict":
        all_passed = all(check.passed for check in self.checks)
        if all_passed != (self.result is Result.PASSED):
            found = "all" if all_passed else "not all"
            msg = f"result {self.result} does not agree with the checks, {found} of which passed"
            raise ValueError(msg)
        return self


class Usage(Schema):
    """What a gate took: the only part of a verdict that differs between runs."""

    seconds: float
    peak_memory_mib: float
    requests: int = 0
    predictions: int = 0


class GateResult(Schema):
    """One gate in a run's verdict."""

    name: str
    kind: GateKind
    on_failure: OnFailure
    result: Result
    reason: ErrorReason | None = None
    """Of an Error."""
    message: str = ""
    checks: tuple[Check, ...] = ()
    usage: Usage | None = None


class RunVerdict(Schema):
    """What a run of gates says: verdict.json."""

    schema_version: Literal[1] = SCHEMA_VERSION
    result: Literal[Result.PASSED, Result.FAILED, Result.ERROR]
    """Error if a gate has no answer, or none was run; Failed if one failed whose onFailure is not Warn."""
    seed: int
    endpoint: str
    stable_endpoint: str | None = None
    model: str | None = None
    """Address of the model's file, where it was given."""
    versions: dict[str, str]
    """Of modelward, Python and the libraries that the gates measure with."""
    configuration: str
    """Hash of the gates' file, defaults included."""
    gates: tuple[GateResult, ...]
