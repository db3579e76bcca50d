"""The condition that tells whether inputs are held against the profile that spec names."""

from typing import Any

import pytest

from modelward.decide.observation import MetricsState, ProfileProblem, ProfileSeen
from tests.unit.decide.world import World, serving

PROFILE: dict[str, Any] = {"profile": {"configMapName": "m-profile"}}
SEEN = ProfileSeen()


def said(world: World) -> tuple[str, str, str]:
    """Status, reason and message of the condition."""
    (found,) = (each for each in world.status.conditions if each.type == "DriftWatched")
    return found.status, found.reason, found.message


def test_without_a_profile_there_is_no_such_condition() -> None:
    """A deployment without a profile is not told about one."""
    assert "DriftWatched" not in serving("m-1").conditions()


@pytest.mark.parametrize(
    ("seen", "status", "reason", "message"),
    [
        (SEEN, "True", "ProfileInUse", "every feature of the profile is watched"),
        (ProfileSeen(ProfileProblem.CUT, "50 of 60"), "True", "FeaturesCut", "50 of 60"),
        (ProfileSeen(ProfileProblem.MISSING, "none"), "False", "ProfileMissing", "none"),
        (ProfileSeen(ProfileProblem.INVALID, "no JSON"), "False", "ProfileInvalid", "no JSON"),
    ],
)
def test_a_profile_s_state_is_told(seen: ProfileSeen, status: str, reason: str, message: str) -> None:
    """A person sees that it is used, how far, or what is wrong with it."""
    world = serving("m-1", drift=PROFILE)
    world.profile = seen
    world.step()
    assert said(world) == (status, reason, message)


def test_of_too_few_values_nothing_is_known() -> None:
    """No data is neither drift nor its absence."""
    world = serving("m-1", drift=PROFILE)
    world.profile, world.drift_unknown = SEEN, ("profile",)
    world.step()
    why = "too few values in the window, or nothing is recorded: profile"
    assert said(world) == ("Unknown", "TooFewValues", why)


def test_a_detector_by_events_without_a_value_is_named() -> None:
    """It is of what the monitors count, as the profile's own is: nothing is wrong with a query."""
    events = {"feature": "price", "values": "Above", "bound": "10"}
    world = serving("m-1", drift=PROFILE | {"detectors": [{"name": "dear", "events": events}]})
    world.profile, world.drift_unknown = SEEN, ("dear",)
    world.step()
    message = "too few values in the window, or nothing is recorded: dear"
    assert said(world) == ("Unknown", "TooFewValues", message)
    assert "QueriesValid" not in world.conditions()


def test_while_prometheus_is_away_nothing_is_known() -> None:
    """But a profile that is missing is missing all the same."""
    world = serving("m-1", drift=PROFILE)
    world.profile, world.metrics = SEEN, MetricsState.UNAVAILABLE
    world.step()
    assert said(world)[:2] == ("Unknown", "MetricsUnavailable")
    world.profile = ProfileSeen(ProfileProblem.MISSING, "none")
    world.step()
    assert said(world)[:2] == ("False", "ProfileMissing")
