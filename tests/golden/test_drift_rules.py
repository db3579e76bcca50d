"""What is recorded of drift, evaluated by promtool: where the value is known by hand, and of Elec2."""

import gzip
import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from modelward import conventions as names
from modelward.api.binning import CategoricalBins, DriftConfig, NumericBins
from modelward.api.drift import Drift, ProfileSource
from modelward.api.profile import drift_config
from modelward.evidence.drift import assess
from modelward.evidence.verdict import Verdict
from modelward.profile.build import Columns, build
from modelward.render.drift import ALERT, limit_policy, rule_group
from modelward.render.drift_promql import drifted_most, event_share
from tests.golden.promtool import Bench, series
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")
KEY = ("shops", "shop")
DRIFT = Drift(profile=ProfileSource(config_map_name="shop-profile"))
PRICE = NumericBins(name="price", edges=(1.0,), reference=(49, 49, 0, 0))
UP = CategoricalBins(name="up", categories=("0", "1"), reference=(49, 49, 0, 0))
CONFIG = DriftConfig(profile="abc", columns=1, features=(PRICE,), prediction=UP)
HOUR: Final = 3600
MINUTE: Final = 60
SAMPLE = Path("examples/electricity/elec2-sample.csv.gz")
FEATURES = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")


@pytest.fixture
def drift(bench: Bench) -> Bench:
    """Give a test the rules of a feature and a prediction, with a sample every 30 s."""
    bench.interval_seconds = 30
    bench.rules = {"groups": [rule_group(IDENTITY, DRIFT, CONFIG, cases.PLATFORM)]}
    return bench


def labels_of(feature: NumericBins | CategoricalBins, **more: str) -> dict[str, str]:
    """Labels of a feature's counts, beside bin."""
    role = names.ROLE_PREDICTION if feature is UP else names.ROLE_INPUT
    own = {"namespace": "shops", "deployment": "shop", "profile": "abc", "role": role}
    return own | {"feature": feature.name, "pod": "a", "revision": "shop-1"} | more


def counted(
    feature: NumericBins | CategoricalBins, values: Sequence[str], **more: str
) -> list[dict[str, str]]:
    """One pod's counters of a feature, each bin's in promtool's notation, and the reference beside them."""
    own = labels_of(feature, **more)
    inputs = []
    for label, counts, known in zip(feature.labels, values, feature.reference, strict=True):
        inputs.append(series(names.METRIC_BINS, own | {"bin": label}, counts))
        inputs.append(series(names.METRIC_REFERENCE_BINS, own | {"bin": label}, f"{known}x400"))
    return inputs


def rising(before: int, within: int) -> str:
    """A counter that is at `before` for an hour, and rises by `within` over the next one."""
    return f"{before}x119 {before}+{within}x1 {before + within}x200"


def expect_value(bench: Bench, metric: str, value: float, labels: str, at_seconds: float) -> None:
    """Expect a recorded value, to a billionth."""
    expression = f"abs({metric}{{{labels}}} - {value!r}) < bool 1e-9"
    bench.expect(f"max({expression})", at_seconds, {"{}": 1})


def test_measures_are_those_known_by_hand(drift: Bench) -> None:
    """Of 79 and 19 against 49 and 49, smoothed 79.5, 19.5 and twice .5 of 100 against 49.5, 49.5, .5, .5."""
    drift.inputs = counted(PRICE, [rising(7, 79), rising(3, 19), "0x400", "0x400"])
    of_all = 'feature="price", revision=""'
    at = 2 * HOUR
    expect_value(drift, names.RECORD_PSI, 0.3 * math.log(53 / 13), of_all, at)
    expect_value(drift, names.RECORD_CHI_SQUARED, 100 * (0.09 / 1.29 + 0.09 / 0.69), of_all, at)
    divergence = 0.5 * (
        0.795 * math.log(0.795 / 0.645)
        + 0.495 * math.log(0.495 / 0.645)
        + 0.195 * math.log(0.195 / 0.345)
        + 0.495 * math.log(0.495 / 0.345)
    )
    expect_value(drift, names.RECORD_JENSEN_SHANNON, divergence, of_all, at)
    expect_value(drift, names.RECORD_PSI, 0.3 * math.log(53 / 13), 'revision="shop-1"', at)


def test_windows_share_no_value(drift: Bench) -> None:
    """What was counted before the window is not in it, and an hour later what was in it is in it no more."""
    drift.inputs = counted(PRICE, [rising(500, 79), rising(3, 19), "0x400", "0x400"])
    values = f'sum({names.RECORD_BIN_VALUES}{{revision=""}})'
    drift.expect(values, 2 * HOUR, {"{}": 98})
    drift.expect(values, 3 * HOUR + MINUTE, {"{}": 0})


