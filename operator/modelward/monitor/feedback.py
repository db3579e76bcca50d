"""POST /v1/feedback: takes labels for earlier predictions, one or many per request.

A body is one JSON object {"receipt", "label" [, "prediction"] [, "good"]}, a batch {"items": [...]}
or NDJSON (Content-Type application/x-ndjson), plain or gzipped, of at most MAX_BODY_BYTES and MAX_ITEMS.
Each item is answered by itself. An item whose receipt holds no prediction brings it along, or says
"good": true or false. Scores of classes are brought along as a list for each row: [[0.1, 0.9]].
"""

import asyncio
import math
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import orjson

from modelward.api.monitorconfig import AccuracyObjectiveConfig, MonitorConfig
from modelward.monitor.decided import UndecidedError, as_number, decided
from modelward.monitor.feedback_result import Result
from modelward.monitor.labels import Label
from modelward.monitor.receipts import Predicted, Prediction, Receipt, ReceiptError, is_row_of_scores, verify
from modelward.monitor.state import Keys, MonitorState

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_ITEMS: Final = 10_000
"""Of one request; each is answered by itself, so that many small ones have a large answer."""
MAX_LABELS_PER_ITEM: Final = 1024
RETRY_AFTER_SECONDS: Final = 5
_ITEMS_PER_TURN: Final = 32
"""Items between two turns of the event loop, so that a batch delays no request."""
_NDJSON: Final = "application/x-ndjson"
_JSON: Final = "application/json"


