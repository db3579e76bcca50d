"""The PrometheusRule, evaluated by promtool over an hour or more of events."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.cluster import programs
from modelward import conventions as names
from modelward.api.objectives import event_config
from modelward.render.rules import (
    ALERT_BURN,
    ALERT_NO_DATA,
    BURN_RATES,
    prometheus_rule,
)
from tests.golden.promtool import Bench, series
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")
DOCUMENT = {
    **cases.MINIMAL,
    "objectives": [{"name": "availability", "availability": {}, "target": "99%"}],
}
SPEC = cases.read(DOCUMENT)
CONFIG = event_config(SPEC.objectives[0])
HOUR = 3600
IDENTICAL = {"namespace": "shops", "deployment": "shop", "objective": "availability", "config": CONFIG}


@pytest.fixture
def alerts(bench: Bench) -> Bench:
    """Give a test the rules, and series with a sample every 30 s."""
    bench.interval_seconds = 30
    bench.rules = rules_of(DOCUMENT)
    return bench


def rules_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Render the rule groups of a spec."""
    spec: dict[str, Any] = prometheus_rule(IDENTITY, cases.read(document), cases.PLATFORM)["spec"]
    return spec


def events(per_minute: int, bad_per_minute: int, hours: float = 1.5, **labels: str) -> list[dict[str, str]]:
    """Make one pod's counters, half of a minute's events every 30 s."""
    own = IDENTICAL | {"pod": "a", "revision": "shop-a", "storage": "unknown"} | labels
    samples = int(hours * 120)
    good = (per_minute - bad_per_minute) / 2
    return [
        series(names.METRIC_EVENTS, own | {"result": "good"}, f"0+{good}x{samples}"),
        series(names.METRIC_EVENTS, own | {"result": "bad"}, f"0+{bad_per_minute / 2}x{samples}"),
    ]


def burning(row: int, percent: str) -> dict[str, dict[str, str]]:
    """Write the alert of one row of the table with its annotations."""
    rate = BURN_RATES[row]
    labels = {"severity": rate.severity, "long_window": rate.long, "short_window": rate.short}
    return {
        "exp_labels": IDENTICAL | labels | {names.ALERT_LABEL_DEPLOYMENT: "shop"},
        "exp_annotations": {
            "summary": "shop: objective availability is missed",
            "description": (
                f"{percent} of the events of objective availability of ModelDeployment shops/shop were bad "
                f"over the last {rate.long}; 1% may be. See: kubectl modelward explain shop -n shops"
            ),
            "runbook_url": "https://example.com/runbooks/ModelwardErrorBudgetBurn.md",
        },
    }


def test_a_fast_burn_pages(alerts: Bench) -> None:
    """20% bad, where 1% may be, is above every threshold: each row of the table says so."""
    alerts.inputs = events(600, 120)
    alerts.expect_alert(ALERT_BURN, HOUR, [burning(row, "20%") for row in range(4)])


def test_a_slow_burn_makes_a_ticket(alerts: Bench) -> None:
    """2% bad is no page; the slowest row makes a ticket."""
    alerts.inputs = events(600, 12)
    alerts.expect_alert(ALERT_BURN, HOUR, [burning(3, "2%")])


def test_within_the_objective_nothing_is_said(alerts: Bench) -> None:
    """Half of the allowed share is no alert, nor is no traffic at all."""
    alerts.inputs = events(1200, 6)
    alerts.expect_alert(ALERT_BURN, HOUR, [])
    alerts.inputs = events(0, 0)
    alerts.expect_alert(ALERT_BURN, HOUR, [])


def test_a_few_bad_events_are_nobodys_alarm(alerts: Bench) -> None:
    """Four bad events of twenty within the hour are 20%, and too few to wake anyone."""
    own = IDENTICAL | {"pod": "a", "revision": "shop-a", "storage": "unknown"}
    alerts.inputs = [
        series(names.METRIC_EVENTS, own | {"result": "good"}, "0x100 16x20"),
        series(names.METRIC_EVENTS, own | {"result": "bad"}, "0x100 4x20"),
    ]
    alerts.expect_alert(ALERT_BURN, 3150, [])


def test_an_alert_ends_soon_after_the_burning(alerts: Bench) -> None:
    """An hour's share is still high, but the last five minutes are good: the page is over."""
    own = IDENTICAL | {"pod": "a", "revision": "shop-a", "storage": "unknown"}
    alerts.inputs = [
        series(names.METRIC_EVENTS, own | {"result": "good"}, "0+240x240"),
        series(names.METRIC_EVENTS, own | {"result": "bad"}, "0+60x100 6000x140"),
    ]
    alerts.expect_alert(ALERT_BURN, 3000, [burning(row, "20%") for row in range(4)])
    fastest = f'count(ALERTS{{alertname="{ALERT_BURN}", alertstate="firing", long_window="1h"}})'
    alerts.expect(fastest, 3000, {"{}": 1})
    alerts.expect(fastest, 3720, {})


