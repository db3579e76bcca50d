"""Drifted inputs: a profile that they are held against, and detectors of a team's own.

Drift alone is no reason to go back: another revision is given the same inputs. It explains why every
revision does badly, and it is told to people.
"""

import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal

import orjson
from pydantic import Field

from modelward.api.base import APIType
from modelward.api.binning import MAX_NAME_CHARACTERS, EventValues
from modelward.api.objectives import REVISION, PromQL
from modelward.api.quantities import (
    DecimalString,
    Duration,
    SignedDecimalString,
    decimal_above,
    duration_within,
)
from modelward.api.rules import ListMap, Rule, matches

PROFILE_DETECTOR: Final = "profile"
"""Name of the profile among the detectors, in alerts and decisions."""
DEFAULT_PSI: Final = Decimal("0.2")
DEFAULT_WINDOW: Final = timedelta(hours=1)
_SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"


class DetectorEvents(APIType):
    """Values of one input that ought to be rare. The monitors count them among all values of that input."""

    feature: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)]
    """Name of a feature of the profile that is watched."""
    values: EventValues
    """Which values are events.

    Missing (null, NaN, empty), Unlisted (a category that the profile does not list, or no number where it has
    numbers), Below the bound, or Above it.
    """
    bound: SignedDecimalString | None = None
    """With Below and Above: what values are compared with, in quotes."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.bound) == (self.values in ['Below', 'Above'])",
            "Below and Above compare with a bound: write bound with these, and leave it out with others",
            lambda events: (events.bound is not None) == (events.values in {"Below", "Above"}),
        ),
    )


class Detector(APIType):
    """The team's own measure of drift: PromQL, or the share of some values among all of an input."""

    name: Annotated[
        str,
        Field(max_length=40),
        matches(
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            "not a detector's name: write lower case letters, digits and -, beginning with a letter",
        ),
    ]
    """Name in alerts and decisions; unique in this deployment."""
    query: (
        Annotated[
            PromQL,
            Rule(
                r"!self.matches(r'\$revision\b')",
                "every revision is given the same inputs: write the query without $revision; "
                "$deployment and $namespace stand for their names",
                lambda query: REVISION.search(query) is None,
            ),
        ]
        | None
    ) = None
    """Gives exactly one series. $deployment and $namespace stand for their names."""
    events: DetectorEvents | None = None
    """Its value is the share of these among all values of the feature, over the window; needs a profile.

    It has none below 100 values, nor below 20 / threshold.
    """
    threshold: DecimalString = Decimal("0.2")
    """The inputs have drifted while the value is above this, in quotes."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.query) != has(self.events)",
            "a detector has one measure: write exactly one of query and events",
            lambda detector: (detector.query is None) != (detector.events is None),
        ),
    )


class ProfileSource(APIType):
    """Where the profile is."""

    config_map_name: Annotated[
        str,
        Field(max_length=253),
        matches(_SUBDOMAIN, "not the name of a ConfigMap: write lower case letters, digits, - and ."),
    ]
    """ConfigMap with the key profile.json, in the same namespace and labelled modelward.dev/deployment: NAME.

    `modelward profile --config-map` writes one.
    """


class Drift(APIType):
    """How drifted inputs are noticed."""

    profile: ProfileSource | None = None
    """The training data's profile: inputs and predictions are counted in its bins, and held against it."""
    psi: Annotated[DecimalString, decimal_above(Decimal(0), Decimal(100))] | None = None
    """Population stability index above which a feature has drifted, in quotes; "0.2" if unset.

    Where there are few samples the limit is higher: what chance alone would reach once a year.
    """
    window: Annotated[Duration, duration_within(timedelta(minutes=5), timedelta(hours=24))] | None = None
    """Time whose samples are held against the profile; 1h if unset."""
    detectors: Annotated[
        tuple[Detector, ...],
        ListMap("name"),
        Field(max_length=10),
        Rule(
            "self.all(d, self.exists_one(e, e.name == d.name))",
            "two detectors have the same name: write a name of its own for each",
            lambda detectors: len({detector.name for detector in detectors}) == len(detectors),
        ),
    ] = ()
    """The team's own detectors. Each has an alert; while one is above its threshold, drift is a cause."""
    on_breach: Literal["Alert", "Hold"] = "Alert"
    """What drift alone leads to: Alert, or Hold (a rollout waits until it has passed). Never a rollback."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.profile) || !(has(self.psi) || has(self.window))",
            "psi and window are of a profile: write profile.configMapName, or leave them out",
            lambda drift: drift.profile is not None or (drift.psi is None and drift.window is None),
        ),
        Rule(
            f"self.detectors.all(d, d.name != '{PROFILE_DETECTOR}')",
            f"{PROFILE_DETECTOR} is the name of the profile's own detector: write another for yours",
            lambda drift: all(detector.name != PROFILE_DETECTOR for detector in drift.detectors),
        ),
        Rule(
            "has(self.profile) || self.detectors.all(d, !has(d.events))",
            "events are counted of a profile's features: write profile.configMapName, or a query instead",
            lambda drift: drift.profile is not None or all(d.events is None for d in drift.detectors),
        ),
    )

    @property
    def psi_threshold(self) -> Decimal:
        """PSI that matters."""
        return DEFAULT_PSI if self.psi is None else self.psi

    @property
    def window_length(self) -> timedelta:
        """Time whose samples are held against the profile."""
        return DEFAULT_WINDOW if self.window is None else self.window


def events_config(events: DetectorEvents) -> str:
    """Return a short hash of which values are events: a label of their counts, so that two never mix."""
    definition = events.model_dump(mode="json", by_alias=True, exclude_none=True)
    return hashlib.sha256(orjson.dumps(definition, option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
