"""PromQL of drift: what is recorded of the counts by bin, so that every measure is a short expression.

Values in a window are differences of raw counters between its two ends, per pod, summed afterwards:
`increase()` extrapolates, and loses the first values of a new pod. The counter at the window's beginning is
the last sample of the window before, so that consecutive windows neither share a value nor miss one; a pod
without one began in this window, as did one whose counter fell (its values before the fall are lost). What
a pod that has gone counted stays in the window.

Shares are (count + 1/2) / (values + bins/2), as in evidence/drift.py. With p a window's share of a bin, q
the profile's and r = p / q:

* population stability index: sum of (p - q) ln(p / q) = p (1 - 1/r) ln r;
* Jensen-Shannon divergence (nats): 1/2 sum of p ln(2p / (p + q)) + q ln(2q / (p + q))
  = 1/2 sum of p ln(2 / (1 + 1/r)) + p/r ln(2 / (1 + r)) (Lin 1991);
* chi-squared of two samples of n and m values: sum of (p - q)^2 / (p/m + q/n)
  = p (1 - 1/r)^2 / (1/m + 1/(r n)), n and m with the half values.
"""

from collections.abc import Mapping
from typing import Final

from modelward.conventions import (
    METRIC_BINS,
    METRIC_REFERENCE_BINS,
    METRIC_VALUE_EVENTS,
    RECORD_BIN_RATIO,
    RECORD_BIN_SHARE,
    RECORD_BIN_VALUES,
    RECORD_PSI,
    RECORD_PSI_LIMIT,
    ROLE_INPUT,
    VALUE_EVENT,
)
from modelward.render.promql import DeploymentKey

_FEATURE: Final = "namespace, deployment, profile, role, feature"
_BIN: Final = f"{_FEATURE}, bin"


def bin_values(deployment: DeploymentKey, window: str) -> str:
    """Values in a window, by revision and bin.

    Args:
        deployment: namespace and name.
        window: as Prometheus writes durations.
    """
    counts = f"{METRIC_BINS}{_of(deployment)}"
    return f"sum by ({_BIN}, revision) ({_newly_counted(counts, window)})"


def bin_values_of_all(deployment: DeploymentKey) -> str:
    """The same of all revisions together; the label `revision` is absent."""
    of_revisions = _of(deployment, 'revision!=""')
    return f"sum by ({_BIN}) ({RECORD_BIN_VALUES}{of_revisions})"


def bin_share(deployment: DeploymentKey) -> str:
    """Share of a window's values in each bin."""
    values = f"({RECORD_BIN_VALUES}{_of(deployment)} + 0.5)"
    return f"{values} / on ({_FEATURE}, revision) group_left () sum by ({_FEATURE}, revision) ({values})"


def bin_ratio(deployment: DeploymentKey) -> str:
    """Each share over the profile's; pods that count by the same profile have the same reference."""
    reference = f"(max by ({_BIN}) ({METRIC_REFERENCE_BINS}{_of(deployment)}) + 0.5)"
    share = f"({reference} / on ({_FEATURE}) group_left () sum by ({_FEATURE}) ({reference}))"
    return f"{RECORD_BIN_SHARE}{_of(deployment)} / on ({_BIN}) group_left () {share}"


def psi(deployment: DeploymentKey) -> str:
    """Population stability index of each feature."""
    share, ratio = _share_and_ratio(deployment)
    return f"sum by ({_FEATURE}, revision) ({share} * (1 - 1 / {ratio}) * ln({ratio}))"


def jensen_shannon(deployment: DeploymentKey) -> str:
    """Jensen-Shannon divergence of each feature, in nats: 0 to ln 2."""
    share, ratio = _share_and_ratio(deployment)
    return (
        f"sum by ({_FEATURE}, revision) ({share} * ln(2 / (1 + 1 / {ratio}))\n"
        f"  + {share} / {ratio} * ln(2 / (1 + {ratio}))) / 2"
    )


def chi_squared(deployment: DeploymentKey) -> str:
    """Chi-squared statistic of each feature's window and profile, with half a value added to each bin."""
    share, ratio = _share_and_ratio(deployment)
    values = f"sum by ({_FEATURE}, revision) ({RECORD_BIN_VALUES}{_of(deployment)} + 0.5)"
    known = f"sum by ({_FEATURE}) (max by ({_BIN}) ({METRIC_REFERENCE_BINS}{_of(deployment)}) + 0.5)"
    variance = (
        f"(1 / {ratio} / on ({_FEATURE}, revision) group_left () {values}\n"
        f"  + on ({_FEATURE}) group_left () 1 / {known})"
    )
    return f"sum by ({_FEATURE}, revision) ({share} * (1 - 1 / {ratio}) ^ 2 / {variance})"


