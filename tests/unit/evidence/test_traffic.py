"""Traffic that is not an even stream: hardly any, all at once, or billions."""

import math

import pytest

from modelward.evidence.counts import Block, Count, StorageSplit
from modelward.evidence.ledger import Assessment, Ledger
from modelward.evidence.verdict import Verdict
from tests.unit.evidence.deployment import AT_REST, SPLIT, both, timed

MINUTE = 12
"""Blocks."""
HOUR = 60 * MINUTE
NOTHING = Count(0, 0)


def each_minute(*events: Block) -> list[Block]:
    """One of these blocks each minute, and nothing between."""
    return [block for event in events for block in (event, *[NOTHING] * (MINUTE - 1))]


def latency_of(ledger: Ledger) -> Assessment:
    """What the evidence says of the serving revision's latency."""
    return ledger.assess(AT_REST)[0]


def served(*blocks: Block) -> Ledger:
    """A ledger of these blocks of the serving revision."""
    return Ledger().advance(AT_REST, timed(*[both("old", block) for block in blocks]))


def test_a_good_request_a_minute_becomes_healthy_in_hours() -> None:
    """Three hundred good requests are needed to say so of 1%; until then nothing is said, and no alarm."""
    five_hours = each_minute(*[Count(1, 0)] * 300)
    assert latency_of(served(*five_hours[:-MINUTE])).target is Verdict.INCONCLUSIVE
    assert latency_of(served(*five_hours)).target is Verdict.HEALTHY


def test_every_other_request_bad_at_one_a_minute_is_found_within_half_an_hour() -> None:
    """Blocks without requests neither hasten nor hinder it."""
    assert latency_of(served(*each_minute(*[Count(1, 0), Count(0, 1)] * 15))).target is Verdict.BREACHED


def test_one_bad_request_an_hour_at_one_a_minute_is_no_alarm_for_a_day() -> None:
    """A rate of 1.7% against 1%, on so few requests, is left to longer evidence than a day's."""
    hour = each_minute(Count(0, 1), *[Count(1, 0)] * 59)
    assert latency_of(served(*hour * 24)).target is not Verdict.BREACHED


def test_one_burst_of_errors_is_no_breach_however_large() -> None:
    """A million errors in one block are one bad block."""
    assert latency_of(served(*[Count(50, 0)] * 100, Count(0, 1e6))).target is not Verdict.BREACHED


def test_bursts_that_are_bad_again_and_again_are_a_breach() -> None:
    """A job that sends a thousand requests each quarter of an hour and fails half of them is found."""
    burst = [Count(500, 500), *[NOTHING] * (15 * MINUTE - 1)]
    assert latency_of(served(*burst * 8)).target is Verdict.BREACHED


def test_a_candidate_with_a_request_a_minute_is_compared_in_the_end() -> None:
    """Half bad beside a good stable is rejected within two hours, at a request a minute for each."""
    before = timed(*[both("old", block) for block in each_minute(*[Count(1, 0)] * 600)])
    arms = zip(each_minute(*[Count(1, 0), Count(0, 1)] * 60), each_minute(*[Count(1, 0)] * 120), strict=True)
    pairs = [both("new", candidate) | both("old", stable) for candidate, stable in arms]
    ledger = Ledger().advance(AT_REST, before).advance(SPLIT, timed(*pairs, start=len(before) + 1))
    found = {(a.objective, a.revision): a for a in ledger.assess(SPLIT)}
    assert found["latency", "new"].versus is Verdict.BREACHED
    assert found["latency", "old"].target is not Verdict.BREACHED


@pytest.mark.parametrize("events", [1e-3, 1.0, 1e9])
def test_hours_of_extremes_leave_sound_numbers(events: float) -> None:
    """From thousandths of an event to a billion a block, good and bad by turns, no number is lost."""
    good = Count(events, 0, StorageSplit(events, 0, 0, 0))
    bad = Count(0, events, StorageSplit(0, 0, 0, events))
    ledger = served(*[good] * HOUR, *[good, good, bad, bad] * HOUR)
    found = latency_of(ledger)
    assert found.target is Verdict.BREACHED
    assert found.total == pytest.approx(events * 5 * HOUR)
    assert not any(math.isnan(value) or value == math.inf for _, value in ledger.to_samples())
    assert Ledger.from_samples(ledger.to_samples()) == ledger
