"""Nobody speaks for another: who makes a ModelApproval, what it says, and that it stays as it was made."""

import json
from typing import Any

import pytest

from dev.cluster.controlplane import ControlPlane
from tests.apiserver.people import Person, approval, install, person

pytestmark = pytest.mark.apiserver

APPROVER = "modelward-approver"


@pytest.fixture(scope="module", autouse=True)
def policies(api_server: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Install the policies, and wait until they hold."""
    install(api_server, tmp_path_factory.mktemp("people"))


@pytest.fixture
def alice(api_server: ControlPlane, namespace: str) -> Person:
    """Return one who may approve."""
    return person(api_server, namespace, "alice", APPROVER)


def test_a_person_who_may_approve_does_so_by_plain_apply(alice: Person) -> None:
    """`kubectl apply`, of one's own word, is taken, and so is the same once more."""
    assert alice.apply(approval("alice")) == ""
    assert alice.apply(approval("alice")) == ""
    shown = alice.kubectl("get", "mappr").stdout
    assert "electricity-2222222222   Approve    alice      seen the reports" in shown


def test_server_side_apply_is_taken_as_well(alice: Person) -> None:
    """GitOps tools apply on the server's side."""
    done = alice.kubectl("apply", "--server-side", "-f", "-", given=approval("alice"))
    assert done.returncode == 0, done.stderr


def test_a_forged_approver_is_refused(alice: Person) -> None:
    """One who may approve still speaks for nobody else."""
    said = alice.apply(approval("bob"))
    assert "Forbidden" in said
    assert "nobody speaks for another: write approver: alice" in said
    assert alice.kubectl("get", "mappr", "-o", "name").stdout == ""


@pytest.mark.parametrize("name", ["Alice", "alice ", "ALICE", "system:serviceaccount:default:alice"])
def test_a_name_that_only_looks_like_ones_own_is_refused(alice: Person, name: str) -> None:
    """Users are told apart by every character of their names."""
    assert alice.apply(approval(name)) != ""


def test_the_clusters_administrator_is_bound_too(api_server: ControlPlane, namespace: str) -> None:
    """Also one to whom RBAC forbids nothing says only what is their own word."""
    given = json.dumps(approval("alice"))
    done = api_server.kubectl("create", "-n", namespace, "-f", "-", input=given, check=False)
    assert "nobody speaks for another" in done.stderr


def test_approving_needs_more_than_making_the_object(api_server: ControlPlane, namespace: str) -> None:
    """A role that may make ModelApprovals, but lacks the verb approve, may not."""
    makes = ("create", "role", "makes", "--verb=create,get,patch", "--resource=modelapprovals.modelward.dev")
    api_server.kubectl(*makes, "--namespace", namespace)
    carol = Person("carol", api_server, namespace)
    api_server.kubectl(
        "create", "rolebinding", "carol", "--user=carol", "--role=makes", "--namespace", namespace
    )
    said = carol.apply(approval("carol"))
    assert "carol may not approve ModelDeployment electricity" in said
    assert "a role with the verb approve on modeldeployments.modelward.dev" in said


def test_the_verb_can_be_given_for_one_deployment_alone(api_server: ControlPlane, namespace: str) -> None:
    """A Role with resourceNames lets a person approve that ModelDeployment and no other."""
    rules = [
        {
            "apiGroups": ["modelward.dev"],
            "resources": ["modelapprovals"],
            "verbs": ["create", "get", "patch"],
        },
        {
            "apiGroups": ["modelward.dev"],
            "resources": ["modeldeployments"],
            "resourceNames": ["electricity"],
            "verbs": ["approve"],
        },
    ]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "one"}}
    given = json.dumps({**role, "rules": rules})
    api_server.kubectl("create", "--namespace", namespace, "-f", "-", input=given)
    api_server.kubectl("create", "rolebinding", "dan", "--user=dan", "--role=one", "--namespace", namespace)
    dan = Person("dan", api_server, namespace)
    assert dan.apply(approval("dan")) == ""
    other = {"modelDeploymentName": "water", "revision": "water-2222222222"}
    assert "dan may not approve ModelDeployment water" in dan.apply(approval("dan", "other", **other))


def test_one_namespaces_approver_is_nobody_in_another(alice: Person) -> None:
    """Rights end with the namespace."""
    elsewhere = Person("alice", alice.plane, "default")
    assert "forbidden" in elsewhere.apply(approval("alice")).lower()


@pytest.mark.parametrize(
    "change",
    [
        {"decision": "Veto"},
        {"reason": "another"},
        {"revision": "electricity-3333333333"},
        {"approver": "bob"},
    ],
    ids=str,
)
def test_an_edited_approval_is_refused(alice: Person, change: dict[str, str]) -> None:
    """Not even who made it can change what was said, by whichever verb."""
    assert alice.apply(approval("alice")) == ""
    assert "cannot be changed" in alice.apply(approval("alice", **change))
    patch = ("patch", "mappr", "yes", "--type=merge", "-p", json.dumps({"spec": change}))
    assert "cannot be changed" in alice.kubectl(*patch).stderr
    as_admin = alice.plane.kubectl(*patch, "--namespace", alice.namespace, check=False)
    assert "cannot be changed" in as_admin.stderr


def test_a_label_may_change(alice: Person) -> None:
    """What is not said by the person is not frozen: tools label and annotate."""
    assert alice.apply(approval("alice")) == ""
    alice.kubectl("label", "mappr", "yes", "a=b")
    labelled = alice.kubectl("get", "mappr", "yes", "-o", "jsonpath={.metadata.labels.a}")
    assert labelled.stdout == "b"


def test_an_approver_takes_the_word_back_by_deleting_it(alice: Person) -> None:
    """Deleting is how an Approve is revoked."""
    assert alice.apply(approval("alice")) == ""
    assert alice.kubectl("delete", "mappr", "yes").returncode == 0
    assert alice.kubectl("get", "mappr", "-o", "name").stdout == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"decision": "Maybe"}, "Approve"),
        ({"reason": ""}, "write why"),
        ({"reason": " \n "}, "write why"),
        ({"reason": "x" * 401}, "400"),
        ({"revision": "electricity"}, "write NAME-HASH"),
        ({"revision": "water-2222222222"}, "write a revision of the one that modelDeploymentName names"),
        ({"modelDeploymentName": "Electricity"}, "not the name of a ModelDeployment"),
        ({"approver": ""}, "kubectl auth whoami"),
        ({"weight": 3}, "unknown field"),
    ],
    ids=str,
)
def test_a_wrong_approval_is_refused_with_what_to_write(
    alice: Person, change: dict[str, Any], said: str
) -> None:
    """An approval that could not count is not stored, and the answer says how to write one that does."""
    assert said in alice.apply(approval("alice", **change))


def test_the_edit_role_reads_and_does_not_approve(api_server: ControlPlane, namespace: str) -> None:
    """Who deploys sees what people said, and says nothing by that role."""
    erin = person(api_server, namespace, "erin", "modelward-edit", "modelward-view")
    assert erin.kubectl("get", "mappr").returncode == 0
    assert "forbidden" in erin.apply(approval("erin")).lower()
