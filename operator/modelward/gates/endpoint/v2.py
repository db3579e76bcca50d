"""Protocol v2, the Open Inference Protocol over HTTP: POST /v2/models/NAME/infer.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from modelward.api.gateverdict import ErrorReason
from modelward.api.inference import Inference, Layout
from modelward.gates.dataset import Feature, Floats
from modelward.gates.endpoint.client import Answer
from modelward.gates.failure import GateError


@dataclass(frozen=True, slots=True)
class OpenInference:
    """Requests and answers of protocol v2."""

    inference: Inference
    features: Sequence[Feature]

    def __post_init__(self) -> None:
        """Raise GateError if the features do not fit the layout."""
        texts = [feature.name for feature in self.features if feature.categories is not None]
        if texts and self.inference.layout is Layout.MATRIX:
            message = (
                f"feature {texts[0]!r} is text, and layout Matrix has numbers only: "
                "write inference.layout: Columns, or leave it out of validation.features"
            )
            raise GateError(ErrorReason.INVALID_DATA, message)

    @property
    def path(self) -> str:
        """Path of a request."""
        return f"/v2/models/{quote(self.inference.model or '', safe='')}/infer"

    def request(self, rows: Floats) -> object:
        """Return the JSON of a request."""
        body: dict[str, object] = {"inputs": self._inputs(rows)}
        if self.inference.output is not None:
            body["outputs"] = [{"name": self.inference.output}]
        return body

    def _inputs(self, rows: Floats) -> list[dict[str, object]]:
        if self.inference.layout is Layout.MATRIX:
            tensor = {"name": self.inference.input, "shape": list(rows.shape)}
            return [
                {**tensor, "datatype": self.inference.datatype, "data": np.ascontiguousarray(rows.ravel())}
            ]
        return [
            {
                "name": feature.name,
                "shape": [len(rows), 1],
                "datatype": self.inference.datatype if feature.categories is None else "BYTES",
                "data": decoded(feature, rows[:, column]),
            }
            for column, feature in enumerate(self.features)
        ]

    def answer(self, body: Any, rows: int) -> Answer:  # noqa: ANN401 - JSON
        """Return the answers in a response; raises ValueError."""
        outputs = body.get("outputs") if isinstance(body, dict) else None
        if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
            raise ValueError("it has no list of outputs, so it is no answer of protocol v2")
        output = self._chosen(outputs)
        data, shape = output.get("data"), output.get("shape")
        if not isinstance(data, list) or not isinstance(shape, list) or not shape or shape[0] != rows:
            raise ValueError(f"its output {output.get('name')!r} has the shape {shape}")
        texts = output.get("datatype") == "BYTES"
        values = np.array(data, dtype=object if texts else np.float64)
        return one_or_two_axes(values.reshape(rows, -1))

    def _chosen(self, outputs: list[dict[str, Any]]) -> dict[str, Any]:
        wanted = self.inference.output
        found = [output for output in outputs if wanted is None or output.get("name") == wanted]
        if not found:
            names = ", ".join(str(output.get("name")) for output in outputs) or "none"
            raise ValueError(
                f"it has no output {wanted!r} but {names}; write one of them in inference.output"
            )
        return found[0]


def decoded(feature: Feature, values: Floats) -> object:
    """Return a column as JSON has it: numbers, or the text of each code (null where it is missing)."""
    categories = feature.categories
    if categories is None:
        return np.ascontiguousarray(values)
    return [None if np.isnan(code) else _category(categories, code) for code in values]


def _category(categories: tuple[str, ...], code: float) -> str:
    position = round(code)
    return categories[position] if 0 <= position < len(categories) else ""


def one_or_two_axes(values: Answer) -> Answer:
    """Return answers of shape (rows, 1) as (rows,)."""
    return values[:, 0] if values.shape[1] == 1 else values
