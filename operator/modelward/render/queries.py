"""The team's own PromQL of a deployment, ready to be asked: counts of objectives, and drift detectors."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from modelward.api.binning import DriftConfig
from modelward.api.drift import PROFILE_DETECTOR, Detector, Drift, events_config
from modelward.api.objectives import Query
from modelward.api.quantities import format_duration
from modelward.api.spec import ModelDeploymentSpec
from modelward.render.drift_promql import drifted_most, drifted_most_by_profile, event_share
from modelward.render.promql import DeploymentKey, totals

LEAST_VALUES: Final = 100
"""Of an input in a window, for the share of a detector's events to say something."""
LEAST_EVENTS: Final = 20
"""That such a share has where it is at its threshold: chance then moves it by about a quarter."""
_PLACE: Final = re.compile(r"\$(revision|deployment|namespace)\b", re.ASCII)


@dataclass(frozen=True, slots=True)
class CountQuery:
    """Running totals of one objective and revision."""

    objective: str
    revision: str
    good: str
    total: str

    @property
    def both(self) -> str:
        """Both of them, of one moment."""
        return totals(self.good, self.total)


@dataclass(frozen=True, slots=True)
class DriftQuery:
    """One drift detector."""

    name: str
    query: str
    threshold: float
    asks_of_monitors: bool = False
    """It is in our words, of what the monitors count: without a value there are too few, and no mistake."""


@dataclass(frozen=True, slots=True)
class TeamQueries:
    """All that a team asks of Prometheus for one deployment."""

    counts: tuple[CountQuery, ...] = ()
    drift: tuple[DriftQuery, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.counts or self.drift)


NO_QUERIES: Final = TeamQueries()


def team_queries(
    key: DeploymentKey,
    spec: ModelDeploymentSpec,
    watched: Collection[str],
    selected: Collection[str],
    profile: DriftConfig | None = None,
) -> TeamQueries:
    """Return the queries to ask while these revisions are watched.

    Args:
        key: namespace and name.
        spec: what has the queries.
        watched: revisions that evidence is kept of.
        selected: those of them that have traffic. A query that does not tell revisions apart is of the one
            that serves; while two share the traffic nobody can say whose its events are, and it is not asked.
        profile: the bins of the profile that spec names, which is a detector more.
    """
    alone = tuple(selected) if len(selected) == 1 else ()
    counts = tuple(
        _count_query(key, objective.name, objective.query, revision)
        for objective in spec.objectives
        if objective.query is not None
        for revision in (watched if objective.query.is_of_a_revision else alone)
    )
    own = "" if profile is None else drifted_most(key, profile.profile)
    return TeamQueries(counts, _drift_queries(key, spec.drift, own))


def recorded_drift(key: DeploymentKey, drift: Drift) -> tuple[DriftQuery, ...]:
    """Return what the past is asked for drift: the profile's own detector gives a series for each profile."""
    own = drifted_most_by_profile(key, float(drift.psi_threshold)) if drift.profile else ""
    return _drift_queries(key, drift, own)


def _drift_queries(key: DeploymentKey, drift: Drift, of_profile: str) -> tuple[DriftQuery, ...]:
    of_team = tuple(_drift_query(key, detector, drift) for detector in drift.detectors)
    if not of_profile:
        return of_team
    return (DriftQuery(PROFILE_DETECTOR, of_profile, 1.0, asks_of_monitors=True), *of_team)


def _count_query(key: DeploymentKey, objective: str, query: Query, revision: str) -> CountQuery:
    good, total = (_filled_in(text, key, revision) for text in (query.good, query.total))
    return CountQuery(objective, revision, good, total)


def _drift_query(key: DeploymentKey, detector: Detector, drift: Drift) -> DriftQuery:
    if detector.query is not None:
        return DriftQuery(detector.name, _filled_in(detector.query, key), float(detector.threshold))
    assert detector.events is not None  # noqa: S101 - a rule of the API
    share = event_share(
        key,
        (detector.name, events_config(detector.events)),
        format_duration(drift.window_length),
        _least_values(detector.threshold),
    )
    return DriftQuery(detector.name, share, float(detector.threshold), asks_of_monitors=True)


def _least_values(threshold: Decimal) -> int:
    """Return how many values make a share: enough for some events where it is at its threshold."""
    return max(LEAST_VALUES, math.ceil(LEAST_EVENTS / threshold) if threshold else 0)


def _filled_in(query: str, key: DeploymentKey, revision: str = "") -> str:
    """Put names in their places: lower case letters, digits and -, which no string of PromQL need escape."""
    namespace, deployment = key
    names: Mapping[str, str] = {"namespace": namespace, "deployment": deployment, "revision": revision}
    return _PLACE.sub(lambda place: names[place[1]], query)
