"""The rules of a profile: one group more, whose limits know how many bins a feature has."""

from decimal import Decimal

from modelward import conventions as names
from modelward.api.binning import CategoricalBins, DriftConfig, NumericBins
from modelward.api.drift import DEFAULT_WINDOW, Drift, ProfileSource
from modelward.evidence.drift import chi_squared_quantile
from modelward.render.config import monitor_config
from modelward.render.drift import FALSE_ALARMS_PER_YEAR, limit_policy, rule_group
from modelward.render.rules import prometheus_rule
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")
PRICE = NumericBins(name="price", edges=(1.0,), reference=(49, 49, 0, 0))
DAY = CategoricalBins(name="day", categories=("mon", "tue", "wed"), reference=(9, 9, 9, 0, 0))
CONFIG = DriftConfig(profile="abc", columns=2, features=(PRICE, DAY))
DRIFT = Drift(profile=ProfileSource(config_map_name="shop-profile"), psi=Decimal("0.3"))
SPEC = cases.read({**cases.MINIMAL, "drift": {"profile": {"configMapName": "shop-profile"}}})


def test_a_profile_adds_a_group_of_rules() -> None:
    """Without a usable profile there is none: an alert on nothing would say that all is well."""
    without = prometheus_rule(IDENTITY, SPEC, cases.PLATFORM)["spec"]["groups"]
    (*others, group) = prometheus_rule(IDENTITY, SPEC, cases.PLATFORM, CONFIG)["spec"]["groups"]
    assert others == without
    assert group["name"] == "modelward.shop.drift"


def test_the_window_is_that_of_spec() -> None:
    """The counts' rule spans it, and its beginning is that of the window before."""
    counts = rule_group(IDENTITY, DRIFT, CONFIG, cases.PLATFORM)["rules"][0]
    assert counts["record"] == names.RECORD_BIN_VALUES
    assert "[1h]" in counts["expr"]
    assert "[1h] offset 1h" in counts["expr"]
    assert Drift().window_length == DEFAULT_WINDOW


def test_the_limit_has_a_quantile_for_each_number_of_bins() -> None:
    """Features with as many bins share one; degrees of freedom are one fewer than the bins."""
    rules = rule_group(IDENTITY, DRIFT, CONFIG, cases.PLATFORM)["rules"]
    (limit,) = (rule["expr"] for rule in rules if rule.get("record") == names.RECORD_PSI_LIMIT)
    tail = limit_policy(Decimal("0.3"), CONFIG).tail
    for bins in (4, 5):
        assert f"{chi_squared_quantile(tail, bins - 1)!r} * (" in limit
        assert f"== {bins}) ^ 0" in limit
    assert ", 0.3)" in limit


def test_chance_is_shared_over_features_and_the_prediction() -> None:
    """The more is looked at, the smaller the share of false alarms that each may have."""
    inputs = limit_policy(Decimal("0.2"), CONFIG)
    both = limit_policy(Decimal("0.2"), CONFIG.model_copy(update={"prediction": DAY}))
    assert (inputs.features, both.features) == (2, 3)
    assert inputs.false_alarms_per_year == FALSE_ALARMS_PER_YEAR
    rules = rule_group(IDENTITY, DRIFT, CONFIG.model_copy(update={"prediction": DAY}), cases.PLATFORM)
    assert f"{chi_squared_quantile(limit_policy(Decimal('0.3'), CONFIG).tail, 3)!r}" not in str(rules)


def test_the_monitor_is_told_the_bins() -> None:
    """They are in the file that it reads again when it changes; without a profile there are none."""
    record, _ = cases.two_records(IDENTITY, cases.MINIMAL)
    placement = cases.targets_of("first", record.name, "", 1).placements[0]
    assert monitor_config(IDENTITY, SPEC, record, placement, 1, CONFIG).drift == CONFIG
    assert monitor_config(IDENTITY, SPEC, record, placement, 1).drift is None
