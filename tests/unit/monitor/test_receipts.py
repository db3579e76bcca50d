"""Receipts: signed, small, and refused when anything in them was changed."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.monitor.receipts import (
    MAX_RECEIPT_BYTES,
    KeyFileError,
    Prediction,
    Receipt,
    ReceiptError,
    new_id,
    parse_keys,
    sign,
    verify,
)

KEY, OTHER = b"k" * 32, b"o" * 32
SCALARS = st.one_of(
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.booleans(),
)


def receipt(predictions: tuple[Prediction, ...] | None = (1, 0.5, "a")) -> Receipt:
    """A receipt of revision r."""
    count = len(predictions or ())
    return Receipt("ns", "d", "r", 1_700_000_000.25, "unknown", new_id(), predictions, count)


@given(st.lists(SCALARS, max_size=8))
def test_what_was_signed_comes_back(predictions: list[Prediction]) -> None:
    """Verifying gives the receipt that was signed, under any of the keys."""
    made = receipt(tuple(predictions))
    value = sign(made, KEY)
    assert value is not None
    assert verify(value.decode(), (OTHER, KEY)) == made


@pytest.mark.parametrize("length", [16, 63, 64, 65, 200])
def test_keys_of_any_length(length: int) -> None:
    """A receipt verifies under the key that signed it, shorter than a block of the digest or longer."""
    key = bytes(range(length))
    made = receipt()
    assert verify((sign(made, key) or b"").decode(), (key,)) == made


def test_long_predictions_are_left_out() -> None:
    """A receipt never grows over its bound: first the predictions go, then the receipt."""
    value = sign(receipt(("x" * 3000,)), KEY)
    assert value is not None
    assert len(value) <= MAX_RECEIPT_BYTES
    assert verify(value.decode(), (KEY,)).predictions is None
    long = Receipt("n" * 63, "d" * 253, "r" * 1500, 1.0, "unknown", new_id(), None, 0)
    assert sign(long, KEY) is None


@given(position=st.integers(0, 10_000), replacement=st.sampled_from("ABCxyz019-_."))
def test_any_change_is_noticed(position: int, replacement: str) -> None:
    """A receipt with one character changed is refused or says the very same."""
    made = receipt()
    value = (sign(made, KEY) or b"").decode()
    place = position % len(value)
    changed = value[:place] + replacement + value[place + 1 :]
    try:
        assert verify(changed, (KEY,)) == made
    except ReceiptError:
        return
    # Only the unused low bits of a signature's last character may differ.
    assert changed == value or place == len(value) - 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "form"),
        ("v1.x", "form"),
        ("v2.a.b", "form"),
        ("v1.é.b", "base64url"),
        ("v1.aaaa.aaaa", "signature"),
        ("v" * 3000, "at most"),
    ],
)
def test_nonsense(value: str, text: str) -> None:
    """What is no receipt is refused with what it should look like."""
    with pytest.raises(ReceiptError, match=text):
        verify(value, (KEY,))


def test_other_deployments_key() -> None:
    """A receipt signed with another key is refused."""
    with pytest.raises(ReceiptError, match="signature"):
        verify((sign(receipt(), OTHER) or b"").decode(), (KEY,))


def test_key_file() -> None:
    """One base64 key per line, the signing one first; blank lines don't matter."""
    lines = [base64.b64encode(key).decode() for key in (KEY, OTHER)]
    assert parse_keys("\n".join(lines) + "\n\n") == (KEY, OTHER)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no receipt key"),
        ("???\n", "line 1 is not base64"),
        ("aGFsbG8=\n", "line 1 has 5 bytes; write 16"),
    ],
)
def test_wrong_key_files(text: str, message: str) -> None:
    """A key file that can't be used says what to write."""
    with pytest.raises(KeyFileError, match=message):
        parse_keys(text)
