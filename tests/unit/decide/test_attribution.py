"""The table of causes: which row answers which signs, and what follows."""

from dataclasses import replace

import pytest

from modelward.api.spec import OnUnknownCause
from modelward.api.status import Cause
from modelward.decide.attribution import TABLE, Action, Signs, after_promotion, attribute
from modelward.decide.observation import DriftSignal, PodPressure, PressureKind
from tests.unit.decide.world import breached, explained, worse

BREACHED = breached("m-2")
WORSE = worse("m-2")
STORAGE = breached("m-2", "storage")
DRIFT = DriftSignal("psi", 0.5, 0.2)
THROTTLED = tuple(PodPressure(revision, PressureKind.THROTTLED, 0.5) for revision in ("m-1", "m-2"))
BOTH = frozenset({"availability"})
ROWS = {row.name: row for row in TABLE}


@pytest.mark.parametrize(
    ("signs", "row", "cause"),
    [
        (Signs("m-2", worse=(WORSE,)), "WorseThanOther", Cause.MODEL),
        (Signs("m-2", breached=(BREACHED,), alone=(BREACHED,)), "BreachedAlone", Cause.MODEL),
        (Signs("m-2", breached=(explained(BREACHED),)), "SlowStorageExplains", Cause.INFRASTRUCTURE),
        (
            Signs("m-2", "m-1", breached=(explained(BREACHED),), slow_for_both=BOTH),
            "SlowStorageForBoth",
            Cause.INFRASTRUCTURE,
        ),
        (
            Signs("m-2", breached=(BREACHED,), infrastructure=(STORAGE,)),
            "InfrastructureBreached",
            Cause.INFRASTRUCTURE,
        ),
        (
            Signs("m-2", "m-1", breached=(BREACHED,), pressed=THROTTLED),
            "PodsLackResources",
            Cause.INFRASTRUCTURE,
        ),
        (Signs("m-2", breached=(BREACHED,), drifted=(DRIFT,)), "InputsDrifted", Cause.DRIFT),
        (Signs("m-2", breached=(BREACHED,)), "NothingKnown", Cause.UNKNOWN),
    ],
)
def test_each_row_answers_its_signs(signs: Signs, row: str, cause: Cause) -> None:
    """One sign alone gives its own cause."""
    found = attribute(signs)
    assert found is not None
    assert (found.name, found.cause) == (row, cause)


def test_nothing_is_attributed_where_nothing_is_wrong() -> None:
    """Slow storage and drifted inputs are no breach."""
    assert attribute(Signs("m-2", infrastructure=(STORAGE,), drifted=(DRIFT,))) is None


SLOW_AND_WORSE, SLOW_ALONE = explained(WORSE), explained(BREACHED)


@pytest.mark.parametrize(
    "signs",
    [
        Signs("m-2", "m-1", worse=(SLOW_AND_WORSE,), slow_for_both=BOTH),
        Signs("m-2", "m-1", breached=(SLOW_ALONE,), alone=(SLOW_ALONE,), slow_for_both=BOTH),
    ],
)
def test_storage_that_is_slow_for_both_is_never_the_models_fault(signs: Signs) -> None:
    """Worse, or breached alone, but the other suffers from slow storage too: no revision is to blame."""
    row = attribute(signs)
    assert row is not None
    assert (row.cause, row.in_rollout, row.after_promotion) == (
        Cause.INFRASTRUCTURE,
        Action.STAY,
        Action.STAY,
    )


@pytest.mark.parametrize(
    ("signs", "name"),
    [
        (Signs("m-2", "m-1", worse=(SLOW_AND_WORSE,)), "WorseThanOther"),
        (Signs("m-2", "m-1", breached=(SLOW_ALONE,), alone=(SLOW_ALONE,)), "BreachedAlone"),
    ],
)
def test_own_slow_reads_are_the_models_fault(signs: Signs, name: str) -> None:
    """A revision that says itself that it waits for storage is at fault if the other does not wait."""
    row = attribute(signs)
    assert row is not None
    assert (row.name, row.cause, row.in_rollout) == (name, Cause.MODEL, Action.GO_BACK)


