"""Labels: compared with predictions, counted in order, a few per scrape; repetitions are noticed."""

import pytest

from modelward.api.monitorconfig import AccuracyObjectiveConfig, LatencyObjectiveConfig, ObjectiveConfig
from modelward.conventions import METRIC_CONFUSION, METRIC_LABEL_DELAY, METRIC_LABELLED
from modelward.monitor.counters import MAX_FOREIGN_REVISIONS, EventCounts
from modelward.monitor.label_counts import MAX_CLASSES, MAX_REVISIONS
from modelward.monitor.labels import (
    COUNTED_AT_ONCE,
    MAX_WAITING,
    RELEASED_PER_REQUEST,
    RELEASED_PER_SCRAPE,
    Label,
    LabelQueue,
    SeenReceipts,
    agrees,
    bad_share,
)
from modelward.monitor.receipts import Prediction

EXACT = AccuracyObjectiveConfig(name="exact", config="1")
NEAR = AccuracyObjectiveConfig(name="near", config="1", tolerance=10)
SIZED = AccuracyObjectiveConfig(name="sized", config="1", clip=10)
LATENCY = LatencyObjectiveConfig(name="latency", config="1", within_ms=1)
OBJECTIVES = (EXACT, NEAR, SIZED, LATENCY)


def label(time_s: float = 0, truth: Prediction = 1, revision: str = "own") -> Label:
    """A label for a prediction of 1."""
    return Label(revision, "unknown", time_s, 1, truth, None)


def verdicts(events: EventCounts, objective: str, revision: str = "own") -> dict[str, float]:
    """Counts of an objective by result."""
    return {key[3]: value for key, value in events.current() if key[:2] == (revision, objective)}


def counts() -> EventCounts:
    """Counts of revision `own`."""
    events = EventCounts()
    events.configure("own", OBJECTIVES)
    return events


def release(
    queue: LabelQueue, events: EventCounts, objectives: tuple[ObjectiveConfig, ...], requests: int
) -> int:
    """Count one lot, and return in how many steps that was done."""
    return 1 + sum(1 for _ in queue.release(events, objectives, requests))


@pytest.mark.parametrize(
    ("prediction", "truth", "tolerance", "expected"),
    [
        (1, 1, 0, True),
        (1, 1.0, 0, True),
        (1, "1", 0, True),
        (True, 1, 0, True),
        (1.0, 1.5, 0.5, True),
        (1.0, 1.51, 0.5, False),
        ("cat", "cat", 0, True),
        ("cat", "dog", 100, False),
        ("cat", 1, 100, False),
        ("nan", "nan", 0, False),
        (True, "true", 0, True),
        (False, "False", 0, True),
        (True, "false", 0, False),
        ("TRUE", True, 0, True),
        ("Cat", "cat", 0, False),
    ],
)
def test_agreement(prediction: Prediction, truth: Prediction, tolerance: float, expected: bool) -> None:
    """Numbers agree within the tolerance, everything else when equal."""
    objective = AccuracyObjectiveConfig(name="near", config="1", tolerance=tolerance)
    assert agrees(Label("r", "unknown", 0, prediction, truth, None), objective) is expected


def test_senders_judgement_holds() -> None:
    """`good` from the sender is taken as it is."""
    assert agrees(Label("r", "unknown", 0, None, None, judged_good=True), EXACT)
    assert not agrees(Label("r", "unknown", 0, 1, 1, judged_good=False), EXACT)


def test_release_counts_each_accuracy_objective() -> None:
    """A label is an event of every accuracy objective, by each one's tolerance, and of no other."""
    events, queue = counts(), LabelQueue()
    queue.put(label(truth=5))
    release(queue, events, OBJECTIVES, 0)
    assert verdicts(events, "exact") == {"good": 0, "bad": 1}
    assert verdicts(events, "near") == {"good": 1, "bad": 0}
    assert verdicts(events, "latency") == {"good": 0, "bad": 0}


@pytest.mark.parametrize(
    ("prediction", "truth", "share"),
    [
        (1, 1, 0),
        (1.0, 3.5, 0.25),
        (3.5, 1, 0.25),
        ("2", 12, 1),
        (0, 1e300, 1),
        ("inf", 1, 1),
        ("nan", 1, 1),
        ("cat", 1, 1),
    ],
)
def test_an_error_counts_by_its_size(prediction: Prediction, truth: Prediction, share: float) -> None:
    """The bad share is the error over the clip, at most one; what is no number could not be further off."""
    assert bad_share(Label("r", "unknown", 0, prediction, truth, None), SIZED) == share


