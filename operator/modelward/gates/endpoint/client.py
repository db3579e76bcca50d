"""Sends batches of rows to a model server and returns its answers as they came."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import orjson
import urllib3

from modelward.api.gateverdict import ErrorReason
from modelward.gates.dataset import Floats
from modelward.gates.failure import GateError

Answer: TypeAlias = npt.NDArray[Any]
"""Of a batch: shape (rows,) or (rows, outputs); numbers, or objects that are text."""

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 60.0
_IN_FLIGHT: Final = 2
"""Batches under way: one is answered while the next is written."""
_BUSY: Final = (429, 502, 503, 504)
_OK: Final = 200


class Dialect(Protocol):
    """How one protocol says a batch."""

    @property
    def path(self) -> str:
        """Path of a request below the endpoint's address."""

    def request(self, rows: Floats) -> object:
        """Return the JSON of a request for rows of shape (rows, features)."""

    def answer(self, body: Any, rows: int) -> Answer:  # noqa: ANN401 - JSON
        """Return the answers in the JSON of a response; raises ValueError if there are none."""


@dataclass(slots=True)
class Endpoint:
    """A model server.

    Args:
        url: base address, http or https.
        dialect: its protocol.
        batch_rows: most rows of one request.
        requests: how many were answered so far.
        predictions: how many rows were answered so far.
    """

    url: str
    dialect: Dialect
    batch_rows: int
    requests: int = field(init=False, default=0)
    predictions: int = field(init=False, default=0)
    _pool: urllib3.PoolManager = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare connections; nothing is sent yet. Raises GateError for an address that is none."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            message = f"{self.url!r} is not an endpoint's address: write http://HOST:PORT"
            raise GateError(ErrorReason.ENDPOINT, message)
        retries = urllib3.Retry(
            total=5, backoff_factor=0.2, status_forcelist=_BUSY, allowed_methods=None, raise_on_status=False
        )
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        self._pool = urllib3.PoolManager(maxsize=_IN_FLIGHT, retries=retries, timeout=timeout)

    def ask(self, rows: Floats) -> Answer:
        """Return the answers to rows of shape (rows, features), in order. Raises GateError."""
        batches = list(self._batches(rows))
        if len(batches) == 1:
            answers = [self._ask(batches[0])]
        else:
            with ThreadPoolExecutor(_IN_FLIGHT) as pool:
                answers = list(pool.map(self._ask, batches))
        self.requests += len(batches)
        self.predictions += len(rows)
        if len({answer.shape[1:] for answer in answers}) > 1:
            message = f"{self.url} answers with as many outputs for some rows as it does not for others"
            raise GateError(ErrorReason.ENDPOINT, message)
        return np.concatenate(answers)

    def _batches(self, rows: Floats) -> Iterator[Floats]:
        for first in range(0, max(len(rows), 1), self.batch_rows):
            yield rows[first : first + self.batch_rows]

    def _ask(self, rows: Floats) -> Answer:
        url = self.url.rstrip("/") + self.dialect.path
        body = orjson.dumps(self.dialect.request(rows), option=orjson.OPT_SERIALIZE_NUMPY)
        try:
            response = self._pool.request(
                "POST", url, body=body, headers={"Content-Type": "application/json"}
            )
        except urllib3.exceptions.HTTPError as error:
            message = f"{url} does not answer: {error}"
            raise GateError(ErrorReason.ENDPOINT, message) from error
        if response.status != _OK:
            said = response.data[:200].decode(errors="replace").strip()
            raise GateError(ErrorReason.ENDPOINT, f"{url} answers {response.status}: {said}")
        try:
            return self.dialect.answer(orjson.loads(response.data), len(rows))
        except (TypeError, ValueError) as error:  # of what is no number numpy raises either
            message = f"{url} answers with no predictions for {len(rows)} rows: {error}"
            raise GateError(ErrorReason.ENDPOINT, message) from error
