"""The life of a release: install, upgrade, uninstall and install again, with helm on a real API server."""

import subprocess
from collections.abc import Iterator

import pytest

from dev import manifests
from dev.cluster import controlplane, programs
from dev.cluster.controlplane import ControlPlane

pytestmark = pytest.mark.apiserver
CRD = "customresourcedefinition/modeldeployments.modelward.dev"
IN_SYSTEM = ("--namespace", manifests.NAMESPACE)


@pytest.fixture
def empty() -> Iterator[ControlPlane]:
    """Run an API server on which nothing of ours is installed."""
    with controlplane.temporary() as plane:
        yield plane


def helm(plane: ControlPlane, *arguments: str) -> None:
    """Run helm as administrator."""
    command = [str(programs.find("helm")), "--kubeconfig", str(plane.kubeconfig), *IN_SYSTEM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def install(plane: ControlPlane, *values: str) -> None:
    """Install or upgrade the release."""
    settings = [f"--set={value}" for value in values]
    chart = str(manifests.CHART)
    helm(plane, "upgrade", "--install", "modelward", chart, "--create-namespace", *settings)


def token(plane: ControlPlane) -> str:
    """Read the webhook's token."""
    secret = ("get", "secret", "modelward-webhook", *IN_SYSTEM, "-o", "jsonpath={.data.token}")
    return plane.kubectl(*secret).stdout


def test_a_release_lives_and_its_definitions_stay(empty: ControlPlane) -> None:
    """An upgrade keeps the token; uninstalling keeps the CRD and what is of it, which a new install takes."""
    install(empty)
    first = token(empty)
    install(empty, "replicas=2")
    assert token(empty) == first
    empty.kubectl("wait", "--for=condition=Established", "--timeout=30s", CRD)
    empty.kubectl("create", "-f", "-", input=MINIMAL)
    helm(empty, "uninstall", "modelward")
    assert "kept" in empty.kubectl("get", "mdep", "kept", "-n", "default", "-o", "name").stdout
    install(empty)
    assert "modelward" in empty.kubectl("get", "deployment", *IN_SYSTEM, "-o", "name").stdout


MINIMAL = """
apiVersion: modelward.dev/v1alpha1
kind: ModelDeployment
metadata: {name: kept, namespace: default}
spec:
  model: {uri: "s3://models/kept"}
  server: {template: {spec: {containers: [{name: model, image: "example.com/server:1"}]}}}
"""
