"""The book of evidence: whom a poll asks for, whom its answer wakes."""

from dataclasses import replace
from datetime import UTC, datetime

from modelward.control.evidence_book import EvidenceBook, Followed, Pace
from modelward.decide.observation import (
    DriftSignal,
    FiringAlert,
    MetricsState,
    PodPressure,
    PressureKind,
    QueryProblem,
)
from modelward.evidence.counts import Count
from modelward.evidence.ledger import Ledger
from modelward.evidence.plan import ObjectivePlan, Plan
from modelward.render.queries import DriftQuery, TeamQueries
from modelward.signals.counts import Polled
from modelward.signals.key import Key

KEY, OTHER = Key("ns", "one"), Key("ns", "two")
UID = "uid-1"
REVISION = "one-abc"
CONFIGS = {"availability": "c1"}
PLAN = Plan(
    block_seconds=5,
    objectives=(ObjectivePlan("availability", "c1", 0.01, None, None),),
    watched=(REVISION,),
    comparison=None,
    max_false_rollbacks_per_year=1.0,
    max_false_rejection_probability=0.01,
)


def book(*paces: Pace) -> EvidenceBook:
    """Make a book that follows one deployment per pace, all restored."""
    made = EvidenceBook()
    for key, pace in zip((KEY, OTHER), paces, strict=False):
        made.follow(key, UID, Followed(PLAN, pace))
    made.restore({key: Ledger() for key in made.unrestored()})
    return made


def counted(time: int, good: float, bad: float) -> Polled:
    """Make an answer with one block."""
    return Polled(
        CONFIGS, ((time, {(REVISION, "availability"): Count(good, bad)}),), MetricsState.AVAILABLE, ""
    )


def test_nobody_is_asked_for_before_earlier_evidence_is_known() -> None:
    """A deployment whose exported state could not be read yet is not polled, and its state says why."""
    made = EvidenceBook()
    made.follow(KEY, UID, Followed(PLAN, Pace.EVERY_BLOCK))
    assert made.everyone() == []
    assert made.unrestored() == {KEY: UID}
    assert made.not_restored([KEY]) == {KEY}
    assert made.not_restored([KEY]) == set()
    assert made[KEY].metrics is MetricsState.UNAVAILABLE
    assert "Prometheus cannot be asked" in made[KEY].message
    assert made.take({KEY: counted(5, 1, 0)}) == set()
    made.restore({KEY: Ledger()})
    assert [subject.key for subject in made.everyone()] == [KEY]


def test_restored_ledger_is_not_replaced_by_a_later_restore() -> None:
    """Evidence gathered since the start is not thrown away."""
    made = book(Pace.SETTLED)
    made.take({KEY: counted(5, 10, 0)})
    made.restore({KEY: Ledger()})
    subject = made.subject(KEY)
    assert subject is not None
    assert subject.consumed == 5


def test_settled_ones_are_left_alone_between_their_polls() -> None:
    """Only what moves, what was promoted lately and what looks bad is asked for at every block."""
    made = book(Pace.EVERY_BLOCK, Pace.SETTLED)
    assert [subject.key for subject in made.attended()] == [KEY]
    made.follow(KEY, UID, Followed(PLAN, Pace.CLOSE))
    assert [subject.key for subject in made.attended()] == [KEY]
    made.follow(KEY, UID, Followed(PLAN, Pace.SETTLED))
    assert made.attended() == []
    made.take(
        {
            OTHER: Polled(
                CONFIGS, ((5, {(REVISION, "availability"): Count(0, 50)}),), MetricsState.AVAILABLE, ""
            )
        }
    )
    made.take(
        {
            OTHER: Polled(
                CONFIGS, ((10, {(REVISION, "availability"): Count(0, 50)}),), MetricsState.AVAILABLE, ""
            )
        }
    )
    assert [subject.key for subject in made.attended()] == [OTHER]


def test_settled_one_wakes_only_by_a_change_of_verdict() -> None:
    """Another block that says the same wakes nobody; one that breaches does, once."""
    made = book(Pace.SETTLED)
    assert made.take({KEY: counted(5, 100, 0)}) == {KEY}
    woken = [made.take({KEY: counted(time, 100, 0)}) for time in range(10, 40, 5)]
    assert woken[-1] == set()
    breaching = [made.take({KEY: counted(time, 0, 100)}) for time in range(40, 240, 5)]
    assert breaching.count({KEY}) >= 1
    assert breaching[-1] == set()
    assert made[KEY].assessments[0].target == "Breached"


