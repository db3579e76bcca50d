"""A cluster with the operator installed, and for each test a furnished namespace in it.

A cluster that is up already is used and left; one that these tests bring up is taken down at their end. With
pytest-xdist each file's tests have a process of their own, beside each other on the one cluster: what one of
them does to the operator or to what serves all namespaces happens to the others too.
"""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from dev.cluster import layout
from dev.demo.cluster import Cluster, this_cluster
from dev.demo.infrastructure.story import AS_ON_A_BUSY_MACHINE, Story
from dev.demo.screen import Screen
from dev.demo.slow_store import SlowStore
from dev.demo.stage import CHECKOUT, Stage
from tests.e2e import own_prometheus
from tests.e2e.faulty import Faulty
from tests.e2e.together import made_once

UP_SECONDS = 5400
"""The first time every program is built."""
DOWN_SECONDS = 600
IMAGES = ("operator", "monitor", "gates", "mlserver")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with the operator of this checkout, and the faulty server in its S3."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with made_once(folder, "cluster", lambda: _bring_up(folder), lambda: _take_down(folder)):
        yield this_cluster(*IMAGES)


def _bring_up(folder: Path) -> None:
    if os.environ.get("CLUSTER") != "current" and not layout.of_checkout().kubeconfig.exists():
        _ours(folder).touch()
    subprocess.run([sys.executable, "-m", "dev.cluster", "up"], cwd=CHECKOUT, check=True, timeout=UP_SECONDS)
    stage = stage_of(this_cluster(*IMAGES), "e2e")
    stage.install_operator({**own_prometheus.CHART_VALUES, "resources.requests.cpu": "10m"})
    stage.clear()
    server = Faulty(stage)
    server.furnish()
    server.upload()


def _take_down(folder: Path) -> None:
    if _ours(folder).exists():
        command = [sys.executable, "-m", "dev.cluster", "down"]
        subprocess.run(command, cwd=CHECKOUT, check=True, timeout=DOWN_SECONDS)


def _ours(folder: Path) -> Path:
    return folder / "cluster.brought-up"


@pytest.fixture
def faulty(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Faulty]:
    """A namespace of the test's own, to serve the faulty server in; it is deleted afterwards."""
    stage = stage_of(cluster, namespace_of(request.node.name))
    stage.clear()
    server = Faulty(stage)
    server.furnish()
    yield server
    stage.cluster.kubectl("delete", "namespace", stage.namespace, "--wait=false")


@pytest.fixture
def story(faulty: Faulty) -> Story:
    """In the same namespace: a server that reads a store which can be made slow."""
    store = SlowStore(faulty.stage)
    store.furnish()
    return Story(faulty.stage, store, AS_ON_A_BUSY_MACHINE)


def namespace_of(test: str) -> str:
    """Return the name of a test's namespace."""
    return "e2e-" + re.sub("[^a-z0-9]+", "-", test.removeprefix("test_"))[:40].strip("-")


def stage_of(cluster: Cluster, namespace: str) -> Stage:
    """Return a namespace's stage, whose screen is not shown."""
    return Stage(cluster, namespace, Screen(Console(file=io.StringIO())))
