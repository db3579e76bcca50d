"""Pods for a weight, and the share that they give."""

import pytest

from modelward.decide.sizing import candidate_replicas, share_percent, unmet_weight
from tests.unit.decide.world import spec_of


@pytest.mark.parametrize(
    ("replicas", "weight", "pods"),
    [(0, 50, 0), (1, 1, 1), (2, 33, 1), (2, 50, 2), (9, 10, 1), (20, 10, 2), (2, 90, 2), (100, 50, 100)],
)
def test_candidate_pods_come_nearest_to_the_weight(replicas: int, weight: int, pods: int) -> None:
    """At least one pod, at most as many as stable has, and none where nothing is to run."""
    assert candidate_replicas(replicas, weight) == pods


def test_the_share_is_that_of_ready_pods() -> None:
    """One candidate pod beside two is a third; no pods at all are no share."""
    assert (share_percent(1, 2), share_percent(0, 0)) == (33, 0)


def test_a_weight_above_one_half_says_that_one_half_is_the_most() -> None:
    """More than half cannot be had without taking pods from stable."""
    rollout = {"steps": [{"weight": 90, "duration": "5m"}]}
    said = (
        "spec.rollout.steps[0].weight is 90 but 2 stable and 2 candidate pods give 50; "
        "write weight: 50, or a weight of at most 50"
    )
    assert unmet_weight(spec_of(rollout=rollout), 0) == said


def test_a_weight_within_five_points_is_met() -> None:
    """A third of the traffic is near enough to 30 percent."""
    assert unmet_weight(spec_of(rollout={"steps": [{"weight": 30, "duration": "5m"}]}), 0) == ""


@pytest.mark.parametrize(("weight", "is_met"), [(45, True), (44, False)])
def test_five_points_are_still_met(weight: int, is_met: bool) -> None:
    """One pod beside one has half of the traffic."""
    rollout = {"steps": [{"weight": weight, "duration": "5m"}]}
    assert (unmet_weight(spec_of(rollout=rollout, replicas=1), 0) == "") is is_met
