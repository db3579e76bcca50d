"""How a gate asks a model: protocol, layout of a request, and what an answer means."""

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from modelward.api.base import APIType
from modelward.api.rules import Rule, matches

_NAME: Final = "[A-Za-z0-9_][-A-Za-z0-9_.]*"
_PATH: Final = f"({_NAME}/)*{_NAME}"


class Answers(StrEnum):
    """What the model server answers with, one for each row."""

    LABELS = "Labels"
    """The class itself."""
    PROBABILITIES = "Probabilities"
    """The probability of each class in order, or of the second of two."""
    VALUES = "Values"
    """A number: regression."""


class Layout(StrEnum):
    """How a batch of rows is laid out in a request of protocol v2."""

    MATRIX = "Matrix"
    """One input of shape [rows, features]; for numbers only."""
    COLUMNS = "Columns"
    """One input of shape [rows, 1] for each feature, by its name; text as BYTES."""


class Pointers(APIType):
    """Where a request and its answer hold the rows, as JSON pointers (RFC 6901); for protocol http."""

    path: Annotated[
        str, Field(max_length=512), matches(r"/[^\s]*", "not a path: write it with its first /, as /predict")
    ] = "/"
    """Path of the request, a POST."""
    rows: Annotated[
        str,
        Field(max_length=128),
        matches(r"(/[^/\s]+)+", "not a JSON pointer to a field: write it with its first /, as /instances"),
    ] = "/instances"
    """Where the request holds its rows, each a list of the features' values."""
    answers: Annotated[
        str,
        Field(max_length=128),
        matches(r"(/[^/\s]+)*", "not a JSON pointer: write it with its first /, as /predictions"),
    ] = "/predictions"
    """Where the answer holds its predictions, one for each row; empty for the whole body."""


class Inference(APIType):
    """How the model is asked."""

    protocol: Literal["v2", "http", "openai"] = "v2"
    """v2: Open Inference Protocol. http: JSON that the pointers describe."""
    model: (
        Annotated[
            str,
            Field(max_length=253),
            matches(r"[^\s/?#]+", "not a model's name: write the NAME of /v2/models/NAME/infer"),
        ]
        | None
    ) = None
    """The model's name on its server; required with protocol v2."""
    layout: Layout = Layout.MATRIX
    input: Annotated[str, Field(min_length=1, max_length=128)] = "input-0"
    """Name of the input of layout Matrix."""
    datatype: Literal["FP32", "FP64"] = "FP64"
    """Of numbers in a request of protocol v2."""
    output: Annotated[str, Field(max_length=128)] | None = None
    """Name of the output that is read with protocol v2; default: the first."""
    answers: Answers = Answers.LABELS
    classes: (
        Annotated[
            tuple[Annotated[str, Field(max_length=64)], ...],
            Field(min_length=2, max_length=100),
        ]
        | None
    ) = None
    """The classes in the order of their probabilities. Default: those of the labels, in ascending order."""
    pointers: Pointers = Pointers()
    batch_rows: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Most rows of one request."""
    model_file: (
        Annotated[
            str,
            Field(max_length=512),
            matches(
                _PATH,
                "not a file of the model: write its path below the model's address, such as model.joblib",
            ),
        ]
        | None
    ) = None
    """Path of a file in the model: trees that joblib wrote are explained exactly, and gradient attacks it.

    gradient takes logistic regressions that joblib wrote, Keras models (.keras) and PyTorch models of
    torch.export.save or torch.jit.save. The gate loads it, which may run what is in it: a model's maker may
    then have the gate say anything.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.protocol != 'openai'",
            "gates need predictions for rows of a table, and the openai protocol has none: "
            "write protocol: v2 or http, or a job gate with a test of the team's own",
            lambda inference: inference.protocol != "openai",
        ),
        Rule(
            "self.protocol != 'v2' || has(self.model)",
            "protocol v2 asks a model by its name: write model, the NAME of /v2/models/NAME/infer",
            lambda inference: inference.protocol != "v2" or inference.model is not None,
        ),
    )