def test_pods_are_summed_and_a_new_one_counts_whole(drift: Bench) -> None:
    """A pod that began in the window counts from its first value on; one that went away stays counted."""
    began = [f"_x150 {count}x250" for count in (30, 20)]
    gone = [f"0x120 {count}x30 stale" for count in (5, 4)]
    drift.inputs = [
        *counted(PRICE, [rising(7, 40), rising(3, 10), "0x400", "0x400"]),
        *counted(PRICE, [*began, "_x150 0x250", "_x150 0x250"], pod="b", revision="shop-2"),
        *counted(PRICE, [*gone, "0x150 stale", "0x150 stale"], pod="c"),
    ]
    bin_of = f'sum by (bin) ({names.RECORD_BIN_VALUES}{{revision="", bin=~"00|01"}})'
    drift.expect(bin_of, 2 * HOUR, {'{bin="00"}': 75, '{bin="01"}': 34})
    by_revision = f'sum by (revision) ({names.RECORD_BIN_VALUES}{{revision!=""}})'
    drift.expect(by_revision, 2 * HOUR, {'{revision="shop-1"}': 59, '{revision="shop-2"}': 50})


def test_a_restarted_monitor_counts_from_its_start(drift: Bench) -> None:
    """A counter that fell began anew: what it shows now was counted since."""
    drift.inputs = counted(PRICE, ["90x150 40x250", "80x150 60x250", "0x400", "0x400"])
    drift.expect(f'sum({names.RECORD_BIN_VALUES}{{revision=""}})', 2 * HOUR, {"{}": 100})


def test_counts_of_two_profiles_do_not_mix(drift: Bench) -> None:
    """After a change of the profile each hash has its own counts, and the operator asks for one of them."""
    drift.inputs = [
        *counted(PRICE, [rising(7, 79), rising(3, 19), "0x400", "0x400"]),
        *counted(PRICE, [rising(0, 500), rising(0, 500), "0x400", "0x400"], profile="def"),
    ]
    expect_value(drift, names.RECORD_PSI, 0.3 * math.log(53 / 13), 'profile="abc", revision=""', 2 * HOUR)


def test_the_limit_is_the_threshold_or_what_chance_does(drift: Bench) -> None:
    """With few values it is (1/n + 1/m) times a quantile, the same as evidence/drift works out."""
    few = [rising(0, 30), rising(0, 20), "0x400", "0x400"]
    drift.inputs = counted(PRICE, few)
    found = assess(limit_policy(Decimal("0.2"), CONFIG), (30, 20, 0, 0), PRICE.reference)
    assert found.limit > 0.2
    expect_value(drift, names.RECORD_PSI_LIMIT, found.limit, 'revision=""', 2 * HOUR)
    expect_value(drift, names.RECORD_PSI, found.psi, 'revision=""', 2 * HOUR)


def test_of_too_few_values_nothing_is_said(drift: Bench) -> None:
    """Below ten values a bin there is no limit, no signal and no alert: no data is not good news either."""
    drift.inputs = counted(PRICE, [rising(0, 39), "0x400", "0x400", "0x400"])
    drift.expect(names.RECORD_PSI_LIMIT, 2 * HOUR, {})
    drift.expect(drifted_most(KEY, "abc"), 2 * HOUR, {})
    drift.expect_alert(ALERT, 2 * HOUR, [])


def test_the_operator_s_question_names_the_worst_as_a_multiple_of_its_limit(drift: Bench) -> None:
    """One series, of inputs alone: predictions that change are no excuse for the model that makes them."""
    drift.inputs = [
        *counted(PRICE, [rising(0, 700), rising(0, 100), "0x400", "0x400"]),
        *counted(UP, [rising(0, 790), rising(0, 10), "0x400", "0x400"]),
    ]
    found = assess(limit_policy(Decimal("0.2"), CONFIG), (700, 100, 0, 0), PRICE.reference)
    assert found.verdict is Verdict.BREACHED
    drift.expect(
        f"abs({drifted_most(KEY, 'abc')} - {found.psi / found.limit!r}) < bool 1e-9", 2 * HOUR, {"{}": 1}
    )


def test_events_of_a_detector_are_a_share_of_all_values_in_the_window(bench: Bench) -> None:
    """Over pods and revisions, of raw counters at the window's ends; another definition's are apart."""
    own = {"namespace": "shops", "deployment": "shop", "profile": "abc", "detector": "dear", "config": "c1"}
    bench.interval_seconds = 30
    bench.inputs = [
        series(names.METRIC_VALUE_EVENTS, own | {"pod": pod, "result": result} | more, values)
        for pod, result, values, more in (
            ("a", "event", "50+0x120 50+1x120", {"revision": "shop-1"}),
            ("a", "other", "700+0x120 700+4x120", {"revision": "shop-1"}),
            ("b", "event", "_x121 0+0x119", {"revision": "shop-2"}),
            ("b", "other", "_x121 0+1x119", {"revision": "shop-2"}),
            ("a", "event", "0+9x240", {"revision": "shop-1", "config": "c0"}),
        )
    ]
    asked = event_share(KEY, ("dear", "c1"), "1h", 100)
    bench.expect(f"abs({asked} - 120 / (120 + 480 + 119)) < bool 0.01", 2 * HOUR, {"{}": 1})
    bench.expect(event_share(KEY, ("dear", "c1"), "1h", 1000), 2 * HOUR, {})
    bench.expect(event_share(KEY, ("dear", "c2"), "1h", 1), 2 * HOUR, {})


