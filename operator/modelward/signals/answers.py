"""Strict reading of the JSON that Prometheus' HTTP API answers.

Anything but a complete, well-formed success raises: a number that is misread is a decision that is wrong.
Format: https://prometheus.io/docs/prometheus/latest/querying/api/ ("Expression queries").
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

EXCERPT_CHARACTERS: Final = 120
TIME_TOLERANCE_SECONDS: Final = 0.002
"""Times are answered in milliseconds."""


class NoAnswerError(Exception):
    """Prometheus could not be heard; its text is meant for a person."""


class PrometheusUnavailableError(NoAnswerError):
    """No connection, no answer in time, an error status, or an answer that says it is partial."""


class QueryTimeoutError(PrometheusUnavailableError):
    """No answer in time, by the client's clock or by Prometheus' own."""


class NonsenseAnswerError(NoAnswerError):
    """An answer that is not what the API promises."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Evaluation times in unix seconds: `start`, `start + step`, and so on to `end`, which is included."""

    start: float
    end: float
    step: float

    def has(self, time: float) -> bool:
        """Whether a time is one of them."""
        past_last_step = (time - self.start + TIME_TOLERANCE_SECONDS) % self.step
        return (
            past_last_step <= 2 * TIME_TOLERANCE_SECONDS
            and self.start - TIME_TOLERANCE_SECONDS <= time <= self.end + TIME_TOLERANCE_SECONDS
        )


@dataclass(frozen=True, slots=True)
class Span:
    """Any time from `start` to `end`, in unix seconds."""

    start: float
    end: float

    def has(self, time: float) -> bool:
        """Whether a time is within."""
        return self.start - TIME_TOLERANCE_SECONDS <= time <= self.end + TIME_TOLERANCE_SECONDS


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: labels, and values by evaluation time in unix seconds (NaN: not a number)."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


def vector(body: bytes, at: float) -> tuple[Series, ...]:
    """The series of an instant query's answer, each with one point at `at`.

    Raises:
        PrometheusUnavailableError: the answer is an error or comes with warnings (it may be partial).
        NonsenseAnswerError: anything else that is not a vector evaluated at `at`.
    """
    return _series(_result(body, "vector"), "value", Grid(at, at, 1.0))


def matrix(body: bytes, grid: Grid) -> tuple[Series, ...]:
    """The series of a range query's answer, each with points at times of the grid.

    Raises:
        PrometheusUnavailableError: the answer is an error or comes with warnings (it may be partial).
        NonsenseAnswerError: anything else that is not a matrix evaluated on the grid.
    """
    return _series(_result(body, "matrix"), "values", grid)


def samples(body: bytes, span: Span) -> tuple[Series, ...]:
    """The series of an instant query for a range vector: raw samples with their own times.

    Raises:
        PrometheusUnavailableError: the answer is an error or comes with warnings (it may be partial).
        NonsenseAnswerError: anything else that is not raw samples of that span.
    """
    return _series(_result(body, "matrix"), "values", span)


def error_text(body: bytes) -> str:
    """What an answer with an error status says, for a person: the API's own message or the body's start."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _excerpt(body)
    if isinstance(answer, dict) and isinstance(answer.get("error"), str):
        return f"{answer.get('errorType', 'error')}: {answer['error'][:EXCERPT_CHARACTERS]}"
    return _excerpt(body)


def is_timeout(body: bytes) -> bool:
    """Whether an answer with an error status says that the query took too long."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(answer, dict) and answer.get("errorType") == "timeout"


def _result(body: bytes, kind: str) -> list[Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NonsenseAnswerError(
            f"the answer is not JSON ({error}): {_excerpt(body)}; is this the address of Prometheus' API?"
        ) from error
    if not isinstance(answer, dict):
        raise NonsenseAnswerError(f"the answer is not a JSON object: {_excerpt(body)}")
    if answer.get("status") == "error":
        raise PrometheusUnavailableError(error_text(body))
    if answer.get("status") != "success":
        raise NonsenseAnswerError(f"status is {answer.get('status')!r}, not 'success'")
    if answer.get("warnings"):
        raise PrometheusUnavailableError(
            f"the answer may be partial, it has warnings: {str(answer['warnings'])[:EXCERPT_CHARACTERS]}"
        )
    data = answer.get("data")
    if (
        not isinstance(data, dict)
        or data.get("resultType") != kind
        or not isinstance(data.get("result"), list)
    ):
        raise NonsenseAnswerError(f"data is not a {kind}: {str(data)[:EXCERPT_CHARACTERS]}")
    result: list[Any] = data["result"]
    return result


def _series(result: list[Any], field: str, times: Grid | Span) -> tuple[Series, ...]:
    return tuple(_one(item, field, times) for item in result)


def _one(item: object, field: str, times: Grid | Span) -> Series:
    if not isinstance(item, dict) or "histogram" in item or "histograms" in item:
        raise NonsenseAnswerError(
            f"a series is not an object with labels and numbers: {str(item)[:EXCERPT_CHARACTERS]}"
        )
    labels, points = item.get("metric"), item.get(field)
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise NonsenseAnswerError(f"a series' labels are not strings: {str(labels)[:EXCERPT_CHARACTERS]}")
    if field == "value":
        points = [points]
    if not isinstance(points, list) or not points:
        raise NonsenseAnswerError(f"a series has no {field}: {str(item)[:EXCERPT_CHARACTERS]}")
    return Series(labels, tuple([_point(point, times) for point in points]))


def _point(point: object, times: Grid | Span) -> tuple[float, float]:
    # Hundreds of thousands of these are read in one answer, so what is right passes by the fewest checks.
    if type(point) is not list or len(point) != 2:  # noqa: PLR2004 - a pair
        raise NonsenseAnswerError(
            f"a point is not a pair of time and value: {str(point)[:EXCERPT_CHARACTERS]}"
        )
    time, text = point
    if type(text) is not str or (type(time) is not int and type(time) is not float):
        raise NonsenseAnswerError(f"a point is not a number and a string: {str(point)[:EXCERPT_CHARACTERS]}")
    if not times.has(time):
        raise NonsenseAnswerError(f"a point is at {time}, which was not asked for: {times}")
    return time, _number(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _excerpt(body: bytes) -> str:
    return repr(body[:EXCERPT_CHARACTERS].decode(errors="replace"))
