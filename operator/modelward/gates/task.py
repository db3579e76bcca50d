"""What the runner hands to the process of one gate, and the files that come back."""

from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from modelward.api.gates import GateFile
from modelward.api.gateverdict import ErrorReason
from modelward.gates.findings import Figure

FILE_VERDICT: Final = "verdict.json"
FILE_FIGURES: Final = "figures.json"
FILE_ERROR: Final = "error.json"
FILE_COUNTS: Final = "counts.json"


class Comparisons(StrEnum):
    """What becomes of limits beside stable where no endpoint of it is given."""

    NEEDED = "Needed"
    """The gate ends in an Error."""
    WHERE_STABLE_SERVES = "WhereStableServes"
    """They are left out: this is the first revision."""


class Task(BaseModel):
    """One gate of a file, and everything that it is measured by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gate: str
    """Its name in the file."""
    file: GateFile
    folder: Path
    """Where addresses without a scheme are."""
    output: Path
    """Folder for the files that come back."""
    endpoint: str
    stable_endpoint: str | None
    comparisons: Comparisons
    model_uri: str | None
    seed: int


class Figures(BaseModel):
    """figures.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    figures: tuple[Figure, ...]


class Failure(BaseModel):
    """error.json: why there is no verdict."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: ErrorReason
    message: str


class Counts(BaseModel):
    """counts.json: what the models were asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: int
    predictions: int
