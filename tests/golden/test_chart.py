"""The chart with its defaults and with everything switched on."""

import subprocess
from pathlib import Path

import pytest
import yaml

from dev import manifests
from dev.cluster import programs
from dev.cluster.paths import CHECKOUT
from modelward.control import settings
from tests.golden.golden import assert_golden

EVERYTHING = """
images: {fetch: "modelward/fetch:0.1.0"}
imagePullSecrets: [{name: pull}]
replicas: 2
lease: {durationSeconds: 60, renewDeadlineSeconds: 40, retryPeriodSeconds: 5}
namespaces: [team-a, team-b]
prometheus:
  url: https://mimir.example.com/prometheus
  headers: {X-Scope-OrgID: team-a}
  bearerTokenFile: /etc/modelward/prometheus/token
prometheusPerNamespace: {team-b: {url: "http://prometheus.team-b:9090"}}
prometheusSecretName: mimir
evaluationDelaySeconds: 30
workers: 16
relistMinutes: 30
monitoringLabels: {podMonitor: {release: prometheus}, prometheusRule: {release: prometheus}}
runbookBaseUrl: https://example.com/runbook
alertmanagerWebhook:
  existingSecret: my-token
  alertmanagerConfig: {enabled: true, labels: {alertmanager: main}}
serviceMonitor: {mode: always, labels: {release: prometheus}}
networkPolicy: {from: [{namespaceSelector: {matchLabels: {name: monitoring}}}]}
env: [{name: OTEL_EXPORTER_OTLP_ENDPOINT, value: "http://traces.monitoring:4318"}]
grafanaDashboard: {enabled: false}
podLabels: {team: platform}
podAnnotations: {example.com/note: kept}
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: dedicated, operator: Exists}]
priorityClassName: system-cluster-critical
serviceAccount: {annotations: {example.com/role: operator}}
"""


def test_defaults_are_as_written_down() -> None:
    """What an install without values makes, but for CRDs, dashboard and the generated token."""
    without = ("--set=crds.install=false", "--set=grafanaDashboard.enabled=false")
    rendered = manifests.render(*without, "--set=alertmanagerWebhook.existingSecret=given")
    assert_golden("chart/defaults.yaml", rendered)


def test_everything_is_as_written_down(tmp_path: Path) -> None:
    """What an install with every value set makes."""
    rendered = manifests.render("--set=crds.install=false", "--values", _file(tmp_path, EVERYTHING))
    assert_golden("chart/everything.yaml", rendered)


@pytest.mark.parametrize("values", ["{}", EVERYTHING])
def test_the_operator_reads_what_the_chart_writes(tmp_path: Path, values: str) -> None:
    """The settings file of the chart holds nothing that the operator does not know."""
    rendered = manifests.render("--values", _file(tmp_path, values), "--show-only", "templates/settings.yaml")
    text = yaml.safe_load(rendered)["data"]["operator.yaml"]
    read = settings.read(_path(tmp_path, "operator.yaml", text))
    assert read.images.fetch
    assert read.alertmanager_webhook is not None
    given = yaml.safe_load(values)
    assert (read.workers, read.relist_minutes) == (given.get("workers", 4), given.get("relistMinutes", 7))
    assert read.lease.duration_seconds == given.get("lease", {"durationSeconds": 15})["durationSeconds"]


def test_crds_are_those_of_the_repository_and_are_kept() -> None:
    """The chart's CRDs are the generated ones, and uninstalling the chart keeps them."""
    rendered = manifests.render("--show-only", "templates/crds.yaml")
    crds = [document for document in yaml.safe_load_all(rendered) if document]
    for crd in crds:
        assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    sources = sorted((CHECKOUT / "crds").glob("*.yaml"))
    assert crds == [yaml.safe_load(source.read_text()) for source in sources]


def test_the_dashboard_is_what_grafana_takes_up() -> None:
    """The ConfigMap has the label that Grafana's sidecar looks for, and the generated dashboard."""
    config_map = yaml.safe_load(manifests.render("--show-only", "templates/dashboard.yaml"))
    assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
    (file,) = (manifests.CHART / "files" / "dashboards").glob("*.json")
    assert config_map["data"] == {file.name: file.read_text()}


def test_a_token_is_made_where_none_is_given() -> None:
    """Without a Secret of the user's the chart makes one with a token of 40 characters."""
    secret = yaml.safe_load(manifests.render("--show-only", "templates/webhook.yaml"))
    assert secret["kind"] == "Secret"
    assert len(secret["data"]["token"]) > 40


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("replicas=-1", "replicas"),
        ("prometheus.url=prometheus:9090", "prometheus/url"),
        ("serviceMonitor.mode=maybe", "serviceMonitor/mode"),
        ("imagePullPolicy=Sometimes", "imagePullPolicy"),
        ("unknown=1", "unknown"),
        ("workers=0", "workers"),
        ("relistMinutes=61", "relistMinutes"),
        ("images.monitor=", "images/monitor"),
    ],
)
def test_a_wrong_value_is_refused(value: str, said: str) -> None:
    """Helm names the value that the schema refuses."""
    refused = subprocess.run(
        [programs.find("helm"), "template", "x", manifests.CHART, "--kube-version=1.35.0", f"--set={value}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert said in refused.stderr


def test_lint_finds_nothing() -> None:
    """Helm lint --strict passes."""
    linted = subprocess.run(
        [programs.find("helm"), "lint", "--strict", manifests.CHART],
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout


def _path(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def _file(folder: Path, text: str) -> str:
    return str(_path(folder, "values.yaml", text))
