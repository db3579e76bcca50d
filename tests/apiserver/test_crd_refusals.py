"""Wrong manifests are refused with what to write instead, whatever client applies them."""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest

from dev.cluster.controlplane import ControlPlane
from tests.modeldeployments import (
    AGAINST_A_RULE,
    AGAINST_THE_SCHEMA,
    UNKNOWN_FIELDS,
    VALID,
    Manifest,
    Wrong,
    changed,
)

pytestmark = pytest.mark.apiserver

REFUSED = (
    *AGAINST_A_RULE,
    *AGAINST_THE_SCHEMA,
    Wrong(
        "two objectives of one name",
        {"spec": {"objectives": [{"name": "a", "availability": {}, "target": "99%"}] * 2}},
        "",
    ),
)


@pytest.fixture(scope="module")
def nowhere(api_server: ControlPlane) -> str:
    """Return a namespace in which nothing is ever stored, as everything tried there is refused."""
    name = "crd-refusals"
    api_server.kubectl("create", "namespace", name)
    return name


def _by_name(wrong: Wrong) -> str:
    return wrong.name.replace(" ", "-")


def _kubectl_apply(api_server: ControlPlane, namespace: str, manifest: Manifest, *options: str) -> str:
    done = api_server.kubectl(
        "apply", "--namespace", namespace, *options, "-f", "-", input=json.dumps(manifest), check=False
    )
    assert done.returncode != 0, f"accepted: {done.stdout}"
    return done.stderr


def _post(api_server: ControlPlane, namespace: str, manifest: Manifest) -> tuple[int, dict[str, Any]]:
    """Create an object as a client does that asks for no field validation."""
    path = f"/apis/modelward.dev/v1alpha1/namespaces/{namespace}/modeldeployments?fieldValidation=Ignore"
    request = urllib.request.Request(
        api_server.url + path,
        data=json.dumps(manifest).encode(),
        headers={"Authorization": f"Bearer {api_server.token}", "Content-Type": "application/json"},
    )
    context = ssl.create_default_context(cafile=str(api_server.ca_file))
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def test_the_valid_manifest_is_accepted(api_server: ControlPlane, namespace: str) -> None:
    """What every wrong manifest is a change of must itself be accepted, or the table proves nothing."""
    status, answer = _post(api_server, namespace, VALID)
    assert status == 201, answer


@pytest.mark.parametrize("wrong", REFUSED, ids=_by_name)
def test_kubectl_apply_is_refused(api_server: ControlPlane, nowhere: str, wrong: Wrong) -> None:
    """Client-side apply must be refused with the message."""
    assert wrong.said in _kubectl_apply(api_server, nowhere, wrong.manifest)


@pytest.mark.parametrize("wrong", REFUSED, ids=_by_name)
def test_server_side_apply_is_refused(api_server: ControlPlane, nowhere: str, wrong: Wrong) -> None:
    """Server-side apply must be refused with the message."""
    assert wrong.said in _kubectl_apply(api_server, nowhere, wrong.manifest, "--server-side")


@pytest.mark.parametrize("wrong", REFUSED, ids=_by_name)
def test_a_client_without_field_validation_is_refused(
    api_server: ControlPlane, nowhere: str, wrong: Wrong
) -> None:
    """A client that validates nothing must be refused with the message."""
    status, answer = _post(api_server, nowhere, wrong.manifest)
    assert status == 422, answer
    assert wrong.said in answer["message"]


@pytest.mark.parametrize("wrong", UNKNOWN_FIELDS, ids=_by_name)
def test_kubectl_apply_refuses_unknown_fields(api_server: ControlPlane, nowhere: str, wrong: Wrong) -> None:
    """Strict field validation, kubectl's default, must name the unknown field."""
    said = _kubectl_apply(api_server, nowhere, wrong.manifest)
    assert "unknown field" in said
    assert wrong.said in said


@pytest.mark.parametrize("wrong", UNKNOWN_FIELDS, ids=_by_name)
def test_server_side_apply_refuses_unknown_fields(
    api_server: ControlPlane, nowhere: str, wrong: Wrong
) -> None:
    """Server-side apply must name the unknown field."""
    said = _kubectl_apply(api_server, nowhere, wrong.manifest, "--server-side")
    assert "field not declared in schema" in said
    assert wrong.said in said


@pytest.mark.parametrize("wrong", UNKNOWN_FIELDS, ids=_by_name)
def test_without_field_validation_unknown_fields_are_pruned(
    api_server: ControlPlane, namespace: str, wrong: Wrong
) -> None:
    """A client that validates nothing must get the object without the unknown field."""
    status, stored = _post(api_server, namespace, wrong.manifest)
    assert status == 201, stored
    assert wrong.said.rpartition(".")[2] not in json.dumps(stored["spec"])


def test_two_objectives_of_one_name_are_called_duplicates(api_server: ControlPlane, nowhere: str) -> None:
    """A repeated name must be pointed at."""
    twice = changed({"spec": {"objectives": [{"name": "a", "availability": {}, "target": "99%"}] * 2}})
    _, answer = _post(api_server, nowhere, twice)
    assert 'spec.objectives[1]: Duplicate value: {"name":"a"}' in answer["message"]
