"""Receipts: the signed header on each prediction by which a label finds its way back to the revision.

Form: `v1.<payload>.<signature>`, both base64url without padding. The payload is JSON:
{"d": deployment, "n": namespace, "r": revision, "t": Unix time in ms, "s": storage class,
"i": random 96-bit id, "p": up to 8 predictions, each a scalar or the scores of its classes (absent:
not read), "c": number of predictions the answer had}. The signature is HMAC-SHA256 (RFC 2104) over
`v1.<payload>` under the deployment's key.
Keys rotate: the first line of the key file signs, every line verifies.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Any, Final, NamedTuple

import orjson

from modelward.monitor.randomness import Ids

MAX_RECEIPT_BYTES: Final = 2048
MAX_PREDICTIONS: Final = 8
MAX_SCORES: Final = 20
"""Classes whose scores are read, of one row."""
MIN_KEY_BYTES: Final = 16
_VERSION: Final = b"v1"
_ID_BYTES: Final = 12
_BLOCK_BYTES: Final = 64
"""Of SHA-256 (FIPS 180-4)."""
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))
_TO_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")

Prediction = str | int | float | bool
Scores = tuple[float, ...]
"""One number for each class, of one row of an answer."""
Predicted = Prediction | Scores


class ReceiptError(Exception):
    """A receipt that is not one of ours; the text says why."""


class KeyFileError(Exception):
    """The key file can't be used; the text says what is wrong and what to write."""


class Receipt(NamedTuple):
    """What one prediction's receipt says."""

    namespace: str
    deployment: str
    revision: str
    time_s: float
    """When the answer was given, Unix time."""
    storage: str
    receipt_id: bytes
    predictions: tuple[Predicted, ...] | None
    """The first MAX_PREDICTIONS predictions of the answer; None: they were not read."""
    prediction_count: int
    """Predictions that the answer had; 0 when they were not read."""


def is_row_of_scores(value: object) -> bool:
    """Whether a JSON value is 2 to MAX_SCORES numbers."""
    return (
        isinstance(value, list)
        and 1 < len(value) <= MAX_SCORES
        and all(type(each) in {int, float} for each in value)
    )


def new_id() -> bytes:
    """A random 96-bit id."""
    return _decode(_IDS.take().decode())


def parse_keys(text: str) -> tuple[bytes, ...]:
    """The keys of a key file, one base64 line each. Raises KeyFileError."""
    keys = []
    for number, line in enumerate(text.split(), start=1):
        try:
            key = base64.b64decode(line, validate=True)
        except binascii.Error as error:
            msg = f"receipt key on line {number} is not base64 ({error}); write one base64 key per line"
            raise KeyFileError(msg) from error
        if len(key) < MIN_KEY_BYTES:
            msg = (
                f"receipt key on line {number} has {len(key)} bytes; write {MIN_KEY_BYTES} or more, in base64"
            )
            raise KeyFileError(msg)
        keys.append(key)
    if not keys:
        msg = "no receipt key; write one base64 key per line, the one that signs first"
        raise KeyFileError(msg)
    return tuple(keys)


class Signer:
    """Signs the receipts of one revision with one key."""

    __slots__ = ("_begins", "_inner", "_outer")

    def __init__(self, namespace: str, deployment: str, revision: str, key: bytes) -> None:
        begins = orjson.dumps({"d": deployment, "n": namespace, "r": revision})[:-1]
        # What all receipts begin with is encoded and hashed once. Base64 encodes each three bytes by
        # themselves, so it is filled up with what JSON leaves out of account.
        self._begins = _VERSION + b"." + _encode(begins.ljust(-(-len(begins) // 3) * 3))
        # HMAC (RFC 2104, section 2) begins with the key, so what it comes to is kept (section 4); another
        # half of the time of hmac.digest goes into looking up its digest.
        block = (hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER_PAD) + self._begins)
        self._outer = hashlib.sha256(block.translate(_OUTER_PAD))

    def sign(
        self, time_s: float, storage: str, predictions: tuple[Predicted, ...] | None, count: int
    ) -> bytes | None:
        """The header's value for an answer given at `time_s`; None when it is too long: see `sign`."""
        return self.sign_as(_IDS.take(), time_s, storage, predictions, count)

    def sign_as(
        self,
        encoded_id: bytes,
        time_s: float,
        storage: str,
        predictions: tuple[Predicted, ...] | None,
        count: int,
    ) -> bytes | None:
        """As `sign`, under an id that is given in base64url."""
        ends = b',"t":%d,"s":"%b","i":"%b","c":%d' % (
            round(time_s * 1000),
            storage.encode(),
            encoded_id,
            count,
        )
        if predictions is not None:
            value = self._signed(b"".join((ends, b',"p":', orjson.dumps(predictions), b"}")))
            if len(value) <= MAX_RECEIPT_BYTES:
                return value
        value = self._signed(ends + b"}")
        return value if len(value) <= MAX_RECEIPT_BYTES else None

    def _signed(self, ends: bytes) -> bytes:
        encoded = _encode(ends)
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(encoded)
        outer.update(inner.digest())
        return b"".join((self._begins, encoded, b".", _encode(outer.digest())))


def sign(receipt: Receipt, key: bytes) -> bytes | None:
    """The header's value; None when it is over MAX_RECEIPT_BYTES even without predictions."""
    signer = Signer(receipt.namespace, receipt.deployment, receipt.revision, key)
    return signer.sign_as(
        _encode(receipt.receipt_id),
        receipt.time_s,
        receipt.storage,
        receipt.predictions,
        receipt.prediction_count,
    )


def verify(value: str, keys: tuple[bytes, ...]) -> Receipt:
    """The receipt in a header's value. Raises ReceiptError when it is malformed or not signed by a key."""
    if len(value) > MAX_RECEIPT_BYTES:
        msg = f"a receipt has at most {MAX_RECEIPT_BYTES} characters"
        raise ReceiptError(msg)
    signed, _, signature = value.rpartition(".")
    version, _, payload = signed.partition(".")
    if version.encode(errors="replace") != _VERSION or not payload or not signature:
        msg = "a receipt has the form v1.<payload>.<signature>; send the header back as it was received"
        raise ReceiptError(msg)
    given = _decode(signature)
    digests = [hmac.digest(key, signed.encode(), hashlib.sha256) for key in keys]
    if not any([hmac.compare_digest(given, digest) for digest in digests]):  # noqa: C419 - all keys, one time
        msg = "the receipt's signature is not this deployment's"
        raise ReceiptError(msg)
    return _from_payload(orjson.loads(_decode(payload)))


def _from_payload(payload: dict[str, object]) -> Receipt:
    predictions = payload.get("p")
    return Receipt(
        namespace=str(payload["n"]),
        deployment=str(payload["d"]),
        revision=str(payload["r"]),
        time_s=float(str(payload["t"])) / 1000,
        storage=str(payload["s"]),
        receipt_id=_decode(str(payload["i"])),
        predictions=_predictions(predictions) if isinstance(predictions, list) else None,
        prediction_count=int(str(payload["c"])),
    )


def _predictions(values: list[Any]) -> tuple[Predicted, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


def _encode(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL_SAFE).rstrip(b"=")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        msg = "the receipt is not base64url; send the header back as it was received"
        raise ReceiptError(msg) from error


_IDS: Final = Ids(_ID_BYTES, _encode)
