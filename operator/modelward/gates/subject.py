"""What a gate that asks models is about: the data, the candidate and, where it is known, stable."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelward.api.gates import GateFile
from modelward.api.gateverdict import ErrorReason
from modelward.gates.dataset import Dataset, Integers, read_dataset
from modelward.gates.endpoint.predictor import Predictions, Predictor, predictor
from modelward.gates.failure import GateError


@dataclass(frozen=True, slots=True)
class Asked:
    """A model, and what it says of every row of the validation data."""

    model: Predictor
    predictions: Predictions


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """Where the candidate's file is, as far as it is known.

    Args:
        uri: address of the model: of its file, or of what `file` is in.
        file: path of the file below `uri`.
    """

    uri: str | None = None
    file: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether a file is named at all."""
        return self.uri is not None or self.file is not None

    def of_file(self) -> str:
        """Return the file's address. Raises GateError."""
        if self.uri is None:
            message = "the model's address is needed: give --model, or leave out gradient and modelFile"
            raise GateError(ErrorReason.INVALID_MODEL, message)
        return self.uri if self.file is None else f"{self.uri.rstrip('/')}/{self.file}"


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything that interpretability and robustness are measured on.

    Args:
        data: the validation data.
        candidate: the model that is judged.
        stable: the one that serves; None where no endpoint of it is given.
        model: where the candidate's file is.
        folder: where addresses without a scheme are.
        seed: of every draw.
    """

    data: Dataset
    candidate: Asked
    stable: Asked | None
    model: ModelAddress
    folder: Path
    seed: int

    def generator(self, purpose: str) -> np.random.Generator:
        """Return a generator of its own for each purpose, which follows from the seed.

        Draws of two purposes have nothing to do with one another, nor with data made from the same seed.
        """
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    def draw(self, rows: int) -> Integers:
        """Return positions of so many rows, drawn at random without repetition; of all if there are fewer."""
        count = len(self.data.rows)
        return np.sort(self.generator("rows").choice(count, size=min(rows, count), replace=False))

    def needed_stable(self, field: str) -> Asked:
        """Return stable. Raises GateError if it is not there, naming the field that asks for it."""
        if self.stable is None:
            message = f"{field} compares with the stable revision: give --stable-endpoint, or leave it out"
            raise GateError(ErrorReason.ENDPOINT, message)
        return self.stable


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the models are."""

    endpoint: str
    stable_endpoint: str | None
    model_uri: str | None


def read_subject(file: GateFile, addresses: Addresses, folder: Path, seed: int) -> Subject:
    """Read the data and ask the models about every row. Raises GateError."""
    data = read_dataset(file.validation, file.inference.answers, folder)
    candidate = Asked(*predictor(addresses.endpoint, file.inference, data))
    stable = None
    if addresses.stable_endpoint is not None:
        stable = Asked(*predictor(addresses.stable_endpoint, file.inference, data))
    model = ModelAddress(addresses.model_uri, file.inference.model_file)
    return Subject(data, candidate, stable, model, folder, seed)
