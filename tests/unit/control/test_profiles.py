"""The profile that a spec names is found by its ConfigMap's label, and what is wrong with it is told."""

from typing import Any

import orjson
import pytest

from modelward.api.binning import MAX_BINNED_FEATURES
from modelward.api.spec import ModelDeploymentSpec
from modelward.control import kinds
from modelward.control.cache import Cache
from modelward.control.profiles import Found, Profiles
from modelward.decide.observation import ProfileProblem, ProfileSeen
from modelward.signals.key import Key
from tests.unit.api.test_profile import a_feature, a_profile
from tests.unit.render import cases

KEY = Key("shops", "shop")
SPEC = cases.read({**cases.MINIMAL, "drift": {"profile": {"configMapName": "shop-profile"}}})


def config_map(content: dict[str, Any] | None, version: int = 1) -> dict[str, Any]:
    """The ConfigMap with a profile."""
    data = {} if content is None else {"profile.json": orjson.dumps(content).decode()}
    labels = {"modelward.dev/deployment": "shop"}
    metadata = {"name": "shop-profile", "namespace": "shops", "labels": labels, "uid": "1"}
    return {"metadata": metadata | {"resourceVersion": str(version)}, "data": data}


def found(cache: Cache, spec: ModelDeploymentSpec = SPEC) -> Found:
    """What is found, which must be something."""
    result = Profiles(cache).find(KEY, spec)
    assert result is not None
    return result


@pytest.fixture
def cache() -> Cache:
    """What the watches have seen: nothing yet."""
    return Cache()


def test_a_profile_is_found(cache: Cache) -> None:
    """Its bins are those of the file."""
    cache.put(kinds.CONFIG_MAP, config_map(a_profile()))
    result = found(cache)
    assert result.seen == ProfileSeen()
    assert result.config is not None
    assert [feature.name for feature in result.config.features] == ["price", "day"]


def test_a_spec_without_a_profile_has_none(cache: Cache) -> None:
    """Whatever ConfigMaps there are."""
    cache.put(kinds.CONFIG_MAP, config_map(a_profile()))
    assert Profiles(cache).find(KEY, cases.read(cases.MINIMAL)) is None


def test_a_missing_config_map_is_told_with_its_label(cache: Cache) -> None:
    """A ConfigMap without the label is not seen, so the label is named."""
    message = "there is no ConfigMap shop-profile with the label modelward.dev/deployment: shop"
    assert found(cache) == Found(None, ProfileSeen(ProfileProblem.MISSING, message))


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "has no key profile.json"), ({"version": 2}, "ConfigMap shop-profile: version 2 of profiles")],
)
def test_an_invalid_profile_is_told(cache: Cache, content: dict[str, Any] | None, problem: str) -> None:
    """The message says what is wrong, and nothing is counted."""
    cache.put(kinds.CONFIG_MAP, config_map(content))
    result = found(cache)
    assert result.config is None
    assert result.seen.problem is ProfileProblem.INVALID
    assert problem in result.seen.message


def test_features_that_are_not_watched_are_told(cache: Cache) -> None:
    """The message says how many, names some, and says how to choose."""
    many = [a_feature(f"f{number}") for number in range(MAX_BINNED_FEATURES + 4)]
    cache.put(kinds.CONFIG_MAP, config_map(a_profile(features=many)))
    result = found(cache)
    assert result.config is not None
    assert result.seen.problem is ProfileProblem.CUT
    assert result.seen.message.startswith(
        "the first 50 of 54 features are watched, not f50, f51, f52, ...: write the ones that matter first"
    )


def test_numbers_in_one_bin_are_told(cache: Cache) -> None:
    """A feature without edges looks watched, and whatever its numbers become nothing would be seen."""
    cache.put(kinds.CONFIG_MAP, config_map(a_profile(features=[a_feature("flat", edges=[], counts=[100])])))
    result = found(cache)
    assert result.config is not None
    assert result.seen.problem is ProfileProblem.CUT
    assert result.seen.message.startswith("the numbers of flat have one bin, in which no drift is seen")


def test_detectors_of_features_that_are_not_watched_are_told(cache: Cache) -> None:
    """Nothing would ever be counted for them; those of features that are watched need no word."""
    cache.put(kinds.CONFIG_MAP, config_map(a_profile()))
    detectors = [
        {"name": name, "events": {"feature": feature, "values": "Missing"}}
        for name, feature in (("lost", "prise"), ("found", "price"))
    ]
    drift = {"profile": {"configMapName": "shop-profile"}, "detectors": detectors}
    result = found(cache, cases.read({**cases.MINIMAL, "drift": drift}))
    assert result.seen.problem is ProfileProblem.CUT
    assert result.seen.message == "events of lost are of no feature that is watched: name one of day, price"
    assert found(cache).seen == ProfileSeen()


def test_a_changed_profile_is_read_again(cache: Cache) -> None:
    """What was read is kept only while its ConfigMap is the same."""
    profiles = Profiles(cache)
    cache.put(kinds.CONFIG_MAP, config_map(a_profile()))
    first = profiles.find(KEY, SPEC)
    assert profiles.find(KEY, SPEC) is first
    cache.put(kinds.CONFIG_MAP, config_map(a_profile(features=[a_feature("other")]), version=2))
    second = profiles.find(KEY, SPEC)
    assert second is not None
    assert second.config is not None
    assert [feature.name for feature in second.config.features] == ["other"]