def test_another_definitions_events_do_not_count(alerts: Bench) -> None:
    """After a change of what a good event is, the old counts raise no alert."""
    alerts.inputs = events(600, 120, config="older")
    alerts.expect_alert(ALERT_BURN, HOUR, [])


def test_another_deployments_events_do_not_count(alerts: Bench) -> None:
    """Neither a namesake's in another namespace nor another deployment's."""
    alerts.inputs = [*events(600, 120, namespace="foreign"), *events(600, 120, deployment="other")]
    alerts.expect_alert(ALERT_BURN, HOUR, [])


def test_revisions_and_pods_are_one_service(alerts: Bench) -> None:
    """What people are promised is the deployment's: 40% bad on half of the traffic is 20%."""
    alerts.inputs = [*events(300, 120), *events(300, 0, pod="b", revision="shop-b")]
    alerts.expect_alert(ALERT_BURN, HOUR, [burning(row, "20%") for row in range(4)])


def test_missing_samples_are_told_after_ten_minutes(alerts: Bench) -> None:
    """No series of any pod for ten minutes is a ticket; a pod that is scraped ends it."""
    alerts.inputs = [
        series(names.METRIC_REQUESTS, {"namespace": "shops", "deployment": "shop", "pod": "a"}, "0x10 stale")
    ]
    alerts.expect_alert(ALERT_NO_DATA, 300, [])
    alerts.expect_alert(ALERT_NO_DATA, 850, [])
    alerts.expect(f'count(ALERTS{{alertname="{ALERT_NO_DATA}", alertstate="firing"}})', 1200, {"{}": 1})


WATCHED = {
    **cases.MINIMAL,
    "objectives": [
        {"name": "availability", "availability": {}, "target": "99%"},
        {"name": "reads", "storage": {"within": "300ms"}, "target": "99%", "onBreach": "Hold"},
    ],
}


def incident(cause: str, reason: str) -> list[dict[str, str]]:
    """Make the operator's metric of an incident that lasts from the tenth minute to the twentieth."""
    labels = {"namespace": "shops", "deployment": "shop", "cause": cause, "reason": reason}
    return [series(names.METRIC_INCIDENT, labels, "_x20 1x20 stale")]


def test_suspected_infrastructure_names_the_store_with_its_numbers(alerts: Bench) -> None:
    """The alert fires while the operator says so, and says how many reads were slow."""
    alerts.rules = rules_of(WATCHED)
    config = event_config(cases.read(WATCHED).objectives[1])
    alerts.inputs = [
        *events(600, 150, objective="reads", config=config),
        *incident("Infrastructure", "InfrastructureSuspected"),
    ]
    texts = {
        "summary": "shop: storage or what it depends on is suspected",
        "description": (
            "ModelDeployment shops/shop misses an objective, and the model is not at fault: nothing is "
            "rolled back, and a rollout waits until this is over. Objective reads: 25% bad over the last 5 "
            "minutes. See: kubectl modelward explain shop -n shops"
        ),
        "runbook_url": "https://example.com/runbooks/ModelwardInfrastructureSuspected.md",
    }
    labels = {
        "namespace": "shops",
        "deployment": "shop",
        "cause": "Infrastructure",
        "reason": "InfrastructureSuspected",
        "severity": "page",
        names.ALERT_LABEL_DEPLOYMENT: "shop",
    }
    alerts.expect_alert(names.ALERT_INFRASTRUCTURE, 300, [])
    alerts.expect_alert(names.ALERT_INFRASTRUCTURE, 900, [{"exp_labels": labels, "exp_annotations": texts}])
    alerts.expect_alert(names.ALERT_INFRASTRUCTURE, 1800, [])
    alerts.expect_alert(names.ALERT_BREACHED, 900, [])


@pytest.mark.parametrize(
    ("cause", "reason", "name"),
    [
        ("Unknown", "CauseUnknown", names.ALERT_BREACHED),
        ("Drift", "DriftSuspected", names.ALERT_BREACHED),
        ("Unknown", "NothingToGoBackTo", names.ALERT_BREACHED),
        ("Unknown", "StableAlsoBreached", names.ALERT_BREACHED),
        ("Model", "RollbackBudgetExhausted", names.ALERT_BUDGET_EXHAUSTED),
    ],
)
def test_a_breach_without_a_rollback_pages_once(alerts: Bench, cause: str, reason: str, name: str) -> None:
    """Whatever keeps the operator from going back, exactly one alert says so."""
    alerts.inputs = incident(cause, reason)
    others = "|".join(
        {names.ALERT_INFRASTRUCTURE, names.ALERT_BREACHED, names.ALERT_BUDGET_EXHAUSTED} - {name}
    )
    alerts.expect(f'count(ALERTS{{alertname="{name}", alertstate="firing"}})', 900, {"{}": 1})
    alerts.expect(f'count(ALERTS{{alertname=~"{others}"}})', 900, {})
    alerts.expect(f'count(ALERTS{{alertname="{name}"}})', 1800, {})


