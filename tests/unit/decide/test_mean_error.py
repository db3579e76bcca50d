"""Objectives that count errors by their size: what status and findings say of them."""

from typing import Any

import pytest

from modelward.api.objectives import Objective
from modelward.decide.findings import against_target
from modelward.evidence.verdict import Verdict
from tests.unit.decide.world import assessment, serving

MEAN_ERROR: dict[str, Any] = {
    "name": "accuracy",
    "accuracy": {"meanAbsoluteError": {"clip": "20"}},
    "target": "95%",
}


def test_a_breach_is_told_as_a_mean_error() -> None:
    """A person who wrote an error must read one, and how many labels it is of."""
    found = assessment("old", "accuracy", good=270.25, total=300.0, target_log_evidence=17.0)
    told = against_target(Objective.model_validate(MEAN_ERROR), found)
    assert told.startswith(
        "accuracy: mean absolute error 1.983 over 300 labels against 1 allowed, evidence 7.4"
    )


def test_no_labels_are_no_mean_error() -> None:
    """Without labels there is no error to tell."""
    found = assessment("old", "accuracy", good=0.0, total=0.0)
    told = against_target(Objective.model_validate(MEAN_ERROR), found)
    assert told.startswith("accuracy: no events against 5.00% allowed")


def test_shares_of_events_are_written_with_their_fraction() -> None:
    """12.345 bad of 300 must not be told as 12."""
    objective = Objective.model_validate(MEAN_ERROR | {"accuracy": {}})
    found = assessment("old", "accuracy", good=287.655, total=300.0)
    assert against_target(objective, found).startswith("accuracy: 12.345 of 300 bad (4.12%)")


@pytest.mark.parametrize(("good", "total", "told"), [(270.2, 299.9999, "1.987"), (0.0, 0.0, None)])
def test_status_has_the_mean_error_and_whole_numbers(good: float, total: float, told: str | None) -> None:
    """Sums of shares are rounded in status, beside the mean error itself."""
    world = serving("m-1", objectives=[MEAN_ERROR])
    world.see(assessment("m-1", "accuracy", good=good, total=total, target=Verdict.INCONCLUSIVE))
    world.step()
    (row,) = world.status.objectives
    assert (row.good, row.total, row.mean_absolute_error) == (round(good), round(total), told)
