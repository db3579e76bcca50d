"""Prometheus away, and the team's own alerts."""

import re
import time
from typing import Final

import pytest

from dev.demo.stage import SYSTEM, serves
from modelward.api.status import Phase
from tests.e2e.faulty import LONG_STEP, Faulty

ALERTMANAGER_SECONDS: Final = 300.0
"""By default it waits 30 s between notifications of one group; the first of a group comes at once."""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_prometheus_away_touches_nothing(faulty: Faulty) -> None:
    """Without Prometheus a split stays as it is and a condition says why; back again, it goes on."""
    faulty.serve("1")
    faulty.start_traffic()
    faulty.ship("2", rollout=LONG_STEP)
    faulty.wait(lambda deployment: deployment.status.phase is Phase.STEPPING, "the split")
    _scale_prometheus(faulty, 0)
    try:
        status = faulty.wait(
            faulty.condition("ObjectivesMet", "MetricsUnavailable"), "the condition that metrics are away"
        )
        assert status.phase is Phase.STEPPING
        assert status.rejected_revisions == ()
    finally:
        _scale_prometheus(faulty, 1)
    faulty.serve("2")  # the same revision, whose step may end now


def test_a_team_alert_rolls_back_the_revision_it_means(faulty: Faulty) -> None:
    """An alert that the team has named rolls back the revision it means, once Prometheus confirms it.

    Alertmanager tells the operator of it through the AlertmanagerConfig that the chart makes.
    """
    woken = _alerts_woken(faulty)
    alerts = {"alerts": [{"matchLabels": {"severity": "page", "team": "e2e"}}]}
    first = faulty.serve("1", rollback=alerts)
    faulty.start_traffic()
    second = faulty.serve("2", rollback=alerts)
    expression = f'vector(1) and on() (modelward_requests_total{{revision="{second}"}} > 0)'
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "team"},
        "spec": {
            "groups": [
                {
                    "name": "team",
                    "interval": "5s",
                    "rules": [
                        {
                            "alert": "TeamSaysNo",
                            "expr": expression,
                            "labels": {
                                "severity": "page",
                                "team": "e2e",
                                "namespace": faulty.stage.namespace,
                            },
                        }
                    ],
                }
            ]
        },
    }
    faulty.stage.apply(rule)
    status = faulty.wait(serves(first), "the rollback that the alert asks for")
    assert status.rejected_revisions[0].reason == "AlertFiring"
    assert "TeamSaysNo" in status.rejected_revisions[0].message
    limit = time.monotonic() + ALERTMANAGER_SECONDS
    while _alerts_woken(faulty) <= woken:
        assert time.monotonic() < limit, "Alertmanager's notification did not wake the operator"
        time.sleep(1)


def _alerts_woken(faulty: Faulty) -> float:
    """Return how many alerts of Alertmanager have woken a deployment's reconcile."""
    path = f"/api/v1/namespaces/{SYSTEM}/services/modelward:8080/proxy/metrics"
    text = faulty.stage.cluster.kubectl("get", "--raw", path)
    found = re.search(r'^modelward_webhook_alerts_total\{outcome="woken"\} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _scale_prometheus(faulty: Faulty, replicas: int) -> None:
    patch = f'{{"spec": {{"replicas": {replicas}}}}}'
    faulty.stage.cluster.kubectl(
        "patch", "prometheus", "dev", "--namespace", "monitoring", "--type=merge", "-p", patch
    )