DRIFTING = {
    **DOCUMENT,
    "drift": {"detectors": [{"name": "price", "query": 'max(psi{ns="$namespace"})', "threshold": "0.25"}]},
}


def test_drifted_inputs_make_a_ticket_that_names_the_detector(alerts: Bench) -> None:
    """The alert fires after five minutes above the threshold, with the value, and ends with it."""
    alerts.rules = rules_of(DRIFTING)
    own = {"namespace": "shops", "deployment": "shop", "detector": "price"}
    alerts.inputs = [
        series(names.METRIC_DRIFT, own, "0.2x19 0.5x19 0.2x20"),
        series(names.METRIC_DRIFT, own | {"namespace": "other"}, "9x60"),
        series(names.METRIC_DRIFT, own | {"detector": "volume"}, "9x60"),
    ]
    texts = {
        "summary": "shop: drift detector price is above its threshold",
        "description": (
            "Drift detector price of ModelDeployment shops/shop is at 0.5, above 0.25: the inputs are not "
            "what the model was made for. Nothing is rolled back for this alone. "
            "See: kubectl modelward explain shop -n shops"
        ),
        "runbook_url": "https://example.com/runbooks/ModelwardInputsDrifted.md",
    }
    labels = {**own, "severity": "ticket", names.ALERT_LABEL_DEPLOYMENT: "shop"}
    alerts.expect_alert("ModelwardInputsDrifted", 870, [])
    alerts.expect_alert("ModelwardInputsDrifted", 930, [{"exp_labels": labels, "exp_annotations": texts}])
    alerts.expect_alert("ModelwardInputsDrifted", 1260, [])


def test_a_query_objective_has_no_burn_rate() -> None:
    """Its events are not recorded, so an alert on them could never fire."""
    query = {"name": "own", "query": {"good": "g$revision", "total": "t$revision"}, "target": "99%"}
    spec = cases.read({**DOCUMENT, "objectives": [*DOCUMENT["objectives"], query]})
    rules = prometheus_rule(IDENTITY, spec, cases.PLATFORM)["spec"]["groups"][0]["rules"]
    burning = [rule["labels"]["objective"] for rule in rules if rule.get("alert") == ALERT_BURN]
    assert set(burning) == {"availability"}


def test_another_deployments_incident_is_not_ours(alerts: Bench) -> None:
    """A namesake's in another namespace raises nothing here."""
    labels = {"namespace": "foreign", "deployment": "shop", "cause": "Unknown", "reason": "CauseUnknown"}
    alerts.inputs = [series(names.METRIC_INCIDENT, labels, "1x40")]
    alerts.expect_alert(names.ALERT_BREACHED, 900, [])


@pytest.mark.parametrize("spec_name", cases.SPECS)
def test_promtool_finds_nothing_wrong(tmp_path: Path, spec_name: str) -> None:
    """Every rule parses, with its templates."""
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(rules_of(cases.SPECS[spec_name])))
    checked = subprocess.run(
        [programs.find("promtool"), "check", "rules", "--lint-fatal", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_person_is_reminded_after_the_time_that_spec_says(alerts: Bench) -> None:
    """The alert fires once a word has been awaited for longer, says of what, and ends with it."""
    alerts.rules = rules_of({**DOCUMENT, "requireApproval": {"remindAfter": "10m"}})
    own = {
        "namespace": "shops",
        "deployment": "shop",
        "revision": "shop-2222222222",
        "reason": "AwaitingApproval",
    }
    alerts.inputs = [
        series(names.METRIC_APPROVAL_AWAITED, own, "120x40 stale"),
        series(names.METRIC_APPROVAL_AWAITED, own | {"namespace": "other"}, "0x60"),
    ]
    texts = {
        "summary": "shop: a person's word is awaited",
        "description": (
            "ModelDeployment shops/shop has waited for a person for 10m 30s (AwaitingApproval, revision "
            "shop-2222222222). See: kubectl modelward review shop -n shops"
        ),
        "runbook_url": "https://example.com/runbooks/ModelwardApprovalAwaited.md",
    }
    labels = {**own, "severity": "ticket", names.ALERT_LABEL_DEPLOYMENT: "shop"}
    alerts.expect_alert(names.ALERT_APPROVAL_AWAITED, 720, [])
    alerts.expect_alert(names.ALERT_APPROVAL_AWAITED, 750, [{"exp_labels": labels, "exp_annotations": texts}])
    alerts.expect_alert(names.ALERT_APPROVAL_AWAITED, 1800, [])
