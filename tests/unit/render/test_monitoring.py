"""The PodMonitor."""

from modelward import conventions as names
from modelward.render.monitoring import pod_monitor
from tests.unit.render import cases

MONITOR = pod_monitor(cases.identity_of("shop"), cases.PLATFORM)


def test_the_pages_are_scraped_each_at_its_interval() -> None:
    """The objectives every block, the rest less often, each within its interval."""
    pages = {
        (each["port"], each["path"]): (each["interval"], each["scrapeTimeout"])
        for each in MONITOR["spec"]["podMetricsEndpoints"]
    }
    assert pages == {
        (names.PORT_NAME_METRICS, names.PATH_OBJECTIVES): ("5s", "4s"),
        (names.PORT_NAME_METRICS, "/metrics"): ("30s", "10s"),
        (names.PORT_NAME_COLLECTOR_METRICS, "/metrics"): ("30s", "10s"),
        (names.PORT_NAME_COLLECTOR_SPAN_METRICS, "/metrics"): ("30s", "10s"),
    }


def test_the_pages_series_are_told_apart() -> None:
    """Two pages of one port would have the same labels: each gets its own value of `endpoint`."""
    values = [
        rule["replacement"]
        for each in MONITOR["spec"]["podMetricsEndpoints"]
        for rule in each["relabelings"]
        if rule["targetLabel"] == "endpoint"
    ]
    assert values == ["objectives", "metrics", "collector", "spans"]


def test_prometheus_finds_it_by_the_clusters_label() -> None:
    """Labels from the operator's settings are added, and do not replace ours."""
    labels = MONITOR["metadata"]["labels"]
    assert labels["release"] == "prometheus"
    assert labels[names.LABEL_DEPLOYMENT] == "shop"
