"""What tests of several parts share: a real API server, a namespace for each test, and how a run ends."""

import ctypes
import http
import os
import re
import signal
import sys
import uuid
from collections.abc import Iterator
from typing import Final

import pytest

from dev.cluster import controlplane, definitions, processes
from tests.administration import ask

DISCOVERY_SECONDS: Final = 120
NEIGHBOURS: Final = ("podmonitors", "prometheusrules", "servicemonitors", "alertmanagerconfigs")
"""Of prometheus-operator's kinds those that are written here; the large others cost much time."""
_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that a process gets when its parent ends."""

# Containers often forbid to keep compiled code. To compile in each process anew what it imports takes longer
# than many of the tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# What numba compiles in each process anew (shap's loops) runs once or twice: to optimise it takes longer.
os.environ["NUMBA_OPT"] = "0"
# API servers and the other Go programs of tests: a sixth less of the processors' time, for some more memory.
os.environ.setdefault("GOGC", "400")


def pytest_configure() -> None:
    """Let SIGTERM, and the end of the process that hands out tests, end a run as Ctrl-C does: tidily.

    Ctrl-C itself is ignored by what a script runs in the background, unless that asks for it.
    """
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    if "PYTEST_XDIST_WORKER" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


@pytest.fixture(scope="session")
def api_server() -> Iterator[controlplane.ControlPlane]:
    """Run etcd and kube-apiserver with the definitions that the operator knows; some 6 s, once a session."""
    folder = definitions.prometheus_operator()
    neighbours = (folder / f"monitoring.coreos.com_{plural}.yaml" for plural in NEIGHBOURS)
    with controlplane.temporary() as plane:
        plane.apply(*neighbours, definitions.OURS)
        # What is defined is told to clients a little later.
        assert processes.until(
            lambda: plane.kubectl("get", "mdep", check=False).returncode == 0, limit_seconds=DISCOVERY_SECONDS
        )
        yield plane


@pytest.fixture
def namespace(api_server: controlplane.ControlPlane, request: pytest.FixtureRequest) -> str:
    """Make a namespace of the test's own; it goes with the API server at the end of the session."""
    readable = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40].strip("-")
    return make_namespace(api_server, f"{readable}-{uuid.uuid4().hex[:8]}")


def make_namespace(api_server: controlplane.ControlPlane, name: str) -> str:
    """Make a namespace that pods are admitted to; return its name.

    kube-controller-manager, which would make the service account that they need, is not running.
    """
    service_account = {"metadata": {"name": "default"}}
    for path, body in (
        ("/api/v1/namespaces", {"metadata": {"name": name}}),
        (f"/api/v1/namespaces/{name}/serviceaccounts", service_account),
    ):
        status, answer = ask(api_server, "POST", path, body)
        assert status == http.HTTPStatus.CREATED, answer
    return name
