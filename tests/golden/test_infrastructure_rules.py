"""Rules about storage and pods, evaluated by promtool over series as monitors and exporters have them."""

from typing import Any

import pytest

from modelward import conventions as names
from modelward.render import infrastructure_promql as recorded
from modelward.render.infrastructure import (
    ALERT_MEMORY,
    ALERT_RESTARTS,
    ALERT_STORAGE_FAILING,
    ALERT_STORAGE_NO_DATA,
    ALERT_STORAGE_RULES_FAILING,
    ALERT_STORAGE_SLOW,
    ALERT_THROTTLED,
)
from modelward.render.rules import prometheus_rule
from tests.golden.promtool import Bench, series
from tests.unit.render import cases

DOCUMENT = {
    **cases.MINIMAL,
    "objectives": [
        {"name": "availability", "availability": {}, "target": "99%"},
        {"name": "storage", "storage": {"within": "300ms"}, "target": "99%", "onBreach": "Hold"},
    ],
}
OF_SHOP = {"namespace": "shops", "deployment": "shop", "revision": "shop-a", "pod": "a"}
MEAN = f"{recorded.RECORD_STORAGE_MEAN}"
DEPLOYMENT_LABELS = '{namespace="shops", deployment="shop"}'


@pytest.fixture
def alerts(bench: Bench) -> Bench:
    """Give a test the rules, and series with a sample every 30 s."""
    rule = prometheus_rule(cases.identity_of("shop"), cases.read(DOCUMENT), cases.PLATFORM)
    bench.interval_seconds, bench.rules = 30, rule["spec"]
    return bench


def reads(count: str, seconds: str, source: str = "probe", **labels: str) -> list[dict[str, str]]:
    """Make a pod's reads of the store: their number, and the sum of their seconds."""
    own = OF_SHOP | {"source": source} | labels
    return [
        series(f"{names.METRIC_STORAGE_READ}_count", own, count),
        series(f"{names.METRIC_STORAGE_READ}_sum", own, seconds),
    ]


def expect_firing(bench: Bench, alert: str, at_seconds: float, number: int) -> None:
    """Expect that so many alerts of a name fire."""
    expected = {"{}": float(number)} if number else {}
    bench.expect(f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})', at_seconds, expected)


def test_a_slow_mean_makes_a_ticket(alerts: Bench) -> None:
    """Half a second on average of all sources and pods, where 300 ms is the objective; the value is told."""
    alerts.inputs = [
        *reads("0+10x40", "0+7x40"),
        *reads("0+10x40", "0+3x40", source="span", pod="b"),
        *reads("0+1000x40", "0+9000x40", namespace="other"),
    ]
    alerts.expect(f"{MEAN}{DEPLOYMENT_LABELS}", 600, {f"{MEAN}{DEPLOYMENT_LABELS}": 0.5})
    labels = {
        "namespace": "shops",
        "deployment": "shop",
        "severity": "ticket",
        names.ALERT_LABEL_DEPLOYMENT: "shop",
    }
    texts = {
        "summary": "shop: storage is slow",
        "description": (
            "A read of the storage of ModelDeployment shops/shop took 500ms on average over the last "
            "5 minutes; the objective is 300ms. See: kubectl modelward explain shop -n shops"
        ),
        "runbook_url": "https://example.com/runbooks/ModelwardStorageSlow.md",
    }
    alerts.expect_alert(ALERT_STORAGE_SLOW, 600, [{"exp_labels": labels, "exp_annotations": texts}])
    expect_firing(alerts, ALERT_STORAGE_NO_DATA, 1200, 0)


def test_a_fast_store_is_nobodys_alarm(alerts: Bench) -> None:
    """100 ms on average, and one slow read among many, are within the objective."""
    alerts.inputs = reads("0+10x40", "0+1x20 25+1x19")
    for alert in (ALERT_STORAGE_SLOW, ALERT_STORAGE_FAILING, ALERT_STORAGE_NO_DATA):
        expect_firing(alerts, alert, 660, 0)


def test_no_reads_are_no_fast_store(alerts: Bench) -> None:
    """Counters that stand still, as those that are not there, are missing data after ten minutes."""
    alerts.inputs = reads("0+10x20 200x60", "0+1x20 20x60")
    expect_firing(alerts, ALERT_STORAGE_NO_DATA, 900, 0)
    expect_firing(alerts, ALERT_STORAGE_NO_DATA, 1320, 1)
    expect_firing(alerts, ALERT_STORAGE_SLOW, 1320, 0)
    alerts.inputs = []
    expect_firing(alerts, ALERT_STORAGE_NO_DATA, 660, 1)


@pytest.mark.parametrize(("answered", "firing"), [("0+1x40", 1), ("0+4x40", 0), (None, 1)])
def test_reads_that_fail_are_told(alerts: Bench, answered: str | None, firing: int) -> None:
    """Two of three reads without an answer are too many, one of three is not; all of them are too."""
    failed = OF_SHOP | {"reason": "timeout"}
    alerts.inputs = [series(names.METRIC_STORAGE_FAILURES, failed, "0+2x40")]
    alerts.inputs += reads(answered, "0+0.1x40") if answered else []
    expect_firing(alerts, ALERT_STORAGE_FAILING, 660, firing)


def test_refused_reads_say_nothing_of_speed(alerts: Bench) -> None:
    """Credentials that are gone are another matter than a store that does not answer."""
    alerts.inputs = [series(names.METRIC_STORAGE_FAILURES, OF_SHOP | {"reason": "refused"}, "0+2x40")]
    expect_firing(alerts, ALERT_STORAGE_FAILING, 660, 0)