def test_the_alert_names_what_has_drifted(drift: Bench) -> None:
    """One alert for each feature of the whole deployment that is above its limit."""
    drift.inputs = [
        *counted(PRICE, [rising(0, 400), rising(0, 400), "0x400", "0x400"]),
        *counted(UP, [rising(0, 790), rising(0, 10), "0x400", "0x400"]),
    ]
    own = labels_of(UP)
    labels = {name: own[name] for name in ("namespace", "deployment", "profile", "role", "feature")}
    labels |= {"severity": "ticket", "detector": "profile", names.ALERT_LABEL_DEPLOYMENT: "shop"}
    annotations = {
        "summary": "shop: prediction up has drifted",
        "description": (
            "Over the last 1h the population stability index of prediction up of ModelDeployment shops/shop "
            "was 2.11; above 0.2, and above what chance would do, it is not what the model was trained on. "
            "Nothing is rolled back for it alone. See: kubectl modelward explain shop -n shops"
        ),
        "runbook_url": "https://example.com/runbooks/ModelwardFeatureDrifted.md",
    }
    drift.expect_alert(ALERT, 2 * HOUR, [{"exp_labels": labels, "exp_annotations": annotations}])


@pytest.fixture(scope="module")
def elec2(tmp_path_factory: pytest.TempPathFactory) -> tuple[DriftConfig, np.ndarray]:
    """A profile of the first half of the sample, and the rows of the second half."""
    with gzip.open(SAMPLE, "rt") as text:
        header, *lines = text.read().splitlines()
    half = len(lines) // 2
    path = tmp_path_factory.mktemp("elec2") / "train.csv"
    path.write_text("\n".join([header, *lines[:half]]))
    profile = build(path, Columns(features=FEATURES, prediction="up"), lambda _done, _total: None)
    rows = [[float(value) for value in line.split(",")] for line in lines[half:]]
    return drift_config(profile), np.array(rows)


def test_on_elec2_the_rules_agree_with_numpy(bench: Bench, elec2: tuple[DriftConfig, np.ndarray]) -> None:
    """PSI, divergence and chi-squared of three windows of the stream, to a millionth."""
    config, rows = elec2
    bench.interval_seconds = 300
    bench.rules = {"groups": [rule_group(IDENTITY, DRIFT, config, cases.PLATFORM)]}
    agree: dict[int, list[str]] = {window: [] for window in (2, 10, 20)}
    for column, feature in enumerate(config.features):
        cumulated = _cumulated(feature, rows[:, column])
        bench.inputs += _of_stream(feature, config.profile, cumulated)
        for window, expressions in agree.items():
            counts = cumulated[window * 12] - cumulated[(window - 1) * 12]
            of_all = f'feature="{feature.name}", revision=""'
            for metric, value in _by_numpy(counts, np.array(feature.reference)).items():
                expressions.append(f"sum(abs({metric}{{{of_all}}} - {value!r}) < bool 1e-6)")
    for window, expressions in agree.items():
        bench.expect(" + ".join(expressions), window * HOUR, {"{}": len(config.features) * 3})


def _cumulated(feature: Any, values: np.ndarray) -> np.ndarray:
    """Counters at each sample, four rows after another; of shape (samples, bins)."""
    bins = np.digitize(values, feature.edges, right=True)
    one_hot = np.eye(len(feature.labels), dtype=int)[bins]
    return np.vstack([np.zeros(len(feature.labels), dtype=int), one_hot.cumsum(axis=0)])[::4]


def _of_stream(feature: Any, profile: str, cumulated: np.ndarray) -> list[dict[str, str]]:
    inputs = []
    for number, label in enumerate(feature.labels):
        own = labels_of(feature, profile=profile) | {"bin": label}
        inputs.append(series(names.METRIC_BINS, own, " ".join(map(str, cumulated[:, number]))))
        known = f"{feature.reference[number]}x{len(cumulated)}"
        inputs.append(series(names.METRIC_REFERENCE_BINS, own, known))
    return inputs


def _by_numpy(counts: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    window, known = counts + 0.5, reference + 0.5
    p, q = window / window.sum(), known / known.sum()
    middle = (p + q) / 2
    divergence = (p * np.log(p / middle)).sum() / 2 + (q * np.log(q / middle)).sum() / 2
    return {
        names.RECORD_PSI: float(((p - q) * np.log(p / q)).sum()),
        names.RECORD_JENSEN_SHANNON: float(divergence),
        names.RECORD_CHI_SQUARED: float(chi2_contingency([window, known], correction=False).statistic),
    }
