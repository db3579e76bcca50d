"""An MLServer runtime that stands for a model with a slow feature store: every other request waits."""

import asyncio
import itertools
from typing import Final

from mlserver.types import InferenceRequest, InferenceResponse
from mlserver_sklearn import SKLearnModel

LOOKUP_SECONDS: Final = 0.4


class SlowFeatures(SKLearnModel):  # type: ignore[misc]  # mlserver-sklearn is untyped
    """A scikit-learn model whose every other prediction waits for a lookup."""

    async def load(self) -> bool:
        """Load the model and start counting requests."""
        self._requests = itertools.count()
        return bool(await super().load())

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Predict, after LOOKUP_SECONDS on every other call."""
        if next(self._requests) % 2:
            await asyncio.sleep(LOOKUP_SECONDS)
        return await super().predict(payload)
