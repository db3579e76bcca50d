"""A real API server takes the chart and the manifests; the operator may do its work, and no more."""

from pathlib import Path

import pytest

from dev import manifests
from dev.cluster.controlplane import ControlPlane
from dev.cluster.paths import CHECKOUT
from tests.administration import operator_may

pytestmark = pytest.mark.apiserver
SYSTEM = manifests.NAMESPACE
TEAM = "default"


@pytest.fixture(scope="module")
def installed(api_server: ControlPlane) -> ControlPlane:
    """Install the manifests; what they make belongs to the operator alone, so other tests do not mind."""
    api_server.kubectl("apply", "--server-side", "--validate=strict", "-k", str(CHECKOUT / "manifests"))
    return api_server


@pytest.mark.parametrize(
    ("verbs", "what"),
    [
        ("get list watch", "modeldeployments.modelward.dev"),
        ("get list watch", "modelapprovals.modelward.dev"),
        ("rungates", "modeldeployments.modelward.dev"),
        ("update", "modeldeployments.modelward.dev:status"),
        ("get list watch create patch delete", "controllerrevisions.apps"),
        ("get list watch create patch delete", "deployments.apps"),
        ("get list watch create patch delete", "services"),
        ("get list watch create patch delete", "configmaps"),
        ("get list watch create patch", "secrets"),
        ("get list watch patch", "pods"),
        ("get", "pods:log"),
        ("get list watch create patch delete", "jobs.batch"),
        ("get list watch create patch", "podmonitors.monitoring.coreos.com"),
        ("get list watch create patch", "prometheusrules.monitoring.coreos.com"),
        ("create", "events.events.k8s.io"),
    ],
)
def test_the_operator_may_do_its_work(installed: ControlPlane, verbs: str, what: str) -> None:
    """In a team's namespace it has every verb that it uses."""
    refused = [verb for verb in verbs.split() if not operator_may(installed, verb, what, TEAM)]
    assert refused == []


@pytest.mark.parametrize(
    ("verb", "what", "namespace"),
    [
        ("update", "modeldeployments.modelward.dev", TEAM),
        ("patch", "modeldeployments.modelward.dev", TEAM),
        ("delete", "modeldeployments.modelward.dev", TEAM),
        ("approve", "modeldeployments.modelward.dev", TEAM),
        ("setgates", "modeldeployments.modelward.dev", TEAM),
        ("create", "modelapprovals.modelward.dev", TEAM),
        ("delete", "modelapprovals.modelward.dev", TEAM),
        ("delete", "secrets", TEAM),
        ("create", "pods", TEAM),
        ("create", "pods:exec", TEAM),
        ("delete", "pods", TEAM),
        ("get", "leases.coordination.k8s.io", TEAM),
        ("update", "leases.coordination.k8s.io/another", SYSTEM),
        ("create", "clusterroles.rbac.authorization.k8s.io", TEAM),
        ("impersonate", "serviceaccounts", TEAM),
        ("list", "customresourcedefinitions.apiextensions.k8s.io", TEAM),
        ("list", "namespaces", TEAM),
    ],
)
def test_the_operator_may_do_no_more(installed: ControlPlane, verb: str, what: str, namespace: str) -> None:
    """It never writes a spec, approves, sets gates, runs a pod or reads another's Lease."""
    assert not operator_may(installed, verb, what, namespace)


@pytest.mark.parametrize("verb", ["get", "update"])
def test_the_operator_holds_its_own_lease(installed: ControlPlane, verb: str) -> None:
    """The leader's Lease is in the operator's namespace, by name."""
    assert operator_may(installed, "create", "leases.coordination.k8s.io", SYSTEM)
    assert operator_may(installed, verb, "leases.coordination.k8s.io/modelward", SYSTEM)


def test_users_rights_come_with_the_clusters_roles(installed: ControlPlane) -> None:
    """The roles that are added to view and edit say what a user of either may do."""
    for role, label in (("modelward-view", "view"), ("modelward-edit", "edit")):
        labels = installed.kubectl("get", "clusterrole", role, "-o", "jsonpath={.metadata.labels}").stdout
        assert f"aggregate-to-{label}" in labels


def test_plain_apply_works_too(installed: ControlPlane) -> None:
    """Client-side apply's annotation has room for the CRD."""
    kustomized = ("apply", "-k", str(CHECKOUT / "manifests"), "--dry-run=server")
    assert "customresourcedefinition" in installed.kubectl(*kustomized).stdout


def test_the_whole_chart_is_valid(installed: ControlPlane, tmp_path: Path) -> None:
    """With every part switched on the API server finds nothing unknown, missing or forbidden."""
    rendered = tmp_path / "chart.yaml"
    switches = (
        "serviceMonitor.mode=always",
        "alertmanagerWebhook.alertmanagerConfig.enabled=true",
        "replicas=2",
    )
    rendered.write_text(manifests.render(*(f"--set={switch}" for switch in switches)))
    apply = ("apply", "--server-side", "--force-conflicts", "--validate=strict", "--dry-run=server")
    done = installed.kubectl(*apply, "-f", str(rendered))
    assert "Warning" not in done.stderr
    assert "poddisruptionbudget" in done.stdout
    assert "alertmanagerconfig" in done.stdout
