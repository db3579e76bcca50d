"""A real API server takes what is rendered: strictly validated, and admitted by restricted Pod Security."""

import json

import pytest

from dev.cluster.controlplane import ControlPlane
from modelward.render.revision import controller_revision
from tests.unit.render import cases

pytestmark = pytest.mark.apiserver
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.mark.parametrize("state", cases.STATES)
@pytest.mark.parametrize("spec_name", cases.SPECS)
def test_every_child_is_taken_as_it_is(
    api_server: ControlPlane, namespace: str, spec_name: str, state: str
) -> None:
    """Strict validation and server-side apply find nothing unknown, missing or forbidden."""
    items = list(cases.children_of(spec_name, state, namespace))
    # JSON: a hash of digits and one e is text in PyYAML's YAML 1.1, and a number in kubectl's.
    children = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    apply = ("apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", "-")
    done = api_server.kubectl(*apply, input=children)
    assert "Warning" not in done.stderr


@pytest.mark.parametrize("spec_name", cases.SPECS)
def test_the_pods_meet_the_restricted_standard(
    api_server: ControlPlane, namespace: str, spec_name: str
) -> None:
    """A pod of the rendered template is admitted where the restricted standard is enforced."""
    api_server.kubectl("label", "namespace", namespace, RESTRICTED)
    for child in cases.children_of(spec_name, "first", namespace):
        if child["kind"] == "Deployment":
            template = child["spec"]["template"]
            metadata = {**template["metadata"], "name": "probe", "namespace": namespace}
            pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": metadata}
            api_server.kubectl(
                "create", "--validate=strict", "--dry-run=server", "-f", "-", input=json.dumps(pod)
            )
            break
    else:
        pytest.fail("no Deployment was rendered")


def test_a_revision_is_kept_and_cannot_be_changed(api_server: ControlPlane, namespace: str) -> None:
    """The ControllerRevision is taken, and the API server refuses other data for it later."""
    identity = cases.identity_of("shop", namespace)
    record, _ = cases.two_records(identity, cases.FULL)
    manifest = controller_revision(identity, record)
    apply = ("apply", "--server-side", "--validate=strict", "--force-conflicts", "-f", "-")
    api_server.kubectl(*apply, input=json.dumps(manifest))
    changed = {**manifest, "data": {**manifest["data"], "renderer": 2}}
    refused = api_server.kubectl(*apply, input=json.dumps(changed), check=False)
    assert refused.returncode != 0
    assert "field is immutable" in refused.stderr
