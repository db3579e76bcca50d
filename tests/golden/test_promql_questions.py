"""What else is asked of Prometheus: was anything scraped, which alerts fire, the state before a restart."""

from modelward import conventions as names
from modelward.render import promql
from tests.golden.promtool import Bench, series


def test_a_deployment_with_any_sample_was_scraped(bench: Bench) -> None:
    """A deployment is answered for as long as its last sample is within the time looked back over."""
    labels = {"namespace": "ns", "deployment": "shop", "pod": "a"}
    bench.inputs = [series(names.METRIC_REQUESTS, labels, "0 stale")]
    asked = promql.sampled_lately([("ns", "shop"), ("ns", "other")], lookback_seconds=60)
    bench.expect(asked, 30, {'{deployment="shop", namespace="ns"}': 1})
    bench.expect(asked, 90, {})


def test_requests_of_a_block_tell_which_revision_had_any(bench: Bench) -> None:
    """Of new pods and after a restart what is there; a pod without requests is there with none."""
    of = {"namespace": "ns", "deployment": "shop"}
    bench.inputs = [
        series(names.METRIC_REQUESTS, of | {"revision": "a", "pod": "a-1"}, "100 103 2"),
        series(names.METRIC_REQUESTS, of | {"revision": "a", "pod": "a-2"}, "_ 4 4"),
        series(names.METRIC_REQUESTS, of | {"revision": "b", "pod": "b-1"}, "7 7 7"),
        series(names.METRIC_REQUESTS, of | {"namespace": "other", "revision": "c", "pod": "c"}, "1 2 3"),
    ]
    asked = promql.requests(("ns", "shop"))
    bench.expect(asked, 5, {'{revision="a"}': 7, '{revision="b"}': 0})
    bench.expect(asked, 10, {'{revision="a"}': 2, '{revision="b"}': 0})


def test_the_state_of_an_operator_that_ended_is_found(bench: Bench) -> None:
    """Series of a pod that is gone are stale: its scrapes are found, and the state as of one of them."""
    labels = {"namespace": "ns", "deployment": "shop", "pod": "operator-1"}
    bench.inputs = [
        series(names.METRIC_EVIDENCE_STATE, labels | {"component": "block_time"}, "100 105 110 115 stale"),
        series(names.METRIC_EVIDENCE_STATE, labels | {"component": "ended"}, "9 stale"),
    ]
    exporter = '{component="block_time", deployment="shop", namespace="ns", pod="operator-1"}'
    scrapes = promql.evidence_block_times([("ns", "shop")], 3600)
    bench.expect(f"count_over_time({scrapes})", 90, {exporter: 4})
    bench.expect(f"max_over_time({scrapes})", 90, {exporter: 115})
    state = promql.evidence_state([("ns", "shop")])
    bench.expect(state, 15, {names.METRIC_EVIDENCE_STATE + exporter: 115})


def test_a_firing_alert_is_answered_with_its_start(bench: Bench) -> None:
    """Only alerts that fire in the namespace asked for, with all the labels, are answered; none of ours."""
    alert = {"alertname": "TooSlow", "namespace": "ns", "severity": "page"}
    foreign = alert | {"namespace": "foreign"}
    pending = alert | {"alertname": "Pending"}
    ours = alert | {"alertname": "ModelwardInfrastructureSuspected"}
    bench.inputs = [
        series("ALERTS", alert | {"alertstate": "firing"}, "1 1"),
        series("ALERTS_FOR_STATE", alert, "1700000000 1700000000"),
        series("ALERTS", foreign | {"alertstate": "firing"}, "1 1"),
        series("ALERTS_FOR_STATE", foreign, "1700000000 1700000000"),
        series("ALERTS", pending | {"alertstate": "pending"}, "1 1"),
        series("ALERTS_FOR_STATE", pending, "1700000000 1700000000"),
        series("ALERTS", ours | {"alertstate": "firing"}, "1 1"),
        series("ALERTS_FOR_STATE", ours, "1700000000 1700000000"),
    ]
    answer = 'ALERTS_FOR_STATE{alertname="TooSlow", namespace="ns", severity="page"}'
    bench.expect(promql.firing_since("ns", {"severity": "page"}), 5, {answer: 1_700_000_000})
    bench.expect(promql.firing_since("ns", {"severity": "page", "team": "x"}), 5, {})


def test_a_label_value_cannot_leave_its_quotes(bench: Bench) -> None:
    """A value with quotes, backslashes and line ends is matched as it is."""
    bench.expect(promql.firing_since("ns", {"a": 'x"} or vector(1) # \\ \n'}), 0, {})
