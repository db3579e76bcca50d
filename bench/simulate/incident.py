"""Incidents whose cause is known: what goes wrong, how badly, at whom, and where in a deployment's life."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Final

from modelward.api.status import Cause

OBJECTIVES: Final = ("latency", "availability", "accuracy")
USUAL: Final = {"latency": 0.002, "availability": 0.001, "accuracy": 0.28}
"""Bad fractions while nothing is wrong."""
SEVERITIES: Final = (0.05, 0.2, 0.5, 1.0)
"""Share of events that go wrong besides the usual ones."""
THROTTLED_SEVERITIES: Final = (0.2, 1.0)
"""Likewise where pods are held back by their CPU limit."""
DRIFT_SEVERITIES: Final = (0.3, 0.5, 0.75, 1.0)
"""Likewise of drifted inputs: with less, accuracy hardly misses its target, which takes long to show."""
TRAFFIC: Final = (10, 100)
"""Requests per second in all."""
REPEATS: Final = 2
RESTING_SECONDS: Final = 30
"""Between two reads of a storage probe while nothing bad is seen."""
EARLIEST_ONSET_SECONDS: Final = 60
DRIFT_SECONDS: Final = 60
"""From the onset of drift until its detector says so."""
THROTTLING_SEEN_SECONDS: Final = 120
"""From the onset until the recorded share of five minutes is above what is told people of, and read."""
SPELL_SECONDS: Final = 40
"""Length of a slow spell of storage, and of the pause after it."""


class Place(Enum):
    """When it happens, by the share of traffic that the newer revision has."""

    CANARY = "rollout at 10%"
    HALF = "rollout at 50%"
    MOST = "rollout at 90%"
    PROMOTED = "after promotion, warm standby"
    HELD_BACK = "after promotion, holdback of 10%"
    COLD = "after promotion, nothing kept"
    """The revision to compare with has to start, which takes storage that is not slow."""

    @property
    def candidate_share(self) -> float:
        """Of the traffic, while the candidate is on its step."""
        return {Place.CANARY: 0.1, Place.MOST: 0.9}.get(self, 0.5)

    @property
    def is_rollout(self) -> bool:
        """Whether the newer revision is still a candidate."""
        return self in {Place.CANARY, Place.HALF, Place.MOST}


class Fault(Enum):
    """What goes wrong."""

    MODEL = "bad model"
    SLOW_STORAGE = "slow storage"
    DRIFT = "drift"
    UNKNOWN = "unknown to all"
    """Something that every revision suffers from and nothing explains."""
    THROTTLED = "throttled pods"
    """Pods of every revision are held back by their CPU limit."""
    HEAVY_MODEL = "heavier model"
    """The newer revision's pods alone are held back: its model takes more of the processor."""
    OWN_SLOW_READS = "own slow reads"
    """The newer revision reads more from storage, and reports itself that it waits for it."""

    @property
    def cause(self) -> Cause:
        """The cause that is right."""
        return {
            Fault.SLOW_STORAGE: Cause.INFRASTRUCTURE,
            Fault.THROTTLED: Cause.INFRASTRUCTURE,
            Fault.DRIFT: Cause.DRIFT,
            Fault.UNKNOWN: Cause.UNKNOWN,
        }.get(self, Cause.MODEL)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where incidents begin that share their past: one deployment, at one moment."""

    place: Place
    requests_per_second: int
    repeat: int


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident.

    Args:
        setting: where it begins.
        fault: what goes wrong.
        severity: share of events that go wrong besides the usual ones.
        onset_seconds: from the setting's end until it begins, which is anywhere between two storage probes.
    """

    setting: Setting
    fault: Fault
    severity: float
    onset_seconds: int

    @property
    def cause(self) -> Cause:
        """The cause that is right."""
        return self.fault.cause

    @property
    def objective(self) -> str:
        """The objective that suffers."""
        if self.fault in {Fault.SLOW_STORAGE, Fault.OWN_SLOW_READS, Fault.THROTTLED, Fault.HEAVY_MODEL}:
            return "latency"
        if self.fault is Fault.DRIFT:
            return "accuracy"
        return OBJECTIVES[self.setting.repeat % 2]

    @property
    def comes_in_spells(self) -> bool:
        """Whether storage is slow again and again rather than all the time."""
        return self.setting.repeat % 2 == 1

    def bad_fraction(self, objective: str, newer: bool, slow: bool) -> float:  # noqa: FBT001 - facts, no switch
        """Bad fraction of a revision's events once it has begun.

        Args:
            objective: whose events.
            newer: whether the revision is the newer one, which alone suffers from a bad model.
            slow: whether storage is slow, or the revision says so of these events.
        """
        usual = USUAL[objective]
        suffers = {
            Fault.MODEL: newer,
            Fault.SLOW_STORAGE: slow,
            Fault.DRIFT: True,
            Fault.UNKNOWN: True,
            Fault.THROTTLED: True,
            Fault.HEAVY_MODEL: newer,
            Fault.OWN_SLOW_READS: slow,
        }[self.fault]
        if objective != self.objective or not suffers:
            return usual
        if self.fault is Fault.OWN_SLOW_READS:
            return 1.0
        return usual + (1 - usual) * self.severity

    def storage_is_slow(self, since_onset_seconds: int) -> bool:
        """Whether storage is slow so many seconds after the onset."""
        if self.fault is not Fault.SLOW_STORAGE or since_onset_seconds < 0:
            return False
        return not self.comes_in_spells or since_onset_seconds // SPELL_SECONDS % 2 == 0

    def has_drifted(self, since_onset_seconds: int) -> bool:
        """Whether the drift detector is above its threshold."""
        return self.fault is Fault.DRIFT and since_onset_seconds >= DRIFT_SECONDS

    def is_throttled(self, newer: bool, since_onset_seconds: int) -> bool:  # noqa: FBT001 - a fact, no switch
        """Whether a revision's pods are seen to be held back: some minutes of it are looked at."""
        suffers = self.fault is Fault.THROTTLED or (self.fault is Fault.HEAVY_MODEL and newer)
        return suffers and since_onset_seconds >= THROTTLING_SEEN_SECONDS

    def reported_slow(self, newer: bool) -> float | None:  # noqa: FBT001 - a fact, no switch
        """Share of its events that a revision reports as slow once it has begun; None: it reports nothing."""
        return self.severity if self.fault is Fault.OWN_SLOW_READS and newer else None


def incidents(setting: Setting) -> Iterator[Incident]:
    """The incidents of one setting: every fault at every severity."""
    for number, fault in enumerate(Fault):
        severities = {
            Fault.DRIFT: DRIFT_SEVERITIES,
            Fault.THROTTLED: THROTTLED_SEVERITIES,
            Fault.HEAVY_MODEL: THROTTLED_SEVERITIES,
        }.get(fault, SEVERITIES)
        for rank, severity in enumerate(severities):
            onset = EARLIEST_ONSET_SECONDS + (7 * (4 * number + rank) + 11 * setting.repeat) % RESTING_SECONDS
            yield Incident(setting, fault, severity, onset)


SETTINGS: Final = tuple(
    Setting(place, rate, repeat) for place, rate, repeat in product(Place, TRAFFIC, range(REPEATS))
)
QUICK_SETTINGS: Final = tuple(
    Setting(place, TRAFFIC[rank % len(TRAFFIC)], rank // 2) for rank, place in enumerate(Place)
)
"""One for each place."""
