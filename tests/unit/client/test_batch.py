"""What a batch's answers mean: done, again later, or an error; every item has one result."""

import orjson
import pytest

from modelward.client.batch import MAX_BYTES, MAX_ITEMS, FeedbackError, Item, Retry, Sending, batches
from modelward.client.receipts import Receipts

ITEMS = [Item("a", 1), Item("b", 0), Item("c", good=True)]


def answers(*results: str) -> bytes:
    """A monitor's answer, a line for each."""
    return b"".join(orjson.dumps({"result": result}) + b"\n" for result in results)


def sending(retry: Retry | None = None) -> Sending:
    """Three items on their way."""
    return Sending(ITEMS, retry or Retry())


def test_a_line_says_only_what_was_given() -> None:
    """What is absent is left to the receipt."""
    assert Item("a", [1, 0]).line() == b'{"receipt":"a","label":[1,0]}\n'
    assert Item("a", prediction=[[0.1, 0.9]], good=False).line() == (
        b'{"receipt":"a","prediction":[[0.1,0.9]],"good":false}\n'
    )


def test_every_line_has_its_own_result() -> None:
    """One that is refused does not refuse the others, and says why."""
    batch = sending()
    lines = answers("accepted", "accepted") + b'{"result":"stale","message":"too old"}\n'
    assert batch.answered(200, {}, lines) is None
    assert [result.accepted for result in batch.results] == [True, True, False]
    assert (batch.results[2].result, batch.results[2].message) == ("stale", "too old")


def test_what_found_the_queue_full_is_sent_again_alone() -> None:
    """After as long as was asked for; results come in the order of the items all the same."""
    batch = sending()
    assert batch.answered(429, {"retry-after": "5"}, answers("full", "accepted", "full")) == 5
    assert batch.body == ITEMS[0].line() + ITEMS[2].line()
    assert batch.answered(200, {}, answers("accepted", "forged")) is None
    assert [(result.item, result.result) for result in batch.results] == [
        (ITEMS[0], "accepted"),
        (ITEMS[1], "accepted"),
        (ITEMS[2], "forged"),
    ]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_service_that_is_away_is_asked_again(status: int) -> None:
    """The whole batch, a second later, then twice as long each time."""
    batch = sending()
    assert batch.answered(status, {}, b"") == 1
    assert batch.answered(status, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"") == 2
    assert batch.answered(status, {}, b"") == 4
    assert batch.body == b"".join(item.line() for item in ITEMS)


def test_repeated_after_a_lost_answer_was_accepted() -> None:
    """The label arrived and its answer did not; without a lost answer a repetition is one."""
    batch = sending()
    assert batch.lost("connection reset") == 1
    assert batch.answered(200, {}, answers("repeated", "accepted", "stale")) is None
    assert [result.result for result in batch.results] == ["accepted", "accepted", "stale"]
    without = sending()
    without.answered(200, {}, answers("repeated", "accepted", "stale"))
    assert without.results[0].result == "repeated"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_repeated_after_a_gateway_s_error_was_accepted(status: int) -> None:
    """A gateway that gave up may have passed the batch on."""
    batch = sending()
    batch.answered(status, {}, b"")
    assert batch.answered(200, {}, answers("repeated", "accepted", "stale")) is None
    assert [result.result for result in batch.results] == ["accepted", "accepted", "stale"]


def test_attempts_count_anew_when_a_label_is_settled() -> None:
    """A queue that makes room slowly is no service that stays away."""
    batch = sending(Retry(attempts=2))
    assert batch.answered(429, {"retry-after": "5"}, answers("full", "full", "full")) == 5
    assert batch.answered(429, {"retry-after": "5"}, answers("accepted", "full", "full")) == 5
    assert batch.answered(429, {"retry-after": "5"}, answers("stale", "full")) == 5
    with pytest.raises(FeedbackError, match="1 labels not sent after 2 attempts: too many labels wait"):
        batch.answered(429, {"retry-after": "5"}, answers("full"))


def test_too_many_attempts_are_an_error() -> None:
    """It says how many labels were not sent, and why."""
    batch = sending(Retry(attempts=2))
    batch.lost("connection refused")
    with pytest.raises(FeedbackError, match="3 labels not sent after 2 attempts: connection refused"):
        batch.lost("connection refused")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, answers("accepted")),
        (404, b"no such page"),
        (413, b"{}"),
        (200, b"one\ntwo\nthree\n"),
        (200, b"[]\n[]\n[]\n"),
    ],
)
def test_an_answer_that_is_none_is_an_error(status: int, body: bytes) -> None:
    """Something else answers there: nothing is taken for accepted."""
    with pytest.raises(FeedbackError, match="is no answer to"):
        sending().answered(status, {}, body)


def test_waits_are_bounded() -> None:
    """Neither a service nor doubling makes a client wait longer than it was told."""
    retry = Retry(longest_seconds=10)
    assert retry.wait_seconds(30, None) == 10
    assert retry.wait_seconds(1, "3600") == 10
    assert retry.wait_seconds(1, "-5") == 0


def test_batches_are_bounded_in_number_and_bytes() -> None:
    """A monitor takes 1 MiB at once; no item is lost or doubled."""
    many = [Item(str(number), 1) for number in range(MAX_ITEMS + 1)]
    assert [len(batch) for batch in batches(many)] == [MAX_ITEMS, 1]
    large = [Item("x" * (MAX_BYTES // 3), 1) for _ in range(5)]
    assert [len(batch) for batch in batches(large)] == [2, 2, 1]
    assert list(batches([])) == []


def test_receipts_are_kept_by_key() -> None:
    """A receipt is given away once, and the oldest makes room for the newest."""
    receipts = Receipts(capacity=2)
    assert not receipts.keep("none", {})
    for key in "abc":
        assert receipts.keep(key, {"modelward-receipt": f"v1.{key}"})
    assert (len(receipts), receipts.forgotten) == (2, 1)
    assert receipts.take("a") is None
    assert receipts.take("c") == "v1.c"
    assert receipts.take("c") is None
