"""Reads a model's file where a gate can do better with it than through the endpoint alone.

What kind of file it is says its content, not its name. One that joblib or pickle wrote is only loaded when
the team names it, in a process that has the rights of the gate and no more: loading it runs what it says.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import joblib
import numpy as np

from modelward.api.binning import category_of
from modelward.api.gateverdict import ErrorReason
from modelward.gates.dataset import Integers
from modelward.gates.failure import GateError
from modelward.gates.subject import Subject
from modelward.gates.tables import read_bytes

_ROWS_COMPARED: Final = 200
_AGREEMENT: Final = 0.99
_KINDS: Final = (
    "name what joblib wrote, a Keras model (model.save('model.keras')), or a PyTorch model that needs no "
    "class of yours (what torch.export.save or torch.jit.save wrote)"
)
# Pickle's from protocol 2 on, and those of the compressions that joblib writes.
_PICKLED: Final = (b"\x80", b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00\x00", b"\x04\x22\x4d\x18")


class Kind(StrEnum):
    """What wrote a model's file."""

    JOBLIB = "joblib"
    KERAS = "Keras"
    TORCHSCRIPT = "TorchScript"
    EXPORTED = "torch.export"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model's file, as it was read.

    Args:
        uri: its address.
        kind: what wrote it.
        content: its bytes.
    """

    uri: str
    kind: Kind
    content: bytes

    def invalid(self, message: str) -> GateError:
        """Return the error of this file."""
        return GateError(ErrorReason.INVALID_MODEL, f"{self.uri} {message}")


def read(subject: Subject) -> ModelFile:
    """Return the candidate's file; nothing in it has run yet.

    Raises:
        GateError: there is no file, or it is of no kind that gates know.
    """
    uri = subject.model.of_file()
    content = read_bytes(uri, subject.folder)
    kind = Kind.JOBLIB if content.startswith(_PICKLED) else _kind(content)
    if not isinstance(kind, Kind):
        raise GateError(ErrorReason.INVALID_MODEL, f"{uri} {kind}: {_KINDS}")
    return ModelFile(uri, kind, content)


def _kind(content: bytes) -> Kind | str:
    """Return the kind of an archive, or what a file is instead."""
    try:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    except zipfile.BadZipFile:
        old = content.startswith(b"\x89HDF")
        return "is an HDF5 file, and may be weights alone" if old else "is of no kind that gates read"
    if {"config.json", "metadata.json"} <= set(names):
        return Kind.KERAS
    # PyTorch's files are in a folder of any name.
    inside = {name.partition("/")[2] for name in names}
    if {"archive_format", "archive_version"} <= inside:
        return Kind.EXPORTED
    if "constants.pkl" in inside and any(name.startswith("code/") for name in inside):
        return Kind.TORCHSCRIPT
    if "data.pkl" in inside:
        return "is what torch.save wrote, weights alone or a pickle that needs the model's class"
    return "is a zip archive of no model that gates know"


def load(subject: Subject, file: ModelFile) -> Any:  # noqa: ANN401 - scikit-learn's estimators have no common type
    """Return the estimator in a file that joblib wrote.

    Raises:
        GateError: it holds no estimator, or it predicts other than the endpoint does.
    """
    rows = compared(subject)
    try:
        estimator = joblib.load(io.BytesIO(file.content))
        says = np.asarray(estimator.predict(subject.data.rows[rows]))
    except Exception as error:  # unpickling runs code of any library
        first = (str(error).splitlines() or [""])[0]
        raise file.invalid(
            f"is no estimator that predicts these rows: {type(error).__name__}: {first}"
        ) from error
    check_agreement(subject, file, says.tolist())
    return estimator


def compared(subject: Subject) -> Integers:
    """Return positions of the rows for which file and endpoint must say the same."""
    return subject.draw(_ROWS_COMPARED)


def check_agreement(subject: Subject, file: ModelFile, says: Sequence[Any]) -> None:
    """Hold what a file's model says of the rows `compared`, classes or values, against the endpoint.

    Raises:
        GateError: they differ for more than 1% of the rows.
    """
    rows = compared(subject)
    decided = subject.candidate.predictions.decided[rows]
    classes = subject.candidate.model.classes
    if classes:
        known = {name: position for position, name in enumerate(classes)}
        same = np.array([known.get(category_of(value)) for value in says]) == decided
    else:
        same = np.isclose(np.asarray(says, dtype=np.float64).ravel(), decided, rtol=1e-3, atol=1e-6)
    if same.mean() < _AGREEMENT:
        raise file.invalid(
            f"predicts other than the endpoint for {int((~same).sum())} of {len(rows)} rows: "
            "name the file that is served"
        )
