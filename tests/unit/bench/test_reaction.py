"""How the reaction to a bad candidate is measured."""

import pytest

from bench.faulty_server import Fault
from bench.measure import reaction
from dev.demo.record import Answer


def answer(at: float, version: str, status: int = 200) -> Answer:
    """Return an answer of a version."""
    return Answer(at, 0, status, version, 1.0, "")


def test_it_runs_from_the_first_bad_answer_to_the_last_answer_of_any_kind() -> None:
    """A good answer of the candidate after its last bad one is still an answer of the candidate."""
    answers = [
        answer(1.0, "2"),
        answer(2.0, "2", 500),
        answer(3.0, "1"),
        answer(4.0, "2", 500),
        answer(5.5, "2"),
        answer(6.0, "1"),
    ]
    measured = reaction(answers, "2")
    assert measured.seconds == pytest.approx(3.5)
    assert measured.bad_answers == 2
    assert measured.other_failures == 0


def test_failures_that_are_not_the_candidates_are_counted_apart() -> None:
    """A request lost while traffic moves is no fault of the candidate."""
    answers = [answer(0.5, "", 0), answer(1.0, "2", 500), answer(2.0, "", 0), answer(3.0, "1", 502)]
    assert reaction(answers, "2").other_failures == 2


def test_a_candidate_without_bad_answers_cannot_be_measured() -> None:
    """A fault that never struck is an error, not a time of zero."""
    with pytest.raises(ValueError, match="version 2 gave no bad answer in 1 answers"):
        reaction([answer(1.0, "2"), answer(2.0, "1")], "2")


@pytest.mark.parametrize(
    ("share", "struck"),
    [(0.0, [False] * 4), (0.5, [False, True, False, True]), (1.0, [True] * 4)],
)
def test_a_fault_is_spread_evenly(share: float, struck: list[bool]) -> None:
    """Half of the predictions is every second one."""
    fault = Fault()
    fault.set_share(share)
    assert [fault.strikes() for _ in range(4)] == struck


def test_a_share_outside_of_zero_to_one_is_refused() -> None:
    """A wrong share is refused with what to write."""
    with pytest.raises(ValueError, match="write a number from 0 to 1"):
        Fault().set_share(1.5)
