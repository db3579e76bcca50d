"""The team's own PromQL: names in their places, and whose events a query counts."""

from decimal import Decimal

import pytest

from modelward.api.binning import DriftConfig, NumericBins
from modelward.api.drift import DetectorEvents, Drift, ProfileSource, events_config
from modelward.api.spec import ModelDeploymentSpec
from modelward.render.queries import CountQuery, DriftQuery, TeamQueries, recorded_drift, team_queries
from tests.modeldeployments import VALID, Manifest, changed

KEY = ("shops", "shop")
OWN: Manifest = {
    "name": "own",
    "target": "99%",
    "query": {
        "good": 'sum(good_total{namespace="$namespace", app=~"$deployment", rev="$revision"})',
        "total": 'sum(all_total{rev="$revision"})',
    },
}
WHOLE: Manifest = {
    "name": "whole",
    "target": "99%",
    "scope": "AfterPromotion",
    "query": {"good": "good_total$", "total": "all_total"},
}
PSI: Manifest = {"name": "psi", "query": 'max(psi{app="$deployment"}) # of all', "threshold": "0.10"}


def spec_of(*objectives: Manifest, detectors: tuple[Manifest, ...] = ()) -> ModelDeploymentSpec:
    """Return a spec with these objectives besides one of latency."""
    latency = VALID["spec"]["objectives"][0]
    change = {"spec": {"objectives": [latency, *objectives], "drift": {"detectors": list(detectors)}}}
    return ModelDeploymentSpec.model_validate(changed(change)["spec"])


def test_names_are_put_in_their_places() -> None:
    """A query that names a revision is asked once for each that is watched."""
    found = team_queries(KEY, spec_of(OWN), ("shop-a", "shop-b"), ("shop-a",))
    assert [query.revision for query in found.counts] == ["shop-a", "shop-b"]
    assert found.counts[1] == CountQuery(
        "own",
        "shop-b",
        'sum(good_total{namespace="shops", app=~"shop", rev="shop-b"})',
        'sum(all_total{rev="shop-b"})',
    )
    assert found


@pytest.mark.parametrize(
    ("selected", "asked"), [(("shop-a",), ["shop-a"]), (("shop-a", "shop-b"), []), ((), [])]
)
def test_a_whole_is_of_whoever_serves_alone(selected: tuple[str, ...], asked: list[str]) -> None:
    """While two revisions share the traffic nobody can say whose the events of the whole are."""
    found = team_queries(KEY, spec_of(WHOLE), ("shop-a", "shop-b"), selected)
    assert [query.revision for query in found.counts] == asked
    assert all(query.good == "good_total$" for query in found.counts)


def test_detectors_are_asked_with_names_filled_in() -> None:
    """A detector is one query for the whole deployment."""
    found = team_queries(KEY, spec_of(detectors=(PSI,)), ("shop-a",), ("shop-a",))
    assert found == TeamQueries(drift=(DriftQuery("psi", 'max(psi{app="shop"}) # of all', 0.1),))


def test_a_profile_is_a_detector_more() -> None:
    """It comes first, asks for what is recorded by its own hash alone, and is above 1 when it has drifted."""
    bins = NumericBins(name="price", edges=(1.0,), reference=(49, 49, 0, 0))
    profile = DriftConfig(profile="abc", columns=1, features=(bins,))
    found = team_queries(KEY, spec_of(detectors=(PSI,)), ("shop-a",), ("shop-a",), profile)
    assert [(query.name, query.threshold) for query in found.drift] == [("profile", 1.0), ("psi", 0.1)]
    assert 'profile="abc", role="input", revision=""' in found.drift[0].query


@pytest.mark.parametrize(("threshold", "least"), [("0.2", 100), ("0.01", 2000), ("0", 100)])
def test_a_detector_by_events_is_a_share_of_what_monitors_counted(threshold: str, least: int) -> None:
    """Of enough values for some events where it is at its threshold, and of this definition alone."""
    events = {"feature": "price", "values": "Below", "bound": "-1"}
    detector = {"name": "cheap", "events": events, "threshold": threshold}
    drift = Drift.model_validate({"profile": {"configMapName": "p"}, "window": "6h", "detectors": [detector]})
    _, found = recorded_drift(KEY, drift)
    config = events_config(DetectorEvents.model_validate(events))
    assert (found.name, found.threshold, found.asks_of_monitors) == ("cheap", float(threshold), True)
    assert f'detector="cheap", config="{config}", result="event"' in found.query
    assert "[6h] offset 6h" in found.query
    assert found.query.endswith(f">= {least})")
    assert config != events_config(DetectorEvents.model_validate(events | {"bound": "1"}))


def test_the_past_is_asked_for_whatever_profile_was_in_use() -> None:
    """Only where spec names a profile; a team's own detectors are asked as ever."""
    spec = spec_of(detectors=(PSI,))
    of_team = DriftQuery("psi", 'max(psi{app="shop"}) # of all', 0.1)
    assert recorded_drift(KEY, spec.drift) == (of_team,)
    source = ProfileSource(config_map_name="shop-profile")
    drift = spec.drift.model_copy(update={"profile": source, "psi": Decimal("0.3")})
    of_profile, beside = recorded_drift(KEY, drift)
    assert (of_profile.name, of_profile.threshold, beside) == ("profile", 1.0, of_team)
    assert of_profile.query.startswith("max by (profile) (modelward:feature:psi{")
    assert of_profile.query.endswith(", 0.3))")


def test_both_totals_are_asked_for_at_once() -> None:
    """Each with a label of its own, and on lines of its own, so that a comment ends with it."""
    found = CountQuery("own", "shop-a", "sum(good) # fine", "sum(all)")
    assert found.both == (
        'label_replace((\nsum(good) # fine\n), "modelward_total", "good", "", "") or '
        'label_replace((\nsum(all)\n), "modelward_total", "total", "", "")'
    )


def test_without_queries_there_is_nothing_to_ask() -> None:
    """Objectives that the monitor counts need no query."""
    assert not team_queries(KEY, spec_of(), ("shop-a",), ("shop-a",))
