"""What tests of several parts share: a real API server, a namespace for each test, and who runs where.

With pytest-xdist (`make test`) tests of one group run in one process, one after the other: those on a real
cluster, of which a machine has one, and else those of a folder, which share its servers.
"""

import ctypes
import os
import re
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from dev.cluster import controlplane, definitions

_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that a process gets when its parent ends."""
_LONGEST_FIRST: Final = ("e2e", "apiserver")
"""Markers whose tests are begun first, each in a process of its own, so that no process works on alone."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its group, and put the groups that take longest first."""
    for item in items:
        marker = _marker(item)
        group = marker or str(item.path.parent.relative_to(Path(__file__).parent))
        item.add_marker(pytest.mark.xdist_group(group))
    order = (*_LONGEST_FIRST, None)
    items.sort(key=lambda item: order.index(_marker(item)))


def _marker(item: pytest.Item) -> str | None:
    return next((marker for marker in _LONGEST_FIRST if item.get_closest_marker(marker)), None)


@pytest.fixture(scope="session", autouse=True)
def ended_in_order() -> None:
    """Let SIGTERM, and the end of the process that hands out tests, end a run as Ctrl-C does: tidily."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if "PYTEST_XDIST_WORKER" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


@pytest.fixture(scope="session")
def api_server() -> Iterator[controlplane.ControlPlane]:
    """Run etcd and kube-apiserver with every definition installed; some 6 s, once a session."""
    with controlplane.temporary() as plane:
        plane.apply(*definitions.all_folders())
        yield plane


@pytest.fixture
def namespace(api_server: controlplane.ControlPlane, request: pytest.FixtureRequest) -> str:
    """Make a namespace of the test's own; it goes with the API server at the end of the session."""
    readable = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40].strip("-")
    name = f"{readable}-{uuid.uuid4().hex[:8]}"
    api_server.kubectl("create", "namespace", name)
    # kube-controller-manager, which would make it, is not running; pods need it to be admitted.
    api_server.kubectl("create", "serviceaccount", "default", "--namespace", name)
    return name
