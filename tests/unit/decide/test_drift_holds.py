"""Drifted inputs hold a rollout where the team asks for that, and do nothing else by themselves."""

import pytest

from modelward.decide.observation import DriftSignal
from tests.unit.decide.world import stepping

DETECTORS = [{"name": "psi", "query": "psi", "threshold": "0.2"}]
BOTH = [*DETECTORS, {"name": "mean", "query": "mean", "threshold": "5"}]
DRIFTED, CALM = DriftSignal("psi", 0.31, 0.2), DriftSignal("psi", 0.1, 0.2)


def test_a_rollout_waits_while_the_inputs_are_drifted() -> None:
    """It is held with the numbers, and goes on by itself when the value is known to be low again."""
    world = stepping(drift={"detectors": DETECTORS, "onBreach": "Hold"})
    world.drift = (DRIFTED,)
    world.step()
    assert (world.status.phase, world.status.cause) == ("Held", "Drift")
    assert world.status.rollout is not None
    assert world.status.rollout.held == "DriftSuspected"
    assert world.status.history[0].message == "drift detector psi at 0.31, above 0.2"
    world.drift, world.drift_unknown = (), ("psi",)
    world.step()
    assert world.status.phase == "Held"
    world.drift, world.drift_unknown = (CALM,), ()
    world.step()
    assert world.status.phase == "Stepping"


@pytest.mark.parametrize("drift", [{"detectors": DETECTORS}, {"detectors": DETECTORS, "onBreach": "Alert"}])
def test_drift_that_only_alerts_holds_nothing(drift: dict[str, object]) -> None:
    """Unless asked to, drift alone decides nothing."""
    world = stepping(drift=drift)
    world.drift = (DRIFTED,)
    world.step()
    assert world.status.phase == "Stepping"


def test_every_detector_that_holds_is_named() -> None:
    """In the order of their names, each with its number."""
    world = stepping(drift={"detectors": BOTH, "onBreach": "Hold"})
    world.drift = (DRIFTED, DriftSignal("mean", 7, 5))
    world.step()
    said = "drift detector mean at 7, above 5; drift detector psi at 0.31, above 0.2"
    assert world.status.history[0].message == said
