"""The table of causes: which row answers which signs, and what follows."""

import pytest

from modelward.api.spec import OnUnknownCause
from modelward.api.status import Cause
from modelward.decide.attribution import TABLE, Action, Signs, after_promotion, attribute
from modelward.decide.observation import DriftSignal
from tests.unit.decide.world import breached, explained, worse

BREACHED = breached("m-2")
WORSE = worse("m-2")
STORAGE = breached("m-2", "storage")
DRIFT = DriftSignal("psi", 0.5, 0.2)
ROWS = {row.name: row for row in TABLE}


@pytest.mark.parametrize(
    ("signs", "row", "cause"),
    [
        (Signs("m-2", worse=(WORSE,)), "WorseThanOther", Cause.MODEL),
        (Signs("m-2", breached=(BREACHED,), alone=(BREACHED,)), "BreachedAlone", Cause.MODEL),
        (Signs("m-2", breached=(explained(BREACHED),)), "SlowStorageExplains", Cause.INFRASTRUCTURE),
        (
            Signs("m-2", breached=(BREACHED,), infrastructure=(STORAGE,)),
            "InfrastructureBreached",
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


@pytest.mark.parametrize("found", [WORSE, BREACHED])
def test_what_slow_storage_explains_is_never_the_models_fault(found: object) -> None:
    """Worse, or breached alone, but only while storage was slow: no revision is to blame."""
    slow = explained(WORSE if found is WORSE else BREACHED)
    signs = Signs("m-2", worse=(slow,)) if found is WORSE else Signs("m-2", breached=(slow,), alone=(slow,))
    row = attribute(signs)
    assert row is not None
    assert (row.cause, row.in_rollout, row.after_promotion) == (
        Cause.INFRASTRUCTURE,
        Action.STAY,
        Action.STAY,
    )


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
        ("SlowStorageExplains", OnUnknownCause.ROLLBACK, Action.STAY),
        ("InfrastructureBreached", OnUnknownCause.PROBE, Action.PROBE),
        ("InfrastructureBreached", OnUnknownCause.ROLLBACK, Action.STAY),
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
