"""What the PrometheusRule holds; what its expressions answer is tested with promtool (tests/golden)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from modelward.render.identity import Platform
from modelward.render.infrastructure import ALERT_STORAGE_NO_DATA
from modelward.render.rules import (
    ALERT_BURN,
    ALERT_DRIFT,
    ALERT_NO_DATA,
    BURN_RATES,
    bad_ratio_threshold,
    prometheus_rule,
)
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")
WATCHED = [
    *cases.FULL["objectives"],
    {"name": "storage", "storage": {"within": "300ms"}, "target": "99%", "onBreach": "Hold"},
]


def rules_of(document: Mapping[str, Any], platform: Platform = cases.PLATFORM) -> list[dict[str, Any]]:
    """Render the rules of a spec."""
    groups = prometheus_rule(IDENTITY, cases.read(document), platform)["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_objective_has_every_burn_rate() -> None:
    """An alert for each row of the table and each objective, told apart by their labels."""
    alerts = [rule for rule in rules_of(cases.FULL) if rule.get("alert") == ALERT_BURN]
    told = {(rule["labels"]["objective"], rule["labels"]["long_window"]) for rule in alerts}
    assert len(told) == len(alerts) == 3 * len(BURN_RATES)


def test_a_deployment_without_replicas_misses_nothing() -> None:
    """Scaled to zero there are no samples, and nobody is told."""
    names = {rule.get("alert") for rule in rules_of({**cases.MINIMAL, "replicas": 0})}
    assert ALERT_NO_DATA not in names
    assert ALERT_NO_DATA in {rule.get("alert") for rule in rules_of(cases.MINIMAL)}
    for replicas, expected in ((0, False), (1, True)):
        document = {**cases.MINIMAL, "objectives": WATCHED, "replicas": replicas}
        names = {rule.get("alert") for rule in rules_of(document)}
        assert (ALERT_STORAGE_NO_DATA in names) is expected


def test_storage_is_watched_where_an_objective_asks() -> None:
    """Rules about the store come with a storage objective, those about pods always; each every minute."""
    document = {**cases.MINIMAL, "objectives": WATCHED}
    groups = {
        name: {group["name"]: group["interval"] for group in spec["groups"]}
        for name, spec in (
            ("with", prometheus_rule(IDENTITY, cases.read(document), cases.PLATFORM)["spec"]),
            ("without", prometheus_rule(IDENTITY, cases.read(cases.MINIMAL), cases.PLATFORM)["spec"]),
        )
    }
    assert groups["with"]["modelward.shop.storage"] == "1m"
    assert "modelward.shop.storage" not in groups["without"]
    assert groups["with"]["modelward.shop.pods"] == groups["without"]["modelward.shop.pods"] == "1m"


def test_no_query_of_the_team_is_in_the_rule() -> None:
    """One that is no PromQL would keep prometheus-operator from taking every other alert, too."""
    typo = {"name": "price", "query": "max(psi{{", "threshold": "0.25"}
    rules = rules_of({**cases.MINIMAL, "drift": {"detectors": [typo]}})
    (drift,) = (rule for rule in rules if rule.get("alert") == ALERT_DRIFT)
    assert drift["expr"] == (
        "max by (namespace, deployment, detector) "
        '(modelward_drift{namespace="shops", deployment="shop", detector="price"}) > 0.25'
    )
    assert all("psi" not in str(rule) for rule in rules)


def test_without_a_runbook_there_is_no_link() -> None:
    """An empty base address renders no runbook_url."""
    rules = rules_of(cases.MINIMAL, Platform())
    assert all("runbook_url" not in rule.get("annotations", {}) for rule in rules)


@pytest.mark.parametrize(
    ("target", "thresholds"),
    [("0.99", ["0.144", "0.06", "0.03", "0.01"]), ("0.65", ["0.675", "0.675", "0.675", "0.35"])],
)
def test_thresholds_can_be_reached(target: str, thresholds: list[str]) -> None:
    """A factor of the allowed share, unless that is more than can be bad at all."""
    assert [bad_ratio_threshold(Decimal(target), rate) for rate in BURN_RATES] == [
        Decimal(threshold) for threshold in thresholds
    ]
