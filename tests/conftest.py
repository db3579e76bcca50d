"""What tests of several parts share: a real API server, a namespace for each test, and who runs where.

With pytest-xdist (`make test`) tests of one folder run in one process, one after the other: they share its
servers, and those in tests/e2e the one cluster that a machine can have.
"""

import ctypes
import os
import re
import signal
import sys
import uuid
from collections.abc import Iterator
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from dev.cluster import controlplane, definitions

_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that a process gets when its parent ends."""
_LONGEST_FIRST: Final = ("tests/e2e", "tests/apiserver")
"""Folders whose tests are begun first, each in a process of its own, so that no process works on alone."""


class _FolderByFolder(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out tests by the folder; --dist=loadgroup needs attributes that pytest 9.2 does not have."""

    def _split_scope(self, nodeid: str) -> str:
        return _folder(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _FolderByFolder:
    """Keep the tests of a folder together."""
    return _FolderByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the folders first that take longest."""
    order = (*_LONGEST_FIRST, "")
    items.sort(key=lambda item: order.index(found if (found := _folder(item.nodeid)) in order else ""))


def _folder(nodeid: str) -> str:
    return nodeid.partition("::")[0].rpartition("/")[0]


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
