"""Wrong manifests are refused with what to write instead, whatever client applies them.

kubectl is given all of them in one call for each way of applying, and answers with one line each.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import pytest

from dev.cluster.controlplane import ControlPlane
from tests.administration import ask
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

REFUSED: Final = (
    *AGAINST_A_RULE,
    *AGAINST_THE_SCHEMA,
    Wrong(
        "two objectives of one name",
        {"spec": {"objectives": [{"name": "twice", "availability": {}, "target": "99%"}] * 2}},
        "twice",
    ),
)
NAMESPACE: Final = "crd-refusals"
"""Nothing is ever stored in it, as everything that is tried there is refused."""

Answers: TypeAlias = Mapping[str, str]
"""What kubectl said of each wrong manifest, by its name in the table; empty where it was accepted."""


def _by_name(wrong: Wrong) -> str:
    return wrong.name.replace(" ", "-")


@pytest.fixture(scope="session")
def nowhere(api_server: ControlPlane) -> str:
    """Return a namespace for what is refused."""
    api_server.kubectl("create", "namespace", NAMESPACE)
    return NAMESPACE


@pytest.fixture(scope="session")
def client_side(api_server: ControlPlane, nowhere: str) -> Answers:
    """Return the answers to `kubectl apply`."""
    return _apply(api_server, nowhere)


@pytest.fixture(scope="session")
def server_side(api_server: ControlPlane, nowhere: str) -> Answers:
    """Return the answers to `kubectl apply --server-side`."""
    return _apply(api_server, nowhere, "--server-side")


def _apply(api_server: ControlPlane, namespace: str, *options: str) -> Answers:
    wrong = (*REFUSED, *UNKNOWN_FIELDS)
    manifests = [_with_own_name(each, number) for number, each in enumerate(wrong)]
    text = "\n---\n".join(json.dumps(manifest) for manifest in manifests)
    done = api_server.kubectl("apply", "--namespace", namespace, *options, "-f", "-", input=text, check=False)
    lines = (line for line in done.stderr.splitlines() if line.startswith("Error"))
    # kubectl takes the documents in order and answers in one line each: an error, or what it made.
    return {
        each.name: "" if f"/{manifest['metadata']['name']} " in done.stdout else next(lines)
        for each, manifest in zip(wrong, manifests, strict=True)
    }


def _with_own_name(wrong: Wrong, number: int) -> Manifest:
    """Return the manifest under a name of its own, unless its name is what is wrong."""
    if "metadata" in wrong.change:
        return wrong.manifest
    return changed({"metadata": {"name": f"case-{number}"}}, wrong.manifest)


def _post(api_server: ControlPlane, namespace: str, manifest: Manifest) -> tuple[int, dict[str, Any]]:
    """Create an object as a client does that asks for no field validation."""
    path = f"/apis/modelward.dev/v1alpha1/namespaces/{namespace}/modeldeployments?fieldValidation=Ignore"
    return ask(api_server, "POST", path, manifest)


def test_the_valid_manifest_is_accepted(api_server: ControlPlane, namespace: str) -> None:
    """What every wrong manifest is a change of must itself be accepted, or the table proves nothing."""
    status, answer = _post(api_server, namespace, VALID)
    assert status == 201, answer


@pytest.mark.parametrize("wrong", REFUSED, ids=_by_name)
def test_kubectl_apply_is_refused(client_side: Answers, wrong: Wrong) -> None:
    """Client-side apply must be refused with the message."""
    assert wrong.said in client_side[wrong.name]


@pytest.mark.parametrize("wrong", REFUSED, ids=_by_name)
def test_server_side_apply_is_refused(server_side: Answers, wrong: Wrong) -> None:
    """Server-side apply must be refused with the message."""
    assert wrong.said in server_side[wrong.name]


@pytest.mark.parametrize("wrong", REFUSED, ids=_by_name)
def test_a_client_without_field_validation_is_refused(
    api_server: ControlPlane, nowhere: str, wrong: Wrong
) -> None:
    """A client that validates nothing must be refused with the message."""
    status, answer = _post(api_server, nowhere, wrong.manifest)
    assert status == 422, answer
    assert wrong.said in answer["message"]


@pytest.mark.parametrize("wrong", UNKNOWN_FIELDS, ids=_by_name)
def test_kubectl_apply_refuses_unknown_fields(client_side: Answers, wrong: Wrong) -> None:
    """Strict field validation, kubectl's default, must name the unknown field."""
    assert "unknown field" in client_side[wrong.name]
    assert wrong.said in client_side[wrong.name]


@pytest.mark.parametrize("wrong", UNKNOWN_FIELDS, ids=_by_name)
def test_server_side_apply_refuses_unknown_fields(server_side: Answers, wrong: Wrong) -> None:
    """Server-side apply must name the unknown field."""
    assert "field not declared in schema" in server_side[wrong.name]
    assert wrong.said in server_side[wrong.name]


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
    _, answer = _post(api_server, nowhere, REFUSED[-1].manifest)
    assert 'spec.objectives[1]: Duplicate value: {"name":"twice"}' in answer["message"]