def test_slow_storage_alone_with_nobody_to_compare_is_no_fault() -> None:
    """Where the other had no event nobody knows whether storage was slow for it too."""
    unseen = replace(SLOW_ALONE, stable_good=0, stable_total=0)
    row = attribute(Signs("m-2", "m-1", breached=(unseen,), alone=(unseen,)))
    assert row is not None
    assert row.name == "SlowStorageExplains"


def test_a_bad_model_is_found_while_storage_is_slow_and_inputs_drift() -> None:
    """What is shown in the same blocks comes before what merely coincides."""
    signs = Signs(
        "m-2",
        breached=(BREACHED, explained(breached("m-2", "latency"))),
        worse=(WORSE,),
        infrastructure=(STORAGE,),
        drifted=(DRIFT,),
    )
    row = attribute(signs)
    assert row is not None
    assert (row.cause, row.in_rollout) == (Cause.MODEL, Action.GO_BACK)


def test_one_breach_that_slow_storage_does_not_explain_is_enough_to_look_further() -> None:
    """Slow storage explains an incident only if it explains all of it."""
    signs = Signs("m-2", breached=(BREACHED, explained(breached("m-2", "latency"))))
    row = attribute(signs)
    assert row is not None
    assert row.name == "NothingKnown"


@pytest.mark.parametrize(
    ("name", "policy", "action"),
    [
        ("WorseThanOther", OnUnknownCause.ALERT, Action.GO_BACK),
        ("SlowStorageForBoth", OnUnknownCause.PROBE, Action.STAY),
        ("SlowStorageExplains", OnUnknownCause.PROBE, Action.PROBE),
        ("SlowStorageExplains", OnUnknownCause.ROLLBACK, Action.STAY),
        ("InfrastructureBreached", OnUnknownCause.PROBE, Action.PROBE),
        ("InfrastructureBreached", OnUnknownCause.ROLLBACK, Action.STAY),
        ("PodsLackResources", OnUnknownCause.PROBE, Action.PROBE),
        ("PodsLackResources", OnUnknownCause.ROLLBACK, Action.STAY),
        ("InputsDrifted", OnUnknownCause.PROBE, Action.PROBE),
        ("InputsDrifted", OnUnknownCause.ROLLBACK, Action.STAY),
        ("NothingKnown", OnUnknownCause.PROBE, Action.PROBE),
        ("NothingKnown", OnUnknownCause.ROLLBACK, Action.GO_BACK),
        ("NothingKnown", OnUnknownCause.ALERT, Action.STAY),
    ],
)
def test_after_promotion_the_policy_decides_where_nothing_is_shown(
    name: str, policy: OnUnknownCause, action: Action
) -> None:
    """Only a comparison, or the team's own policy for an unknown cause, moves traffic."""
    assert after_promotion(ROWS[name], policy) is action


@pytest.mark.parametrize(
    ("fast", "slow", "is_seen_coming"),
    [((19, 1), (8, 2), True), ((18, 1), (8, 2), False), ((18, 2), (8, 2), False), ((38, 2), (8, 2), False)],
)
def test_slow_storage_is_seen_coming(
    fast: tuple[int, int], slow: tuple[int, int], *, is_seen_coming: bool
) -> None:
    """From twenty fast events on, a quarter as bad as the slow ones or better, and most bad ones slow."""
    found = replace(
        BREACHED, fast_good=fast[0], fast_total=sum(fast), slow_good=slow[0], slow_total=sum(slow)
    )
    row = attribute(Signs("m-2", breached=(found,)))
    assert row is not None
    assert (row.name == "SlowStorageMayExplain") is is_seen_coming