def test_errors_add_up_to_the_labels() -> None:
    """Each label is one event, in two parts: bad by the size of its error and good by the rest."""
    events, queue = counts(), LabelQueue()
    for truth in (1, 2, 6, 90):
        queue.put(label(truth=truth))
    release(queue, events, OBJECTIVES, 0)
    assert verdicts(events, "sized") == {"good": pytest.approx(2.4), "bad": pytest.approx(1.6)}


def test_release_is_in_order_and_bounded() -> None:
    """The oldest predictions are counted first, at most so many at once."""
    events, queue = counts(), LabelQueue()
    for number in range(RELEASED_PER_SCRAPE):
        queue.put(label(time_s=1000 - number, truth=1))
        queue.put(label(time_s=number, truth=9))
    release(queue, events, OBJECTIVES, 0)
    assert verdicts(events, "exact") == {"good": 0, "bad": RELEASED_PER_SCRAPE}
    release(queue, events, OBJECTIVES, 0)
    assert verdicts(events, "exact") == {"good": RELEASED_PER_SCRAPE, "bad": RELEASED_PER_SCRAPE}
    assert len(queue) == 0


def test_release_keeps_up_with_the_traffic() -> None:
    """Of a replica that answers many requests a lot is in proportion to those since the last release."""
    events, queue = counts(), LabelQueue()
    for number in range(2000):
        queue.put(label(time_s=number))
    release(queue, events, OBJECTIVES, 100)
    assert verdicts(events, "exact")["good"] == 100 * RELEASED_PER_REQUEST
    release(queue, events, OBJECTIVES, 100)
    assert verdicts(events, "exact")["good"] == 100 * RELEASED_PER_REQUEST + RELEASED_PER_SCRAPE


def test_a_large_lot_is_counted_in_steps() -> None:
    """So requests wait for a few labels at most; what is broken off between two steps loses none."""
    events, queue = counts(), LabelQueue()
    for number in range(MAX_WAITING):
        queue.put(label(time_s=number, revision="old" if number % 2 else "own"))
    steps = queue.release(events, OBJECTIVES, MAX_WAITING)
    next(steps)
    assert sum(verdicts(events, "exact").values()) < COUNTED_AT_ONCE
    steps.close()
    assert len(queue) == MAX_WAITING - sum(verdicts(events, "exact").values())
    assert release(queue, events, OBJECTIVES, 2 * MAX_WAITING) > MAX_WAITING / COUNTED_AT_ONCE - 2
    assert len(queue) == 0
    assert (
        sum(verdicts(events, "exact").values())
        == sum(verdicts(events, "exact", "old").values())
        == MAX_WAITING / 2
    )


def test_unknown_revision_starts_at_zero() -> None:
    """Another revision's label sets are there at 0 a release before they count; own labels don't wait."""
    events, queue = counts(), LabelQueue()
    queue.put(label(time_s=0, revision="old"))
    queue.put(label(time_s=1))
    release(queue, events, OBJECTIVES, 0)
    assert verdicts(events, "exact", "old") == {"good": 0, "bad": 0}
    assert verdicts(events, "exact") == {"good": 1, "bad": 0}
    release(queue, events, OBJECTIVES, 0)
    assert verdicts(events, "exact", "old") == {"good": 1, "bad": 0}


def test_foreign_revisions_are_bounded() -> None:
    """Of too many other revisions the longest unused one is dropped, and starts anew when it returns."""
    events, queue = counts(), LabelQueue()
    names = [f"r{number}" for number in range(MAX_FOREIGN_REVISIONS + 1)]
    for name in names:
        events.open(name)
    assert {key[0] for key, _ in events.current()} == {"own", *names[1:]}
    queue.put(label(revision=names[0]))
    release(queue, events, OBJECTIVES, 0)
    assert verdicts(events, "exact", names[0]) == {"good": 0, "bad": 0}


def test_changed_objective_counts_anew() -> None:
    """Only current definitions are shown; one that comes back goes on where it was."""
    events, queue = counts(), LabelQueue()
    queue.put(label())
    release(queue, events, OBJECTIVES, 0)
    changed = AccuracyObjectiveConfig(name="exact", config="2")
    events.configure("own", (changed,))
    assert verdicts(events, "exact") == {"good": 0, "bad": 0}
    events.configure("own", OBJECTIVES)
    assert verdicts(events, "exact") == {"good": 1, "bad": 0}


