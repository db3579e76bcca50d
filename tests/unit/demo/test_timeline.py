"""The demonstration's timeline, and what it counts as a broken promise."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dev.demo.expectations import Promise, differences, rate
from dev.demo.record import Answer, Opening, Sighting, Traffic, read_traffic
from dev.demo.timeline import Row, Shipment, timeline
from modelward.api.status import ModelDeploymentStatus

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SHIPMENTS = [
    Shipment("1", "m-one", "good", START),
    Shipment("2", "m-two", "wrong", START),
    Shipment("4", "m-four", "better", START),
]
PROMISES = [Promise("2", "accuracy", 0), Promise("4", None, 2)]


def at(seconds: float) -> datetime:
    """Return a time some seconds after the start."""
    return datetime.fromtimestamp(START.timestamp() + seconds, UTC)


def entry(seconds: float, revision: str, action: str) -> dict[str, Any]:
    """Return a history entry."""
    return {"time": at(seconds).isoformat(), "revision": revision, "action": action, "reason": "Because"}


def status(**fields: Any) -> ModelDeploymentStatus:
    """Return a status with these fields."""
    return ModelDeploymentStatus.model_validate(fields)


def sightings() -> list[Sighting]:
    """Return what the operator wrote in a run that went well."""
    breached = {"name": "accuracy", "revision": "m-two", "good": 50, "total": 100, "verdict": "Breached"}
    rejected = {
        "revision": "m-two",
        "cause": "Model",
        "reason": "WorseThanStable",
        "message": "accuracy: 50 of 100 bad",
        "time": at(40).isoformat(),
    }
    history = [entry(40, "m-two", "Rejected"), entry(0, "m-one", "Promoted")]
    four = {"candidate_revision": "m-four", "rejected_revisions": [rejected]}
    stepping = {"started_at": at(60).isoformat()}
    return [
        Sighting(at(0), status(stable_revision="m-one", history=history[1:])),
        Sighting(at(38), status(candidate_revision="m-two", objectives=[breached])),
        Sighting(at(41), status(rejected_revisions=[rejected], history=history)),
        Sighting(at(61), status(**four, rollout={**stepping, "step": -1})),
        Sighting(at(65), status(**four, rollout={**stepping, "step": 0})),
        Sighting(at(75), status(**four, rollout={**stepping, "step": 1})),
        Sighting(at(81), status(**four, history=[entry(80, "m-four", "Promoted"), *history])),
    ]


def traffic() -> Traffic:
    """Return 100 s of answers, 80 a second: version 2 from 20 to 43 s, version 4 from 65 s."""
    answers: list[Answer] = []
    for tick in range(8000):
        seconds = tick / 80
        version = "1" if seconds < 82 else "4"
        if tick % 2 and 20 <= seconds <= 43:
            version = "2"
        if tick % 2 and seconds >= 65:
            version = "4"
        answers.append(Answer(START.timestamp() + seconds, tick % 8, 200, version, 5.0, ""))
    lines = [json.dumps({"event": "labels", "at": 1.0, "status": 200, "sent": 30, "error": ""})]
    labels = read_traffic(lines).labels
    return Traffic(tuple(answers), (Opening(0.0, 0, "start"), Opening(9.0, 0, "announced")), labels)


def rows() -> tuple[Row, ...]:
    """Return the timeline of the run that went well."""
    return timeline(SHIPMENTS, traffic(), sightings())


def test_a_rejected_version_has_all_its_times() -> None:
    """First request, breach, decision and last request of a rejected version are told apart."""
    row = rows()[1]
    assert row.first_traffic == at(20.0125)
    assert row.breach == at(38)
    assert row.decided_at == at(40)
    assert row.settled == at(42.9875)
    assert row.settling is not None
    assert row.settling.total_seconds() == pytest.approx(2.9875)


def test_a_promoted_version_settles_with_the_last_answer_of_the_one_before() -> None:
    """A promotion is over when the version it replaces has answered its last request."""
    row = rows()[2]
    assert row.decision is not None
    assert row.decision.action == "Promoted"
    assert row.settled == at(81.975)
    assert row.steps == (0, 1)
    assert row.breach is None


def test_a_run_that_went_well_has_no_differences() -> None:
    """When everything is as promised nothing is found."""
    assert differences(rows(), PROMISES, traffic()) == ()


def only(found: tuple[str, ...]) -> str:
    """Return the one difference found."""
    (sentence,) = found
    return sentence


def test_a_failed_request_is_a_difference() -> None:
    """One transport error or 5xx among thousands is found, with what it was."""
    good = traffic()
    for code, shown in ((0, "no answer: reset"), (503, "503: reset")):
        failed = replace(good.answers[0], status=code, version="", error="reset")
        broken = replace(good, answers=(failed, *good.answers[1:]))
        assert only(differences(rows(), PROMISES, broken)) == f"1 requests failed, the first with {shown}"


def test_a_broken_connection_is_a_difference() -> None:
    """A connection that ended without announcement is found though no request failed."""
    broken = replace(traffic(), openings=(Opening(5.0, 2, "broken"),))
    assert "1 connections were broken" in only(differences(rows(), PROMISES, broken))


def test_too_little_traffic_is_a_difference() -> None:
    """Fewer than 20 requests a second or fewer than 8 connections are found."""
    few = replace(traffic(), answers=tuple(a for a in traffic().answers if a.worker == 0))
    found = differences(rows(), PROMISES, few)
    assert any("10.0 requests a second" in sentence for sentence in found)
    assert any("1 connections were held open instead of 8" in sentence for sentence in found)


def test_labels_that_never_came_back_are_a_difference() -> None:
    """Accuracy without labels would be no evidence."""
    assert only(differences(rows(), PROMISES, replace(traffic(), labels=()))) == "no label was sent back"


def changed(index: int, **fields: Any) -> list[Row]:
    """Return the rows with one of them changed."""
    all_rows = list(rows())
    all_rows[index] = replace(all_rows[index], **fields)
    return all_rows


def test_a_rejection_for_another_reason_is_a_difference() -> None:
    """A version must be rejected for its own fault, with the model as the cause."""
    rejection = rows()[1].rejection
    assert rejection is not None
    other = rejection.model_copy(update={"message": "latency: 1 of 2 bad"})
    found = differences(changed(1, rejection=other), PROMISES, traffic())
    assert "version 2 was not rejected for its accuracy" in only(found)
    drifted = rejection.model_copy(update={"cause": "Drift"})
    found = differences(changed(1, rejection=drifted), PROMISES, traffic())
    assert "cause Drift instead of Model" in only(found)


def test_a_promotion_that_skips_a_step_is_a_difference() -> None:
    """A good version goes through every step, in order."""
    found = differences(changed(2, steps=(1,)), PROMISES, traffic())
    assert only(found) == "version 4 was seen in steps [1] instead of all 2 in order"


@pytest.mark.parametrize(
    ("index", "sentence"),
    [(1, "version 2 was not rejected but nothing"), (2, "version 4 was not promoted but nothing")],
)
def test_no_decision_is_a_difference(index: int, sentence: str) -> None:
    """A version about which nothing was decided is found."""
    assert sentence in only(differences(changed(index, decision=None), PROMISES, traffic()))


def test_slow_withdrawal_is_a_difference() -> None:
    """Traffic must follow a decision within half a minute."""
    found = differences(changed(1, settled=at(75)), PROMISES, traffic())
    assert only(found) == "traffic took 35 s to follow the decision on version 2"


def test_a_version_never_shipped_is_a_difference() -> None:
    """A run that ended early does not pass."""
    found = differences(rows()[:2], PROMISES, traffic())
    assert only(found) == "version 4 was never shipped"


def test_a_line_cut_off_is_left_out() -> None:
    """The last line of a log that is still being written does not stop the reader."""
    line = json.dumps(
        {"event": "answer", "at": 1.5, "worker": 1, "status": 200, "version": "1", "ms": 3.5, "error": ""}
    )
    assert read_traffic([line, line[:20]]).answers == (Answer(1.5, 1, 200, "1", 3.5, ""),)


def test_rate_without_answers_is_zero() -> None:
    """No traffic is no rate, rather than an error."""
    assert rate(Traffic((), (), ())) == 0.0