def test_rules_that_cannot_be_evaluated_are_told(alerts: Bench) -> None:
    """Failures of this deployment's storage group, by the names that prometheus-operator gives."""
    folder = "/etc/prometheus/rules/prometheus-dev-rulefiles-0"
    group = f"{folder}/shops-shop-5c1e.yaml;modelward.shop.storage"
    other = f"{folder}/shops-shop2-5c1e.yaml;modelward.shop2.storage"
    failures = "prometheus_rule_evaluation_failures_total"
    alerts.inputs = [series(failures, {"rule_group": other}, "0+1x40")]
    expect_firing(alerts, ALERT_STORAGE_RULES_FAILING, 660, 0)
    alerts.inputs = [series(failures, {"rule_group": group}, "0+1x40")]
    expect_firing(alerts, ALERT_STORAGE_RULES_FAILING, 660, 1)


def test_what_the_pods_of_a_revision_lack_on_average_is_answered(bench: Bench) -> None:
    """Above what people are told of, by revision: one pod of several that restarts is no pressure."""

    def of(record: str, pod: str, revision: str, value: float) -> dict[str, str]:
        labels = OF_SHOP | {"pod": pod, "revision": revision}
        return series(record, labels, f"{value}+0x10")

    bench.inputs = [
        of(recorded.RECORD_THROTTLED, "a", "shop-a", 0.6),
        of(recorded.RECORD_THROTTLED, "b", "shop-a", 0.2),
        of(recorded.RECORD_THROTTLED, "c", "shop-b", 0.2),
        of(recorded.RECORD_MEMORY, "c", "shop-b", 0.95),
        of(recorded.RECORD_RESTARTS, "a", "shop-a", 1),
        of(recorded.RECORD_RESTARTS, "b", "shop-a", 0),
        of(recorded.RECORD_RESTARTS, "c", "shop-b", 2),
    ]
    asked = recorded.pressures([("shops", "shop"), ("shops", "other")])
    whose = '{deployment="shop", namespace="shops", pressure="%s", revision="%s"}'
    bench.expect(
        asked,
        60,
        {
            whose % ("Throttled", "shop-a"): 0.4,
            whose % ("Memory", "shop-b"): 0.95,
            whose % ("Restarts", "shop-b"): 2,
        },
    )
    bench.expect(recorded.pressures([("shops", "other")]), 60, {})


REQUESTS = [series(names.METRIC_REQUESTS, OF_SHOP, "0+1x60")]
CONTAINER = {"namespace": "shops", "pod": "a", "container": "model"}
POD = '{namespace="shops", deployment="shop", revision="shop-a", pod="a"}'


def cpu(throttled: str, **labels: str) -> list[dict[str, str]]:
    """Make cAdvisor's counters of a container, of ten periods a sample."""
    own = CONTAINER | labels
    return [
        series("container_cpu_cfs_periods_total", own, "0+10x60"),
        series("container_cpu_cfs_throttled_periods_total", own, throttled),
    ]


def test_throttling_is_told_by_revision(alerts: Bench) -> None:
    """Half of the periods, for ten minutes; another pod's of the namespace are not ours."""
    alerts.inputs = [*REQUESTS, *cpu("0+5x60"), *cpu("0+10x60", pod="stranger")]
    name = recorded.RECORD_THROTTLED
    alerts.expect(f"{name}", 600, {f"{name}{POD}": 0.5})
    expect_firing(alerts, ALERT_THROTTLED, 900, 1)
    alerts.inputs = [*REQUESTS, *cpu("0+1x60")]
    expect_firing(alerts, ALERT_THROTTLED, 900, 0)


def test_the_container_nearest_to_its_limit_counts(alerts: Bench) -> None:
    """One at 95% of its limit is told, however empty the others; one without a limit is near none."""
    memory: list[dict[str, str]] = []
    for container, used, limit in (("model", 95, 100), ("monitor", 10, 100), ("free", 1000, 0)):
        own = CONTAINER | {"container": container}
        memory.append(series("container_memory_working_set_bytes", own, f"{used}x60"))
        memory.append(series("container_spec_memory_limit_bytes", own, f"{limit}x60"))
    alerts.inputs = [*REQUESTS, *memory]
    name = recorded.RECORD_MEMORY
    alerts.expect(f"{name}", 600, {f"{name}{POD}": 0.95})
    expect_firing(alerts, ALERT_MEMORY, 900, 1)


def test_restarts_are_told_of_sidecars_too(alerts: Bench) -> None:
    """One of the server and one of the monitor, a native sidecar, are two of the pod."""
    restarts: list[dict[str, Any]] = [
        series("kube_pod_container_status_restarts_total", CONTAINER, "0x20 1x40"),
        series(
            "kube_pod_init_container_status_restarts_total", CONTAINER | {"container": "monitor"}, "0x20 1x40"
        ),
    ]
    alerts.inputs = [*REQUESTS, *restarts]
    expect_firing(alerts, ALERT_RESTARTS, 540, 0)
    expect_firing(alerts, ALERT_RESTARTS, 720, 1)
    expect_firing(alerts, ALERT_RESTARTS, 1560, 0)


def test_what_no_exporter_tells_is_neither_good_nor_bad(alerts: Bench) -> None:
    """Without cAdvisor and kube-state-metrics nothing is recorded and nothing fires."""
    alerts.inputs = list(REQUESTS)
    for name in (recorded.RECORD_THROTTLED, recorded.RECORD_MEMORY, recorded.RECORD_RESTARTS):
        alerts.expect(name, 900, {})
    for alert in (ALERT_THROTTLED, ALERT_MEMORY, ALERT_RESTARTS):
        expect_firing(alerts, alert, 900, 0)