def test_queue_is_bounded() -> None:
    """The queue has room for its bound and no more."""
    queue = LabelQueue()
    for _ in range(MAX_WAITING - 1):
        queue.put(label())
    assert queue.has_room(1)
    assert not queue.has_room(2)


def test_seen_receipts_forget_the_oldest() -> None:
    """Repetitions are noticed among the latest receipts."""
    seen = SeenReceipts(capacity=2)
    for receipt_id in (b"a", b"b", b"c"):
        seen.add(receipt_id)
    assert [receipt_id in seen for receipt_id in (b"a", b"b", b"c")] == [False, True, True]


def shown(queue: LabelQueue) -> dict[tuple[str, ...], float]:
    """The samples of the label counts, by name and the labels besides deployment."""
    return {
        (sample.name, *[value for key, value in sample.labels.items() if key != "deployment"]): sample.value
        for family in queue.counts.families("demo")
        for sample in family.samples
    }


def test_classes_are_counted_as_predicted_and_actual() -> None:
    """A confusion matrix can be drawn: each pair of classes that were seen is there, from 0 on."""
    events, queue = counts(), LabelQueue()
    for truth in (1, "1", 0):
        queue.put(label(truth=truth))
    release(queue, events, OBJECTIVES, 0)
    pairs = {key[3:]: value for key, value in shown(queue).items() if key[0] == METRIC_CONFUSION}
    assert pairs == {("1", "1"): 2, ("1", "0"): 1, ("0", "1"): 0, ("0", "0"): 0}


def test_sizes_are_no_classes() -> None:
    """An objective with a tolerance or a clip compares sizes, and has no matrix."""
    events, queue = counts(), LabelQueue()
    queue.put(label())
    release(queue, events, (NEAR, SIZED), 0)
    assert not any(key[0] == METRIC_CONFUSION for key in shown(queue))


def test_classes_are_bounded() -> None:
    """From the twenty-first on they are `other`, so that no label of a number fills the memory."""
    events, queue = counts(), LabelQueue()
    for truth in range(100):
        queue.put(label(truth=truth))
    for _ in range(3):
        release(queue, events, OBJECTIVES, 0)
    pairs = {key[3:]: value for key, value in shown(queue).items() if key[0] == METRIC_CONFUSION}
    assert len(pairs) == (MAX_CLASSES + 1) ** 2
    assert pairs["1", "other"] == 100 - MAX_CLASSES
    assert sum(pairs.values()) == 100


def test_a_label_that_cannot_be_read_any_more_is_no_event() -> None:
    """The objective may change while a label waits: it is then neither good nor bad, and nothing fails."""
    scores = AccuracyObjectiveConfig(name="exact", config="1")
    events, queue = counts(), LabelQueue()
    queue.put(Label("own", "unknown", 0, (0.2, 0.8), 1, None))
    release(queue, events, (scores,), 0)
    assert verdicts(events, "exact") == {"good": 0, "bad": 0}
    assert len(queue) == 0


def test_delays_and_receipts_are_counted_by_revision() -> None:
    """The share of labelled receipts is by the revision that issued them, and so is how late labels are."""
    queue = LabelQueue()
    queue.counts.count_receipt("a", 30)
    queue.counts.count_receipt("a", 90)
    queue.counts.count_receipt("b", -1)
    found = shown(queue)
    assert found[METRIC_LABELLED, "a"] == 2
    assert found[f"{METRIC_LABEL_DELAY}_bucket", "a", "60.0"] == 1
    assert found[f"{METRIC_LABEL_DELAY}_bucket", "a", "+Inf"] == 2
    assert found[f"{METRIC_LABEL_DELAY}_sum", "a"] == 120
    assert found[f"{METRIC_LABEL_DELAY}_sum", "b"] == 0


def test_revisions_are_bounded() -> None:
    """Receipts of ever new revisions fill no memory; the longest unused one goes."""
    queue = LabelQueue()
    for number in range(MAX_REVISIONS):
        queue.counts.count_receipt(f"r{number}", 1)
    queue.counts.count_receipt("r0", 1)
    queue.counts.count_receipt("new", 1)
    labelled = {key[1] for key in shown(queue) if key[0] == METRIC_LABELLED}
    assert labelled == {"new", "r0", *(f"r{number}" for number in range(2, MAX_REVISIONS))}
