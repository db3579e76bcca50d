"""What ends the operator's process, and what reads that process's log: not at the same time."""

import json
import time
from typing import Final

import pytest

from dev.demo.stage import SYSTEM, serves
from modelward.api.status import Phase
from tests.e2e.faulty import LONG_STEP, PATIENCE_SECONDS, Faulty

_OPERATOR: Final = ("--namespace", SYSTEM, "-l", "app.kubernetes.io/component=operator")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_operator_restart_loses_nothing(faulty: Faulty) -> None:
    """An operator killed in the middle of a step goes on where it was, and still finds the bad candidate."""
    stable = faulty.serve("1")
    faulty.start_traffic()
    bad = faulty.ship("2", rollout=LONG_STEP)
    faulty.wait(lambda deployment: deployment.status.phase is Phase.STEPPING, "the split")
    faulty.stage.cluster.kubectl("delete", "pods", *_OPERATOR, "--grace-period=0", "--force")
    faulty.set_fault(bad, 0.5)
    status = faulty.wait(lambda deployment: bool(deployment.status.rejected_revisions), "the rejection")
    assert status.rejected_revisions[0].revision == bad
    faulty.wait(serves(stable), "all traffic on the stable revision")
    traffic = faulty.end_traffic()
    assert [answer for answer in traffic.answers if answer.failed and answer.version != "2"] == []


def test_a_team_alert_rolls_back_the_revision_it_means(faulty: Faulty) -> None:
    """An alert that the team has named rolls back the revision it means, once Prometheus confirms it.

    Alertmanager tells the operator of it through the AlertmanagerConfig that the chart makes.
    """
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
    limit = time.monotonic() + PATIENCE_SECONDS
    while not _woke_the_operator(faulty, "TeamSaysNo"):
        assert time.monotonic() < limit, "Alertmanager's notification did not wake the operator"
        time.sleep(3)


def _woke_the_operator(faulty: Faulty, alert: str) -> bool:
    """Return whether Alertmanager's word of an alert in the test's namespace has woken a reconcile."""
    log = faulty.stage.cluster.kubectl("logs", *_OPERATOR, "--tail=-1")
    messages = [json.loads(line)["message"] for line in log.splitlines() if line.startswith("{")]
    named = (f"'alertname': '{alert}'", f"'namespace': '{faulty.stage.namespace}'")
    return any(said.startswith("alert woken: ") and all(name in said for name in named) for said in messages)
