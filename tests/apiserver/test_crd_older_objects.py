"""Objects stored before a rule existed stay usable: their status can be written, they can be mended."""

import copy
import json
import time
from collections.abc import Callable, Iterator

import pytest

from dev.cluster.controlplane import ControlPlane
from modelward.api.crd import definition
from modelward.api.rules import KEY_VALIDATIONS
from tests.modeldeployments import Manifest, changed

pytestmark = pytest.mark.apiserver

LIMIT_SECONDS = 240
GROUP = "older.modelward.dev"
"""A group of the test's own, so that other tests keep the definition they have."""
OLD = changed(
    {
        "apiVersion": f"{GROUP}/v1alpha1",
        "metadata": {"name": "electricity.v2"},
        "spec": {"server": {"port": 9080}, "rollout": {"steps": [{"weight": 50}, {"weight": 10}]}},
    }
)
NAME = f"modeldeployment.{GROUP}/electricity.v2"


def _renamed() -> Manifest:
    crd = definition()
    crd["metadata"]["name"] = f"modeldeployments.{GROUP}"
    crd["spec"]["group"] = GROUP
    for names in ("shortNames", "categories"):
        del crd["spec"]["names"][names]
    return crd


def _without_rules(node: object) -> None:
    if isinstance(node, dict):
        node.pop(KEY_VALIDATIONS, None)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _without_rules(child)


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@pytest.fixture
def old_object(api_server: ControlPlane, namespace: str) -> Iterator[None]:
    """Store an object under a definition without rules, and then give the definition its rules."""

    def create(name: str, *options: str) -> bool:
        manifest = json.dumps(changed({"metadata": {"name": name}}, OLD))
        arguments = ("--namespace", namespace, *options, "-f", "-")
        return api_server.kubectl("create", *arguments, input=manifest, check=False).returncode == 0

    crd = _renamed()
    before = copy.deepcopy(crd)
    _without_rules(before)
    apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    try:
        api_server.kubectl(*apply, input=json.dumps(before))
        _until(lambda: create(OLD["metadata"]["name"]), "an object breaks a rule that is not there")
        api_server.kubectl(*apply, input=json.dumps(crd))
        _until(lambda: not create("other.v2", "--dry-run=server"), "the rules did not come into force")
        yield
    finally:
        api_server.kubectl("delete", "crd", crd["metadata"]["name"], "--ignore-not-found", "--wait=false")


@pytest.mark.usefixtures("old_object")
def test_an_object_older_than_a_rule_can_be_told_so_and_mended(
    api_server: ControlPlane, namespace: str
) -> None:
    """Its status must be writable, what is right in it changeable, and a new wrong value refused."""

    def patch(change: Manifest, *options: str) -> int:
        arguments = (NAME, "--namespace", namespace, "--type=merge", "-p", json.dumps(change), *options)
        return api_server.kubectl("patch", *arguments, check=False).returncode

    assert patch({"status": {"phase": "Serving"}}, "--subresource=status") == 0
    assert patch({"spec": {"replicas": 2}}) == 0
    assert patch({"spec": {"server": {"port": 9081}}}) != 0
    assert patch({"spec": {"server": {"port": 8080}}}) == 0
    assert patch({"spec": {"server": {"port": 9080}}}) != 0
