"""Models of which everything is known, behind a real server of protocol v2."""

import importlib.util
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "gates"
FEATURES: Final = ("age", "income", "debt", "postcode")
_WRONG_LABELS: Final = 0.03
_OFF: Final = 0.2
"""So far from two decimals, in hundredths, is moved."""


class Model(Protocol):
    """What can be served."""

    def predict(self, rows: npt.NDArray[np.float64], /) -> npt.NDArray[Any]:
        """Return the class, its name or a value for each row."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Class 1 where the weighted sum of the features is above the threshold."""

    weights: tuple[float, ...]
    threshold: float = 0.0

    def predict(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return the class of each row."""
        return np.asarray(rows @ np.array(self.weights) > self.threshold, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Brittle:
    """Right on the data as they are, and lost as soon as an input moves: it looks at the third decimal.

    The data have two decimals, so that none of it shows there.
    """

    inner: Linear

    def predict(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return the class of each row."""
        off = np.abs(rows[:, 0] * 100 - np.round(rows[:, 0] * 100)) > _OFF
        return np.where(off, 1 - self.inner.predict(rows), self.inner.predict(rows))


GOOD: Final = Linear((1.0, 0.6, -0.8, 0.0))
LEANING: Final = Linear((1.0, 0.6, -0.8, 1.2))
"""On the postcode, which it must not look at."""


def table(rows: int, seed: int) -> pd.DataFrame:
    """Return rows of two decimals with the labels of the good model, a few of them wrong."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows, len(FEATURES))).round(2)
    labels = GOOD.predict(values) ^ (generator.random(rows) < _WRONG_LABELS)
    return pd.DataFrame(values, columns=list(FEATURES)).assign(label=labels.astype(int))


@contextmanager
def serving(model: Model) -> Iterator[str]:
    """Serve a model with the server of the example; yield its address."""
    spec = importlib.util.spec_from_file_location("serve", EXAMPLE / "serve.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{EXAMPLE / 'serve.py'} is no module of Python")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with running(module.server(model, 0, "model")) as address:
        yield address


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[str]:
    """Let a server on loopback answer; yield its address."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