def psi_limit(
    deployment: DeploymentKey, threshold: float, quantiles: Mapping[int, float], events_per_bin: int
) -> str:
    """Above this a feature has drifted: the threshold, or what chance does with so few values.

    Args:
        deployment: namespace and name.
        threshold: PSI that matters.
        quantiles: for each number of bins that a feature has, the quantile of chi-squared by which it is held
            against chance; a feature with another number of bins has no limit.
        events_per_bin: mean number of values in a bin, of window and profile, below which there is no limit.
    """
    values = f"{RECORD_BIN_VALUES}{_of(deployment)}"
    known = f"max by ({_BIN}) ({METRIC_REFERENCE_BINS}{_of(deployment)})"
    n, m = f"sum by ({_FEATURE}, revision) ({values})", f"sum by ({_FEATURE}) ({known})"
    bins = f"count by ({_FEATURE}) ({known})"
    chance = "\n  or ".join(
        f"{quantile!r} * ({bins} == {number}) ^ 0" for number, quantile in sorted(quantiles.items())
    )
    enough = f"{m} >= {events_per_bin} * {bins}"
    return (
        f"clamp_min((1 / {n} + on ({_FEATURE}) group_left () 1 / ({enough}))\n"
        f"  * on ({_FEATURE}) group_left () ({chance}), {threshold!r})\n"
        f"and {n} >= on ({_FEATURE}) group_left () {events_per_bin} * {bins}"
    )


def drifted_most(deployment: DeploymentKey, profile: str) -> str:
    """How far the input that has drifted most is, as a multiple of its limit; above 1 it has drifted.

    Not the predictions: they change with a bad model too, for which drift would be no excuse.
    """
    of_inputs = f'profile="{profile}", role="{ROLE_INPUT}", revision=""'
    of_all = _of(deployment, of_inputs)
    return f"max({RECORD_PSI}{of_all} / {RECORD_PSI_LIMIT}{of_all})"


def drifted_most_by_profile(deployment: DeploymentKey, threshold: float) -> str:
    """The same of the past, of whatever profiles were in use, told apart by the label `profile`.

    Limits were recorded with the threshold of their time: a higher one now raises those below it, while a
    lower one changes nothing.
    """
    of_all = _of(deployment, f'role="{ROLE_INPUT}", revision=""')
    limit = f"clamp_min({RECORD_PSI_LIMIT}{of_all}, {threshold!r})"
    return f"max by (profile) ({RECORD_PSI}{of_all} / {limit})"


def drifted_features(deployment: DeploymentKey, profile: str) -> str:
    """PSI of each feature of the whole deployment that is above its limit."""
    of_all = _of(deployment, f'profile="{profile}", revision=""')
    return f"{RECORD_PSI}{of_all} > {RECORD_PSI_LIMIT}{of_all}"


def event_share(deployment: DeploymentKey, detector: tuple[str, str], window: str, least_values: int) -> str:
    """Share of a detector's events among all values of its feature in a window, of all revisions together.

    Nothing where there are fewer values than `least_values`.

    Args:
        deployment: namespace and name.
        detector: its name, and the hash of its events' definition.
        window: as Prometheus writes durations.
        least_values: below which a share says nothing.
    """
    name, config = detector
    own = f'detector="{name}", config="{config}"'
    events, every = (
        f"sum({_newly_counted(METRIC_VALUE_EVENTS + _of(deployment, matchers), window)})"
        for matchers in (f'{own}, result="{VALUE_EVENT}"', own)
    )
    return f"{events} / ({every} >= {least_values})"


def _newly_counted(counts: str, window: str) -> str:
    now, before = f"last_over_time({counts}[{window}])", f"last_over_time({counts}[{window}] offset {window})"
    return f"({now} - {before}) >= 0 or {now}"


def _share_and_ratio(deployment: DeploymentKey) -> tuple[str, str]:
    return f"{RECORD_BIN_SHARE}{_of(deployment)}", f"{RECORD_BIN_RATIO}{_of(deployment)}"


def _of(deployment: DeploymentKey, more: str = "") -> str:
    """Return matchers; names are lower case letters, digits and -, which no string of PromQL need escape."""
    namespace, name = deployment
    matchers = f'namespace="{namespace}", deployment="{name}"'
    return f"{{{matchers}, {more}}}" if more else f"{{{matchers}}}"