def test_split_wakes_at_every_block() -> None:
    """While a step is under way every block may end it."""
    made = book(Pace.EVERY_BLOCK)
    assert [made.take({KEY: counted(time, 100, 0)}) for time in (5, 10, 15)] == [{KEY}] * 3


def test_counts_of_an_earlier_definition_are_dropped() -> None:
    """An answer that was on its way while an objective's definition changed counts for the others alone."""
    made = book(Pace.EVERY_BLOCK)
    changed = replace(PLAN.objectives[0], config="c2")
    other = replace(PLAN.objectives[0], name="latency", config="c3")
    made.follow(KEY, UID, Followed(replace(PLAN, objectives=(changed, other)), Pace.EVERY_BLOCK))
    block = {(REVISION, "availability"): Count(60, 40), (REVISION, "latency"): Count(90, 10)}
    asked = {"availability": "c1", "latency": "c3"}
    made.take({KEY: Polled(asked, ((5, block),), MetricsState.AVAILABLE, "")})
    assert {each.objective: each.total for each in made[KEY].assessments} == {
        "availability": 0,
        "latency": 100,
    }


def test_metrics_going_away_wakes_once() -> None:
    """That Prometheus is away is news once; evidence stays as it was."""
    made = book(Pace.SETTLED)
    made.take({KEY: counted(5, 100, 0)})
    away = Polled(CONFIGS, (), MetricsState.UNAVAILABLE, "no answer")
    assert made.take({KEY: away}) == {KEY}
    assert made.take({KEY: away}) == set()
    subject = made.subject(KEY)
    assert subject is not None
    assert subject.consumed == 5


def test_alerts_wake_when_they_change() -> None:
    """An alert that begins or ends is news; one that goes on is not."""
    made = book(Pace.SETTLED)
    alert = FiringAlert("Slow", None, datetime(2026, 1, 1, tzinfo=UTC))
    assert made.take_alerts({KEY: (alert,)}) == {KEY}
    assert made.take_alerts({KEY: (alert,)}) == set()
    assert made.take_alerts({KEY: ()}) == {KEY}
    assert made.take_alerts({Key("ns", "gone"): (alert,)}) == set()


def test_alerts_of_other_selectors_are_forgotten() -> None:
    """When the team changes which alerts may trigger a rollback, one that matched before no longer counts."""
    made = book(Pace.SETTLED)
    made.take_alerts({KEY: (FiringAlert("Slow", None, datetime(2026, 1, 1, tzinfo=UTC)),)})
    made.follow(KEY, UID, Followed(PLAN, Pace.SETTLED, ({"severity": "page"},)))
    assert made[KEY].alerts == ()


def test_deployment_made_anew_begins_without_evidence() -> None:
    """Deleted and made again between two looks, a deployment has nothing of the earlier one's evidence."""
    made = book(Pace.EVERY_BLOCK)
    made.take({KEY: counted(5, 60, 40)})
    made.take_alerts({KEY: (FiringAlert("Slow", None, datetime(2026, 1, 1, tzinfo=UTC)),)})
    made.follow(KEY, UID, Followed(PLAN, Pace.EVERY_BLOCK))
    assert (made[KEY].assessments[0].total, made.unrestored()) == (100, {})
    made.follow(KEY, "uid-2", Followed(PLAN, Pace.EVERY_BLOCK))
    assert (made[KEY].assessments[0].total, made[KEY].alerts) == (0, ())
    assert (made.unrestored(), made.uids((KEY, OTHER))) == ({KEY: "uid-2"}, {KEY: "uid-2"})


def test_forgotten_deployment_is_not_asked_for() -> None:
    """A deployment that is gone leaves nothing behind, and a late answer about it is dropped."""
    made = book(Pace.EVERY_BLOCK)
    made.forget(KEY)
    assert made.everyone() == []
    assert made.take({KEY: counted(5, 1, 0)}) == set()
    assert KEY not in made


PSI = DriftQuery("psi", "psi", 0.2)
WITH_PSI = Followed(PLAN, Pace.SETTLED, queries=TeamQueries(drift=(PSI,)))


def drifting(time: int, **values: float) -> Polled:
    """Make an answer with one block and the values of detectors."""
    return replace(counted(time, 1, 0), drift=values)


