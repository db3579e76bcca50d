"""The control plane that API tests run against."""

import json

import pytest

from dev.cluster import controlplane, definitions, processes

pytestmark = pytest.mark.apiserver


def test_server_has_the_pinned_version(api_server: controlplane.ControlPlane) -> None:
    """The server is of Kubernetes' pinned minor, so that what tests show holds for what is documented."""
    answer = json.loads(api_server.kubectl("version", "-o", "json").stdout)
    assert (answer["serverVersion"]["major"], answer["serverVersion"]["minor"]) == ("1", "35")


def test_definitions_are_served(api_server: controlplane.ControlPlane) -> None:
    """prometheus-operator's kinds and ours, where there are any, can be listed."""
    served = api_server.kubectl("api-resources", "-o", "name").stdout.split()
    assert {"podmonitors.monitoring.coreos.com", "prometheusrules.monitoring.coreos.com"} <= set(served)
    assert ("modeldeployments.modelward.dev" in served) == any(
        definitions.OURS.glob("*modeldeployments*.yaml")
    )


def test_each_test_has_its_namespace(api_server: controlplane.ControlPlane, namespace: str) -> None:
    """A pod is admitted to the test's namespace, which holds nothing else."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": {"containers": [{"name": "main", "image": "example.invalid/none"}]},
    }
    api_server.kubectl("apply", "--namespace", namespace, "-f", "-", input=json.dumps(pod))
    assert api_server.kubectl("get", "pods", "-n", namespace, "-o", "name").stdout.split() == ["pod/one"]


def test_audit_log_names_requests(api_server: controlplane.ControlPlane, namespace: str) -> None:
    """A request that changed something is in the audit log, by verb and name."""
    audit_log = api_server.audit_log
    assert audit_log is not None

    def logged() -> bool:
        events = map(json.loads, audit_log.read_text().splitlines())
        return any(
            event["verb"] == "create" and event["objectRef"].get("name") == namespace for event in events
        )

    assert processes.until(logged, limit_seconds=10)


def test_unknown_user_is_refused(api_server: controlplane.ControlPlane) -> None:
    """A wrong token is answered 401, so that tests of rights mean something."""
    answer = api_server.kubectl(
        "--token",
        "wrong",
        "--kubeconfig",
        "/dev/null",
        "--server",
        api_server.url,
        "--certificate-authority",
        str(api_server.ca_file),
        "get",
        "pods",
        check=False,
    )
    assert answer.returncode != 0
    assert "Unauthorized" in answer.stderr or "must be logged in" in answer.stderr
