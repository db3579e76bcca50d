"""A cluster with the operator installed, and for each test a furnished namespace in it.

A cluster that is up already is used and left; one that these tests bring up is taken down at their end.
"""

import io
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console

from dev.cluster import layout
from dev.demo.cluster import Cluster, this_cluster
from dev.demo.screen import Screen
from dev.demo.stage import CHECKOUT, Stage
from tests.e2e.faulty import Faulty

UP_SECONDS = 5400
"""The first time every program is built."""
DOWN_SECONDS = 600


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster, brought up and taken down unless there is one already."""
    was_up = os.environ.get("CLUSTER") == "current" or layout.of_checkout().kubeconfig.exists()
    command = [sys.executable, "-m", "dev.cluster"]
    try:
        subprocess.run([*command, "up"], cwd=CHECKOUT, check=True, timeout=UP_SECONDS)
        yield this_cluster()
    finally:
        if not was_up:
            subprocess.run([*command, "down"], cwd=CHECKOUT, check=True, timeout=DOWN_SECONDS)


@pytest.fixture(scope="session")
def operator(cluster: Cluster) -> Cluster:
    """The cluster with the operator of this checkout installed, and the faulty server in its S3."""
    stage = _stage(cluster, "e2e")
    stage.install_operator()
    stage.clear()
    server = Faulty(stage)
    server.furnish()
    server.upload()
    return cluster


@pytest.fixture
def faulty(operator: Cluster, request: pytest.FixtureRequest) -> Iterator[Faulty]:
    """A namespace of the test's own, to serve the faulty server in; it is deleted afterwards."""
    name = "e2e-" + request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    stage = _stage(operator, name)
    stage.clear()
    server = Faulty(stage)
    server.furnish()
    yield server
    stage.cluster.kubectl("delete", "namespace", name, "--wait=false")


def _stage(cluster: Cluster, namespace: str) -> Stage:
    return Stage(cluster, namespace, Screen(Console(file=io.StringIO())))
