"""The life of a release: install, upgrade, uninstall and install again, with helm on a real API server."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dev import manifests
from dev.cluster import certificates, controlplane, programs
from dev.cluster.controlplane import ControlPlane
from modelward.control import kinds
from modelward.control.client import Client
from modelward.control.faults import Faults
from tests.administration import operator_may
from tests.apiserver.changes import Changes
from tests.apiserver.operators import Nursery, World, administrator

pytestmark = pytest.mark.apiserver
CRD = "customresourcedefinition/modeldeployments.modelward.dev"
IN_SYSTEM = ("--namespace", manifests.NAMESPACE)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """Run an API server on which nothing of ours is installed but by these tests."""
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


def test_a_release_lives_and_its_definitions_stay(plane: ControlPlane) -> None:
    """An upgrade keeps the token; uninstalling keeps the CRD and what is of it, which a new install takes."""
    install(plane)
    first = token(plane)
    install(plane, "replicas=2")
    assert token(plane) == first
    plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", CRD)
    plane.kubectl("create", "-f", "-", input=MINIMAL)
    helm(plane, "uninstall", "modelward")
    assert "kept" in plane.kubectl("get", "mdep", "kept", "-n", "default", "-o", "name").stdout
    install(plane)
    assert "modelward" in plane.kubectl("get", "deployment", *IN_SYSTEM, "-o", "name").stdout


async def test_an_operator_of_named_namespaces_has_rights_in_those_alone(
    plane: ControlPlane, nursery: Nursery, tmp_path: Path
) -> None:
    """With `namespaces` it does its work there, by rights that hold nowhere else."""
    install(plane, "namespaces={default}")
    plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", CRD)
    async with given_its_own_rights(plane, nursery, tmp_path) as world:
        lease = {"namespace": manifests.NAMESPACE, "name": "modelward"}
        async with world.operator(lease=lease) as operator:
            await world.apply()
            await world.until_status(lambda status: status.get("candidateRevision"))
            await world.until(lambda: world.get_or_none(kinds.SERVICE, "electricity"))
            assert not operator.said("forbidden")
    assert operator_may(plane, "list", "secrets", "default")
    assert not operator_may(plane, "list", "secrets", "kube-system")


@asynccontextmanager
async def given_its_own_rights(plane: ControlPlane, nursery: Nursery, folder: Path) -> AsyncIterator[World]:
    """Give a world in namespace default whose operators have no rights but the chart's."""
    account = ("create", "token", "modelward", *IN_SYSTEM)
    secret = plane.kubectl(*account).stdout.strip()
    own = certificates.kubeconfig(folder / "kubeconfig", plane.url, plane.ca_file, secret)
    client = Client(administrator(plane), Faults(), "test")
    changes = Changes(client.settings, "default")
    yield World(client, replace(plane, kubeconfig=own), nursery, "default", folder, changes)
    await changes.close()
    await client.close()


MINIMAL = """
apiVersion: modelward.dev/v1alpha1
kind: ModelDeployment
metadata: {name: kept, namespace: default}
spec:
  model: {uri: "s3://models/kept"}
  server: {template: {spec: {containers: [{name: model, image: "example.com/server:1"}]}}}
"""
