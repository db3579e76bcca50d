"""What was refused, and when it is tried again."""

import contextlib
from datetime import timedelta

import pytest

from modelward.control import kinds
from modelward.control.client import ApiError
from modelward.control.refusals import LASTING_FAILURES, LONGEST_RETRY, Refusals, RefusedError, Retries
from modelward.signals.key import Key

KEY = Key("ns", "one")
QUOTA = ApiError(403, "Forbidden", "exceeded quota")


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        """At zero."""
        self.now = 0.0

    def __call__(self) -> float:
        """Return them."""
        return self.now


def sent(retries: Retries, asked: str = "a", name: str = "web", error: ApiError | None = QUOTA) -> bool:
    """Send an object, which gets an error or not; return whether it was sent at all."""
    entered = False
    with contextlib.suppress(RefusedError), retries.of(KEY, kinds.SERVICE, name, asked):
        entered = True
        if error is not None:
            raise error
    return entered


def test_refused_object_waits_twice_as_long_each_time() -> None:
    """The same request is not sent before its wait is over, and the wait doubles up to a limit."""
    clock = Clock()
    retries = Retries(clock)
    waits = []
    for _ in range(14):
        assert sent(retries)
        assert not sent(retries)
        with pytest.raises(RefusedError) as refused, retries.of(KEY, kinds.SERVICE, "web", "a"):
            pass
        waits.append(refused.value.again_in.total_seconds())
        clock.now += waits[-1]
    assert waits[:3] == pytest.approx([0.1, 0.2, 0.4])
    assert waits[-2:] == pytest.approx([LONGEST_RETRY.total_seconds()] * 2)


def test_other_request_is_sent_at_once() -> None:
    """Another content, another object and a deployment made anew do not wait for what was refused."""
    retries = Retries(Clock())
    assert sent(retries)
    assert sent(retries, asked="b")
    assert sent(retries, name="other")
    retries.forget(KEY)
    assert sent(retries, asked="b")


def test_one_thing_to_be_done_waits_for_no_other() -> None:
    """An object that is taken as it is does not cut short the wait of its deletion, which was refused."""
    retries = Retries(Clock())
    for to_be in ("deleted", "annotated"):
        with contextlib.suppress(RefusedError), retries.of(KEY, kinds.SERVICE, "web", "a", to_be=to_be):
            raise QUOTA
    assert sent(retries, error=None)
    for to_be in ("deleted", "annotated"):
        with pytest.raises(RefusedError), retries.of(KEY, kinds.SERVICE, "web", "a", to_be=to_be):
            pytest.fail("it was sent")


def test_accepted_object_begins_anew() -> None:
    """Once taken, an object that is refused later waits as after its first refusal."""
    clock = Clock()
    retries = Retries(clock)
    for _ in range(5):
        sent(retries)
        clock.now += 60
    assert sent(retries, error=None)
    assert sent(retries)
    with pytest.raises(RefusedError) as refused, retries.of(KEY, kinds.SERVICE, "web", "a"):
        pass
    assert (refused.value.message, refused.value.again_in) == (QUOTA.message, timedelta(milliseconds=100))


def test_refusals_are_told_with_the_first_time_to_try_again() -> None:
    """The message names what was refused for good; the earliest retry counts, also of a passing failure."""
    refusals = Refusals()
    assert (refusals.message, refusals.again_in) == ("", None)
    with refusals.of("Service", "web"):
        raise RefusedError(QUOTA, timedelta(seconds=3))
    with refusals.of("Pod", "web-1"):
        raise RefusedError(ApiError(0, "Unreachable", "no answer"), timedelta(seconds=2))
    assert (refusals.message, refusals.again_in) == ("Service web: exceeded quota", timedelta(seconds=2))


def test_trouble_that_lasts_is_told() -> None:
    """An error that may be gone in a moment, as of a webhook that is down, is told once it has stayed."""
    clock = Clock()
    retries = Retries(clock)

    def told(error: ApiError | None) -> str:
        refusals = Refusals()
        with refusals.of("Service", "web"), retries.of(KEY, kinds.SERVICE, "web", "a"):
            if error is not None:
                raise error
        clock.now += LONGEST_RETRY.total_seconds()
        return refusals.message

    webhook = ApiError(500, "InternalError", "failed calling webhook")
    assert [told(webhook) for _ in range(LASTING_FAILURES - 1)] == [""] * (LASTING_FAILURES - 1)
    assert told(webhook) == "Service web: failed calling webhook"
    assert told(None) == ""
    assert told(webhook) == ""