def test_a_detector_keeps_the_time_since_when_it_is_above() -> None:
    """Each value is news only when it passes its threshold, and its beginning stays while it is above."""
    made = book(Pace.SETTLED)
    made.follow(KEY, UID, WITH_PSI)
    assert made[KEY].drift_unknown == ("psi",)
    assert made.take({KEY: drifting(5, psi=0.1)}) == {KEY}
    assert made[KEY].drift == (DriftSignal("psi", 0.1, 0.2),)
    assert made.take({KEY: drifting(10, psi=0.3)}) == {KEY}
    since = datetime.fromtimestamp(10, UTC)
    assert made[KEY].drift == (DriftSignal("psi", 0.3, 0.2, since),)
    assert made.take({KEY: drifting(15, psi=0.4)}) == set()
    assert made[KEY].drift == (DriftSignal("psi", 0.4, 0.2, since),)
    assert made[KEY].drift_unknown == ()


def test_a_detector_without_a_value_is_unknown() -> None:
    """When a value is missing, or Prometheus is away, the last one does not go on."""
    made = book(Pace.SETTLED)
    made.follow(KEY, UID, WITH_PSI)
    made.take({KEY: drifting(5, psi=0.3)})
    assert made.take({KEY: drifting(10)}) == {KEY}
    assert (made[KEY].drift, made[KEY].drift_unknown) == ((), ("psi",))
    made.take({KEY: drifting(15, psi=0.3)})
    made.take({KEY: Polled(CONFIGS, (), MetricsState.UNAVAILABLE, "no answer")})
    assert (made[KEY].drift, made[KEY].drift_unknown) == ((), ("psi",))


def test_what_pods_lack_is_kept_as_of_the_last_block() -> None:
    """It is news when it comes and when it goes, not with each change of its value."""
    made = book(Pace.SETTLED)

    def lacking(time: int, *values: float) -> Polled:
        found = tuple(PodPressure(REVISION, PressureKind.THROTTLED, value) for value in values)
        return replace(counted(time, 50, 50), pressures=found)

    made.take({KEY: lacking(10)})
    assert made.take({KEY: lacking(15, 0.5)}) == {KEY}
    assert made.take({KEY: lacking(20, 0.6)}) == set()
    assert made[KEY].pressures == (PodPressure(REVISION, PressureKind.THROTTLED, 0.6),)
    assert made.take({KEY: lacking(25)}) == {KEY}
    assert made[KEY].pressures == ()


def test_another_threshold_forgets_what_was_said_of_the_earlier_one() -> None:
    """A signal must be of the threshold that spec has now."""
    made = book(Pace.SETTLED)
    made.follow(KEY, UID, WITH_PSI)
    made.take({KEY: drifting(5, psi=0.3)})
    higher = TeamQueries(drift=(replace(PSI, threshold=0.5),))
    made.follow(KEY, UID, Followed(PLAN, Pace.SETTLED, queries=higher))
    assert made[KEY].drift == ()


def test_a_detector_of_monitors_counts_without_a_value_is_no_mistake_of_the_team() -> None:
    """Its words are ours; a query of the team that gives nothing is told."""
    made = book(Pace.SETTLED)
    ours = replace(PSI, name="lost", asks_of_monitors=True)
    made.follow(KEY, UID, Followed(PLAN, Pace.SETTLED, queries=TeamQueries(drift=(PSI, ours))))
    problems = {"detector psi": "no series", "detector lost": "no series"}
    made.take({KEY: replace(counted(5, 1, 0), problems=problems)})
    assert made[KEY].problems == (QueryProblem("detector psi", "no series"),)
    assert made[KEY].drift_unknown == ("psi", "lost")


def test_what_is_wrong_with_queries_is_news_once() -> None:
    """A reconcile is woken when a problem comes and when it goes, not while it stays."""
    made = book(Pace.SETTLED)
    made.take({KEY: counted(5, 1, 0)})
    bad = {"objective own": "parse error"}
    assert made.take({KEY: replace(counted(10, 1, 0), problems=bad)}) == {KEY}
    assert made[KEY].problems == (QueryProblem("objective own", "parse error"),)
    assert made.take({KEY: replace(counted(15, 1, 0), problems=bad)}) == set()
    assert made.take({KEY: counted(20, 1, 0)}) == {KEY}
