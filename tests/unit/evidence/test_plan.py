"""What a plan asks, and what it refuses."""

from dataclasses import replace

import pytest

from modelward.evidence.ledger import Comparison, ObjectivePlan
from modelward.evidence.sharing import blocks_in_a_year
from modelward.evidence.versus import Form
from tests.unit.evidence.deployment import ACCURACY, AT_REST, LATENCY, SPLIT, STEP, plan


def test_rate_is_shared_over_objectives_and_revisions() -> None:
    """Two objectives and two revisions are four detectors with a quarter of the yearly rate each."""
    assert AT_REST.blocks_to_false_alarm == blocks_in_a_year(5) * 2
    assert SPLIT.blocks_to_false_alarm == blocks_in_a_year(5) * 4


def test_a_permanent_comparison_shares_the_rate_too() -> None:
    """A permanent comparison by one objective is a fifth detector, and its alpha is that rate per block."""
    permanent = replace(STEP, form=Form.PERMANENT)
    shared = plan(LATENCY, replace(ACCURACY, max_ratio=None), watched=("old", "new"), comparison=permanent)
    assert shared.blocks_to_false_alarm == blocks_in_a_year(5) * 5
    policy = shared.versus_policy(LATENCY)
    assert policy is not None
    assert (policy.alpha, policy.form) == (1 / shared.blocks_to_false_alarm, Form.PERMANENT)


def test_alpha_is_shared_over_objectives_compared_and_steps() -> None:
    """Two objectives and two steps have a quarter of the chance each; one that is not compared has none."""
    policy = SPLIT.versus_policy(LATENCY)
    assert policy is not None
    assert policy.alpha == 0.01 / 4
    assert SPLIT.versus_policy(replace(LATENCY, max_ratio=None)) is None


def test_not_worse_is_not_shared() -> None:
    """All objectives must show it, so each has the whole of 5%."""
    policy = SPLIT.not_worse_policy(ACCURACY)
    assert policy is not None
    assert (policy.ratio, policy.alpha) == (1.5, 0.05)
    assert SPLIT.not_worse_policy(replace(ACCURACY, not_worse_ratio=None)) is None


def test_margins_are_the_objectives_own() -> None:
    """What is tolerated beside stable, and what must be ruled out, in ratio and margin."""
    objective = replace(ACCURACY, max_margin=0.02, not_worse_margin=0.04)
    asked = plan(objective, watched=("old", "new"), comparison=STEP)
    worse, early = asked.versus_policy(objective), asked.not_worse_policy(objective)
    assert worse is not None
    assert early is not None
    assert (worse.max_ratio, worse.max_margin) == (1.2, 0.02)
    assert (early.ratio, early.margin) == (1.5, 0.04)


def test_nothing_is_compared_at_rest() -> None:
    """Without a comparison there is no test against stable."""
    assert AT_REST.versus_policy(LATENCY) is None
    assert AT_REST.not_worse_policy(LATENCY) is None
    assert AT_REST.arms == ()


def test_compared_revisions_are_counted_though_not_watched() -> None:
    """The counts of both arms are wanted, watched or not."""
    assert plan(watched=(), comparison=STEP).revisions == ("new", "old")
    assert plan(watched=("old",), comparison=STEP).revisions == ("old", "new")


def test_a_plan_may_watch_nothing() -> None:
    """A deployment that has no revision yet has a plan too."""
    assert plan(watched=()).revisions == ()


@pytest.mark.parametrize(
    ("objectives", "watched", "comparison", "message"),
    [
        ((LATENCY, LATENCY), ("old",), None, "a name of its own, got latency, latency"),
        ((LATENCY,), ("old", "old"), None, "watched once, got old, old"),
        ((LATENCY,), ("old",), Comparison("old", "old", 0, 1), "cannot be compared with itself"),
        ((LATENCY,), ("old",), Comparison("new", "old", 0, 0), "one objective and step or more"),
        ((replace(LATENCY, allowed_bad=0.0),), ("old",), None, "allowed_bad"),
        ((replace(LATENCY, max_ratio=0.5),), ("old",), STEP, "max_ratio"),
        ((replace(LATENCY, not_worse_ratio=1.0),), ("old",), STEP, "ratio must be above 1"),
    ],
)
def test_impossible_plans(
    objectives: tuple[ObjectivePlan, ...],
    watched: tuple[str, ...],
    comparison: Comparison | None,
    message: str,
) -> None:
    """A plan that no test could be run by is refused when it is made."""
    with pytest.raises(ValueError, match=message):
        plan(*objectives, watched=watched, comparison=comparison)
