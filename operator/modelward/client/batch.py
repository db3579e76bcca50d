"""One batch of labels on its way: what is sent, what the answers mean, when it is tried again. No I/O.

A batch is NDJSON, and every line is answered by itself. Lines that found the monitor's queue full are sent
again when it says so (429 with Retry-After); a whole batch is, when the service is away (502, 503, 504, or no
answer), which a gateway also says of a batch that arrived. A label that was taken although its answer was
lost is then refused as repeated, by the same replica; that counts as accepted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from modelward.conventions import PATH_FEEDBACK

MAX_ITEMS: Final = 500
MAX_BYTES: Final = 512 * 1024
"""Half of what a monitor takes at once."""
CONTENT_TYPE: Final = "application/x-ndjson"
ACCEPTED: Final = "accepted"
_REPEATED: Final = "repeated"
_FULL: Final = "full"
_UNAVAILABLE: Final = frozenset({502, 503, 504})
_ANSWERED: Final = frozenset({200, 429})

Value = str | int | float | bool


class FeedbackError(Exception):
    """Labels could not be sent; the text says why. What became of others was yielded before."""


@dataclass(frozen=True, slots=True)
class Item:
    """A label of a receipt."""

    receipt: str
    label: Value | Sequence[Value] | None = None
    """One for each prediction of the answer; None where `good` says enough."""
    prediction: Value | Sequence[Value] | Sequence[Sequence[float]] | None = None
    """What was predicted, where the receipt does not hold it: see the header's size in docs/labels.md."""
    good: bool | None = None
    """The caller's own judgement, instead of a comparison."""

    def line(self) -> bytes:
        """Return it as a line of NDJSON."""
        given: dict[str, Any] = {
            "receipt": self.receipt,
            "label": self.label,
            "prediction": self.prediction,
            "good": self.good,
        }
        return orjson.dumps({name: value for name, value in given.items() if value is not None}) + b"\n"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an item."""

    item: Item
    result: str
    """`accepted`, or why not: malformed, forged, foreign, stale, repeated, no_objective."""
    message: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the label will be counted."""
        return self.result == ACCEPTED


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a batch is tried, and how long is waited in between where the service does not say."""

    attempts: int = 8
    """Counted anew after an answer that settled a label."""
    first_seconds: float = 1.0
    """Doubled with each attempt."""
    longest_seconds: float = 60.0

    def wait_seconds(self, attempt: int, retry_after: str | None) -> float:
        """Return how long to wait after so many attempts, 1 or more."""
        try:
            asked = float(retry_after or "")
        except ValueError:  # a date, or nothing
            asked = min(self.first_seconds * 2 ** (attempt - 1), self.longest_seconds)
        return min(max(asked, 0.0), self.longest_seconds)


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Cut items into batches of at most MAX_ITEMS and MAX_BYTES."""
    batch: list[Item] = []
    size = 0
    for item in items:
        length = len(item.line())
        if batch and (len(batch) >= MAX_ITEMS or size + length > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch


def feedback_url(url: str) -> str:
    """Return where labels go, from the address of the deployment's Service."""
    return url.rstrip("/") + PATH_FEEDBACK


@dataclass(slots=True)
class Sending:
    """A batch until every item has its result."""

    items: Sequence[Item]
    retry: Retry
    _results: dict[int, Result] = field(init=False, default_factory=dict)
    """By position in the batch."""
    _attempts: int = field(init=False, default=0)
    _may_have_arrived: bool = field(init=False, default=False)

    @property
    def results(self) -> list[Result]:
        """Return the results so far, in the order of the items."""
        return [self._results[place] for place in sorted(self._results)]

    @property
    def body(self) -> bytes:
        """Return what to send now."""
        return b"".join(self.items[place].line() for place in self._pending)

    @property
    def _pending(self) -> list[int]:
        return [place for place in range(len(self.items)) if place not in self._results]

    def answered(self, status: int, headers: Mapping[str, str], body: bytes) -> float | None:
        """Take in an answer; returns the seconds to wait before sending `body` again, None: it is done.

        Raises:
            FeedbackError: the answer is none of a monitor's, or there were too many attempts.
        """
        if status in _UNAVAILABLE:
            self._may_have_arrived = True
            return self._again(f"HTTP {status}", headers.get("retry-after"))
        lines, pending = body.splitlines(), self._pending
        if status not in _ANSWERED or len(lines) != len(pending):
            said = body[:200].decode(errors="replace")
            raise FeedbackError(f"HTTP {status}, which is no answer to {len(pending)} labels: {said}")
        for place, line in zip(pending, lines, strict=True):
            result = _read(self.items[place], line)
            if result.result == _REPEATED and self._may_have_arrived:
                self._results[place] = Result(result.item, ACCEPTED)
            elif result.result != _FULL:
                self._results[place] = result
        left = len(self._pending)
        if not left:
            return None
        if left < len(pending):
            self._attempts = 0
        return self._again("too many labels wait", headers.get("retry-after"))

    def lost(self, why: str) -> float:
        """Take in that there was no answer; returns the seconds to wait before sending `body` again.

        Raises:
            FeedbackError: there were too many attempts.
        """
        self._may_have_arrived = True
        return self._again(why, None)

    def _again(self, why: str, retry_after: str | None) -> float:
        self._attempts += 1
        if self._attempts >= self.retry.attempts:
            left = len(self._pending)
            raise FeedbackError(f"{left} labels not sent after {self._attempts} attempts: {why}")
        return self.retry.wait_seconds(self._attempts, retry_after)


def _read(item: Item, line: bytes) -> Result:
    try:
        answer = orjson.loads(line)
        return Result(item, str(answer["result"]), str(answer.get("message", "")))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise FeedbackError(f"{line[:200]!r} is no answer to a label") from error
