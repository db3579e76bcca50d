"""Fixtures that tests of several parts share: a real API server, and a namespace for each test."""

import re
import uuid
from collections.abc import Iterator

import pytest

from dev.cluster import controlplane, definitions


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
