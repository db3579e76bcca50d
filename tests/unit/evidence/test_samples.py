"""A ledger as samples, and what is made of samples that are not whole."""

import math
from dataclasses import replace

import pytest

from modelward.evidence.counts import Count, StorageSplit
from modelward.evidence.ledger import Ledger, Sample
from tests.unit.evidence.deployment import AT_REST, HALF_BAD, LATENCY, SPLIT, both, plan, timed

LEDGER = Ledger().advance(SPLIT, timed(*[both("old", Count(89, 1)) | both("new", HALF_BAD)] * 20))


def without(test: str, component: str) -> list[Sample]:
    """The samples but for those of one component."""
    return [
        (labels, value)
        for labels, value in LEDGER.to_samples()
        if (labels["test"], labels["component"]) != (test, component)
    ]


def changed(test: str, component: str, value: float) -> list[Sample]:
    """The samples with another value for one component."""
    return [
        (labels, value if (labels["test"], labels["component"]) == (test, component) else known)
        for labels, known in LEDGER.to_samples()
    ]


def test_round_trip_is_exact() -> None:
    """Reading what was written gives the same ledger, also in another order and with further labels."""
    samples = LEDGER.to_samples()
    assert Ledger.from_samples(samples) == LEDGER
    assert (
        Ledger.from_samples(
            ({**labels, "namespace": "default", "job": "modelward"}, value) for labels, value in samples[::-1]
        )
        == LEDGER
    )


def test_what_has_no_label_is_read_as_an_empty_one() -> None:
    """An objective whose events have no configuration comes back as it went."""
    asked = plan(replace(LATENCY, config=""))
    ledger = Ledger().advance(asked, timed(*[both("old", HALF_BAD)] * 3))
    assert Ledger.from_samples(ledger.to_samples()) == ledger


def test_no_two_samples_are_of_one_series() -> None:
    """Each sample has labels of its own."""
    samples = LEDGER.to_samples()
    assert len({frozenset(labels.items()) for labels, _ in samples}) == len(samples)


def test_no_label_is_empty() -> None:
    """Prometheus drops empty labels, so none is relied on."""
    assert all(all(labels.values()) for labels, _ in LEDGER.to_samples())


def test_few_series_at_rest() -> None:
    """At rest a revision and objective have twelve series, and the deployment one more."""
    ledger = Ledger().advance(AT_REST, timed(both("old", HALF_BAD)))
    assert len(ledger.to_samples()) == 2 * 12 + 1


BY_STORAGE = Ledger().advance(
    AT_REST, timed(*[both("old", Count(60, 40, StorageSplit(30, 20, 10, 10)))] * 20)
)


def test_what_is_known_by_storage_has_its_samples() -> None:
    """Seven more where the classes of events are known, and an episode's; all come back as they were."""
    quiet = Ledger().advance(AT_REST, timed(both("old", Count(50, 0, StorageSplit(50, 0, 0, 0)))))
    assert len(quiet.to_samples()) == 2 * (12 + 7) + 1
    assert BY_STORAGE.watches["old", "latency"].storage.episode
    for ledger in (quiet, BY_STORAGE):
        assert Ledger.from_samples(ledger.to_samples()) == ledger


def test_what_is_known_by_storage_is_whole_or_nothing() -> None:
    """Half an episode is none, and takes the whole watch with it."""
    samples = [sample for sample in BY_STORAGE.to_samples() if sample[0]["component"] != "log_fast"]
    assert set(Ledger.from_samples(samples).watches) == {("old", "accuracy")}


def test_nothing_to_write_before_the_first_block() -> None:
    """A ledger that has taken in nothing has no samples, and none are an empty ledger."""
    assert Ledger().to_samples() == []
    assert Ledger.from_samples([]) == Ledger()


@pytest.mark.parametrize("time", [math.nan, math.inf])
def test_without_a_block_time_all_starts_anew(time: float) -> None:
    """State whose time is not known could count blocks twice, so it is not used."""
    assert Ledger.from_samples(without("ledger", "block_time")) == Ledger()
    assert Ledger.from_samples(changed("ledger", "block_time", time)) == Ledger()


def test_a_state_that_is_not_whole_starts_anew() -> None:
    """A test of which a number is missing is left out; the others stay."""
    no_watches = Ledger.from_samples(without("baseline", "pairs"))
    assert (no_watches.time, no_watches.watches) == (LEDGER.time, {})
    assert no_watches.contests == LEDGER.contests
    no_contests = Ledger.from_samples(without("not_worse", "total"))
    assert no_contests.contests == {}
    assert no_contests.watches == LEDGER.watches


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_impossible_number_starts_anew(value: float) -> None:
    """NaN and +Inf are never state."""
    assert Ledger.from_samples(changed("target", "log_m_0.1", value)).watches == {}


def test_minus_infinity_is_a_level_of_zero() -> None:
    """-Inf is a level of zero; as a number of blocks it is impossible."""
    assert Ledger.from_samples(changed("target", "log_m_0.1", -math.inf)).watches != {}
    assert Ledger.from_samples(changed("target", "blocks", -math.inf)).watches == {}
