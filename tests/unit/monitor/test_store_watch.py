"""The storage class of an event, by what is known of the store at its time."""

import math

import pytest

from modelward.api.monitorconfig import (
    AccuracyObjectiveConfig,
    LatencyObjectiveConfig,
    ObjectiveConfig,
    StorageObjectiveConfig,
)
from modelward.monitor.counters import BAD, GOOD, EventCounts
from modelward.monitor.store_watch import (
    AT_REST_VALID_SECONDS,
    ATTENTION_SECONDS,
    ATTENTIVE_VALID_SECONDS,
    StoreWatch,
)

STORAGE = StorageObjectiveConfig(name="storage", config="1", within_ms=300)
LATENCY = LatencyObjectiveConfig(name="latency", config="1", within_ms=100)
ACCURACY = AccuracyObjectiveConfig(name="accuracy", config="1")


def watch() -> StoreWatch:
    """Return a watch with an objective and nothing read yet."""
    made = StoreWatch()
    made.watch(STORAGE)
    return made


def test_without_an_objective_nothing_is_known() -> None:
    """Reads class nothing where no limit says what is slow."""
    store = StoreWatch()
    store.end_read(0, 1)
    assert (store.storage_class(0), store.class_of(1)) == ("unknown", "unknown")


def test_before_the_first_read_nothing_is_known() -> None:
    """No reading is no good news."""
    assert watch().storage_class(0) == "unknown"


@pytest.mark.parametrize(
    ("read_ms", "expected"), [(300, "fast"), (300.1, "slow"), (math.inf, "slow"), (None, "unknown")]
)
def test_the_newest_read_says_it(read_ms: float | None, expected: str) -> None:
    """The limit is the objective's, a failed read is slow, and a refused one says nothing."""
    store = watch()
    store.end_read(0, 5)
    store.end_read(1, read_ms)
    assert store.storage_class(1) == expected


def test_a_read_under_way_for_too_long_is_slow_before_it_ends() -> None:
    """A store that hangs is known to be slow when the limit has passed."""
    store = watch()
    store.end_read(0, 5)
    store.begin_read(1)
    assert store.storage_class(1.29) == "fast"
    assert store.storage_class(1.31) == "slow"
    store.end_read(1.4, 5)
    assert store.storage_class(1.4) == "fast"


def test_a_read_is_valid_for_longer_at_rest_than_while_bad_events_are_seen() -> None:
    """An old reading classes events only while nothing bad happens."""
    store = watch()
    store.end_read(0, 5)
    assert store.storage_class(AT_REST_VALID_SECONDS) == "fast"
    assert store.storage_class(AT_REST_VALID_SECONDS + 0.1) == "unknown"
    store.attend(ATTENTIVE_VALID_SECONDS)
    assert store.storage_class(ATTENTIVE_VALID_SECONDS) == "fast"
    assert store.storage_class(ATTENTIVE_VALID_SECONDS + 0.1) == "unknown"


def test_attention_wakes_once_and_ends() -> None:
    """The first bad event asks for a read at once; half a minute after the last the reads are rare again."""
    store = watch()
    store.attend(0)
    assert store.woken.is_set()
    store.woken.clear()
    store.attend(1)
    assert not store.woken.is_set()
    assert store.is_attentive(ATTENTION_SECONDS)
    assert not store.is_attentive(ATTENTION_SECONDS + 1)
    store.attend(ATTENTION_SECONDS + 1)
    assert store.woken.is_set()


def _opened(*objectives: ObjectiveConfig) -> set[tuple[str, str, str]]:
    events = EventCounts()
    events.configure("own", objectives)
    assert {value for _, value in events.current()} <= {0}
    return {(key[1], key[3], key[4]) for key, _ in events.current()}


def test_label_sets_are_open_at_zero_before_they_count() -> None:
    """Three classes with a storage objective, one without; a read is good exactly when it is fast."""
    assert _opened(LATENCY) == {("latency", GOOD, "unknown"), ("latency", BAD, "unknown")}
    assert _opened(LATENCY, STORAGE) == {
        *(("latency", result, storage) for result in (GOOD, BAD) for storage in ("fast", "slow", "unknown")),
        ("storage", GOOD, "fast"),
        ("storage", BAD, "slow"),
    }


def test_a_label_of_a_time_when_the_store_was_watched_counts_without_its_class() -> None:
    """A receipt may be older than the configuration; it must open no label set beside those at 0."""
    events = EventCounts()
    events.configure("own", (ACCURACY,))
    events.count("own", ACCURACY, GOOD, "slow")
    assert {key[3:]: value for key, value in events.current()} == {(GOOD, "unknown"): 1, (BAD, "unknown"): 0}
