"""The profile that a deployment's spec names, from the ConfigMap that carries it.

The ConfigMap is watched as the operator's own are: it has the label of the deployment. A profile that was
read is kept until its ConfigMap changes, since reading a large one takes milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from modelward.api.binning import DriftConfig, NumericBins
from modelward.api.drift import Detector
from modelward.api.profile import PROFILE_KEY, InvalidProfileError, Profile, drift_config, read_profile
from modelward.api.spec import ModelDeploymentSpec
from modelward.control import kinds
from modelward.control.cache import Cache
from modelward.conventions import LABEL_DEPLOYMENT
from modelward.decide.observation import ProfileProblem, ProfileSeen
from modelward.signals.key import Key

_FEATURES_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of a profile."""

    config: DriftConfig | None
    """None: it is missing or can't be used."""
    seen: ProfileSeen


@dataclass(slots=True)
class Profiles:
    """Reads profiles out of the cache."""

    cache: Cache
    _read: dict[Key, tuple[bytes, Found]] = field(init=False, default_factory=dict)

    def find(self, key: Key, spec: ModelDeploymentSpec) -> Found | None:
        """Return what there is of the profile that spec names; None: it names none."""
        if spec.drift.profile is None:
            self.forget(key)
            return None
        name = spec.drift.profile.config_map_name
        record = self.cache.get(key, kinds.CONFIG_MAP, name)
        if record is None:
            message = f"there is no ConfigMap {name} with the label {LABEL_DEPLOYMENT}: {key.name}"
            return Found(None, ProfileSeen(ProfileProblem.MISSING, message))
        known = self._read.get(key)
        if known is None or known[0] != record.content:
            data = record.manifest().get("data") or {}
            known = self._read[key] = record.content, _read_from(name, data.get(PROFILE_KEY))
        return _for_detectors(known[1], spec.drift.detectors)

    def forget(self, key: Key) -> None:
        """Forget the profile of a deployment that is gone, or names none any more."""
        self._read.pop(key, None)


def _read_from(name: str, text: str | None) -> Found:
    if text is None:
        message = f"ConfigMap {name} has no key {PROFILE_KEY}; make it with modelward profile --config-map"
        return Found(None, ProfileSeen(ProfileProblem.INVALID, message))
    try:
        profile = read_profile(text)
    except InvalidProfileError as error:
        return Found(None, ProfileSeen(ProfileProblem.INVALID, f"ConfigMap {name}: {error}"))
    config = drift_config(profile)
    message = "; ".join(filter(None, (_left_out(profile, config), _of_one_bin(config))))
    return Found(config, ProfileSeen(ProfileProblem.CUT, message) if message else ProfileSeen())


def _for_detectors(found: Found, detectors: Sequence[Detector]) -> Found:
    """Add which detectors count the values of features that are not watched: they never have a value."""
    if found.config is None:
        return found
    watched = {feature.name for feature in found.config.features}
    lost = [each for each in detectors if each.events is not None and each.events.feature not in watched]
    if not lost:
        return found
    names = _some([each.name for each in lost])
    message = f"events of {names} are of no feature that is watched: name one of {_some(sorted(watched))}"
    told = "; ".join(filter(None, (found.seen.message, message)))
    return Found(found.config, ProfileSeen(ProfileProblem.CUT, told))


def _left_out(profile: Profile, config: DriftConfig) -> str:
    names = [feature.name for feature in profile.features[len(config.features) :]]
    if not names:
        return ""
    return (
        f"the first {len(config.features)} of {len(profile.features)} features are watched, not "
        f"{_some(names)}: write the ones that matter first, with modelward profile --features"
    )


def _of_one_bin(config: DriftConfig) -> str:
    """Say which numbers have no edge between bins: whatever they are, they are in the one bin."""
    counted = (*config.features, *filter(None, [config.prediction]))
    names = [each.name for each in counted if isinstance(each, NumericBins) and not each.edges]
    if not names:
        return ""
    return (
        f"the numbers of {_some(names)} have one bin, in which no drift is seen: "
        "make the profile again, with modelward profile"
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_FEATURES_NAMED]) + (", ..." if len(names) > _FEATURES_NAMED else "")