_STATUS: Final = {
    Result.ACCEPTED: 200,
    Result.MALFORMED: 400,
    Result.FORGED: 403,
    Result.FOREIGN: 403,
    Result.STALE: 410,
    Result.REPEATED: 409,
    Result.NO_OBJECTIVE: 422,
    Result.FULL: 429,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a feedback request."""

    status: int
    content_type: str
    body: bytes


class RefusedError(Exception):
    """One item was not taken."""

    def __init__(self, result: Result, message: str) -> None:
        super().__init__(message)
        self.result = result


class _TooManyError(RefusedError):
    """The request has too many items."""

    def __init__(self) -> None:
        super().__init__(Result.MALFORMED, f"feedback of more than {MAX_ITEMS} items; send smaller batches")


async def answer(state: MonitorState, body: bytes, content_type: str, encoding: str) -> Answer:
    """Take the labels in `body` and answer for each."""
    try:
        items = _items(_plain(body, encoding), content_type)
    except RefusedError as error:
        state.counts.feedback[error.result] += 1
        status = 413 if isinstance(error, _TooManyError) else 400
        return Answer(status, _JSON, orjson.dumps({"result": error.result, "message": str(error)}) + b"\n")
    results = []
    for number, item in enumerate(items.values):
        if number % _ITEMS_PER_TURN == _ITEMS_PER_TURN - 1:
            await asyncio.sleep(0)
        results.append(_result(state, item))
    full = any(result["result"] == Result.FULL for result in results)
    if items.form is _Form.ONE:
        return Answer(_STATUS[Result(results[0]["result"])], _JSON, orjson.dumps(results[0]) + b"\n")
    status = _STATUS[Result.FULL] if full else 200
    if items.form is _Form.LINES:
        return Answer(status, _NDJSON, b"".join(orjson.dumps(result) + b"\n" for result in results))
    return Answer(status, _JSON, orjson.dumps({"items": results}) + b"\n")


class _Form(StrEnum):
    ONE = "one"
    BATCH = "batch"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class _Items:
    form: _Form
    values: Iterable[object]
    """Lines are parsed as they are taken."""


def _plain(body: bytes, encoding: str) -> bytes:
    if encoding.lower() in {"", "identity"}:
        return body
    if encoding.lower() != "gzip":
        message = f"Content-Encoding {encoding!r} is not read here; send gzip or none"
        raise RefusedError(Result.MALFORMED, message)
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflate.decompress(body, MAX_BODY_BYTES)
    except zlib.error as error:
        message = f"the body is not gzip: {error}"
        raise RefusedError(Result.MALFORMED, message) from error
    if not inflate.eof:
        message = (
            f"the body is cut off or has more than {MAX_BODY_BYTES} bytes unpacked; send smaller batches"
        )
        raise RefusedError(Result.MALFORMED, message)
    return plain


def _items(body: bytes, content_type: str) -> _Items:
    if content_type.partition(";")[0].strip().lower() in {_NDJSON, "application/jsonl", "application/ndjson"}:
        if body.count(b"\n") + (not body.endswith(b"\n")) > MAX_ITEMS:
            raise _TooManyError
        return _Items(_Form.LINES, (_line(line) for line in body.split(b"\n") if line.strip()))
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        message = (
            f"the body is not JSON ({error}); send an object, an object of items, or NDJSON as {_NDJSON}"
        )
        raise RefusedError(Result.MALFORMED, message) from error
    if isinstance(value, dict) and "items" in value:
        if not isinstance(value["items"], list):
            message = "items must be a list of {receipt, label}"
            raise RefusedError(Result.MALFORMED, message)
        if len(value["items"]) > MAX_ITEMS:
            raise _TooManyError
        return _Items(_Form.BATCH, value["items"])
    return _Items(_Form.ONE, [value])


def _line(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _result(state: MonitorState, item: object) -> dict[str, str]:
    try:
        _take(state, item)
    except RefusedError as error:
        state.counts.feedback[error.result] += 1
        return {"result": error.result, "message": str(error)}
    state.counts.feedback[Result.ACCEPTED] += 1
    return {"result": Result.ACCEPTED}


def _take(state: MonitorState, item: object) -> None:
    config, keys = state.config, state.keys
    if config is None or keys is None:
        message = "the monitor has no configuration or keys yet; send it again later"
        raise RefusedError(Result.FULL, message)
    if not isinstance(item, dict) or not isinstance(item.get("receipt"), str):
        message = 'an item is a JSON object {"receipt": "...", "label": ...}'
        raise RefusedError(Result.MALFORMED, message)
    receipt = _receipt(item["receipt"], config, keys)
    if receipt.receipt_id in state.seen:
        message = "a label for this receipt was taken already"
        raise RefusedError(Result.REPEATED, message)
    labels = _labels(item, receipt)
    accuracy = [each for each in config.objectives if isinstance(each, AccuracyObjectiveConfig)]
    if not accuracy:
        message = "the deployment has no accuracy objective; add one to spec.objectives"
        raise RefusedError(Result.NO_OBJECTIVE, message)
    _refuse_what_has_no_size(labels, accuracy)
    _refuse_what_is_undecided(labels, accuracy)
    if not state.labels.has_room(len(labels)):
        message = f"too many labels wait to be counted; send it again after {RETRY_AFTER_SECONDS} s"
        raise RefusedError(Result.FULL, message)
    state.seen.add(receipt.receipt_id)
    state.labels.counts.count_receipt(receipt.revision, time.time() - receipt.time_s)
    for label in labels:
        state.labels.put(label)


def _refuse_what_has_no_size(labels: list[Label], accuracy: list[AccuracyObjectiveConfig]) -> None:
    """Raise RefusedError if an objective counts errors by their size and a label is not of a known error."""
    by_size = next((objective for objective in accuracy if objective.clip is not None), None)
    if by_size is None:
        return
    for label in labels:
        if label.judged_good is not None:
            message = (
                f"objective {by_size.name} counts errors by their size, which good does not say; "
                "send the label, and the prediction if the receipt holds none"
            )
            raise RefusedError(Result.MALFORMED, message)
        truth = as_number(label.truth)
        if truth is None or not math.isfinite(truth):
            message = f"objective {by_size.name} counts errors by their size; a label must be a finite number"
            raise RefusedError(Result.MALFORMED, message)


def _refuse_what_is_undecided(labels: list[Label], accuracy: list[AccuracyObjectiveConfig]) -> None:
    """Raise RefusedError if an objective cannot read a prediction as it is meant to."""
    for label in labels:
        if label.judged_good is None and label.prediction is not None:
            for objective in accuracy:
                try:
                    decided(label.prediction, objective)
                except UndecidedError as error:
                    raise RefusedError(Result.MALFORMED, str(error)) from error


def _receipt(value: str, config: MonitorConfig, keys: Keys) -> Receipt:
    try:
        receipt = verify(value, keys.receipt_keys)
    except ReceiptError as error:
        raise RefusedError(Result.FORGED, str(error)) from error
    if (receipt.namespace, receipt.deployment) != (config.namespace, config.deployment):
        message = f"the receipt is of {receipt.namespace}/{receipt.deployment}; send it there"
        raise RefusedError(Result.FOREIGN, message)
    if time.time() - receipt.time_s > config.feedback.max_age_seconds:
        message = f"the receipt is older than {config.feedback.max_age_seconds:g} s"
        raise RefusedError(Result.STALE, message)
    return receipt


def _labels(item: dict[str, object], receipt: Receipt) -> list[Label]:
    """The labels of one item, one per prediction. Raises RefusedError when they don't fit together."""
    good = item.get("good")
    if good is not None and not isinstance(good, bool):
        message = "good must be true or false"
        raise RefusedError(Result.MALFORMED, message)
    if good is None and "label" not in item:
        message = "an item needs a label, or good: true or false"
        raise RefusedError(Result.MALFORMED, message)
    truths: list[Prediction | None] = list(_scalars(item["label"], "label")) if "label" in item else [None]
    if good is not None:
        predictions: list[Predicted | None] = [None] * len(truths)
    else:
        predictions = list(_predictions(item, receipt, len(truths)))
    return [
        Label(
            revision=receipt.revision,
            storage=receipt.storage,
            prediction_time_s=receipt.time_s,
            prediction=prediction,
            truth=truth,
            judged_good=good,
        )
        for prediction, truth in zip(predictions, truths, strict=True)
    ]


def _predictions(item: dict[str, object], receipt: Receipt, labels: int) -> list[Predicted]:
    if "prediction" in item:
        given = _scores(item["prediction"]) or [*_scalars(item["prediction"], "prediction")]
        if len(given) != labels:
            message = f"{labels} labels but {len(given)} predictions; send one label per prediction"
            raise RefusedError(Result.MALFORMED, message)
        return given
    if receipt.predictions is None:
        message = "the receipt holds no prediction; send it as prediction, or good: true or false"
        raise RefusedError(Result.MALFORMED, message)
    if receipt.prediction_count != labels:
        message = (
            f"the answer had {receipt.prediction_count} predictions, not {labels}; send one label for each"
        )
        raise RefusedError(Result.MALFORMED, message)
    if receipt.prediction_count > len(receipt.predictions):
        message = f"a receipt holds at most {len(receipt.predictions)} predictions; send them as prediction"
        raise RefusedError(Result.MALFORMED, message)
    return [*receipt.predictions]


def _scores(value: object) -> list[Predicted]:
    """Rows of scores; empty if these are none."""
    rows = value if isinstance(value, list) and len(value) <= MAX_LABELS_PER_ITEM else []
    return [tuple(row) for row in rows] if all(is_row_of_scores(row) for row in rows) else []


def _scalars(value: object, name: str) -> list[Prediction]:
    values = value if isinstance(value, list) else [value]
    scalars = [each for each in values if isinstance(each, (str, int, float, bool))]
    if not values or len(scalars) != len(values) or len(values) > MAX_LABELS_PER_ITEM:
        message = (
            f"{name} must be a number, text, true or false, or a list of 1 to {MAX_LABELS_PER_ITEM} of them"
        )
        raise RefusedError(Result.MALFORMED, message)
    return scalars
