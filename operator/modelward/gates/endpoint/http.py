"""Plain HTTP: a POST of JSON whose rows and answers are found by JSON pointers (RFC 6901)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelward.api.inference import Inference
from modelward.gates.dataset import Feature, Floats
from modelward.gates.endpoint.client import Answer
from modelward.gates.endpoint.v2 import decoded, one_or_two_axes


@dataclass(frozen=True, slots=True)
class PlainJSON:
    """Requests and answers that the pointers describe."""

    inference: Inference
    features: Sequence[Feature]

    @property
    def path(self) -> str:
        """Path of a request."""
        return self.inference.pointers.path

    def request(self, rows: Floats) -> object:
        """Return the JSON of a request."""
        columns = [decoded(feature, rows[:, column]) for column, feature in enumerate(self.features)]
        lists = [column.tolist() if isinstance(column, np.ndarray) else column for column in columns]
        body: object = [list(row) for row in zip(*lists, strict=True)]
        for name in reversed(_parts(self.inference.pointers.rows)):
            body = {name: body}
        return body

    def answer(self, body: Any, rows: int) -> Answer:  # noqa: ANN401 - JSON
        """Return the answers in a response; raises ValueError."""
        pointer = self.inference.pointers.answers
        found = body
        for name in _parts(pointer):
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, list) or len(found) != rows:
            raise ValueError(f"it has no list of {rows} at {pointer!r}; write inference.pointers.answers")
        texts = any(isinstance(value, str) for value in found)
        values = np.array(found, dtype=object if texts else np.float64)
        return one_or_two_axes(values.reshape(rows, -1))


def _parts(pointer: str) -> list[str]:
    """Names on the way, unescaped as RFC 6901 says."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
