"""Who says what a candidate must pass: those who may set gates, and nobody else who may deploy."""

import json
from typing import Any, Final

import pytest

from dev import manifests
from dev.cluster.controlplane import ControlPlane
from modelward.api.recordedgates import RecordedGates
from modelward.api.spec import ModelDeploymentSpec
from tests.apiserver.people import Person, install, person
from tests.modeldeployments import LEFT_OUT, VALID, Manifest, changed

pytestmark = pytest.mark.apiserver

GATED: Final = changed(
    {
        "spec": {
            "inference": {"model": "electricity"},
            "validation": {"uri": "s3://models/validation.csv", "labels": "up"},
            "training": {"uri": "s3://models/training.csv"},
            "gates": [
                {"name": "calm", "robustness": {"worstSlice": {"minAccuracy": "30%"}}},
                {"name": "person", "approval": {"required": 2}},
            ],
        }
    }
)
REFUSED: Final = "may not say what a candidate must pass"


@pytest.fixture(scope="module", autouse=True)
def policies(api_server: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Install the policies, and wait until they hold."""
    install(api_server, tmp_path_factory.mktemp("people"))


@pytest.fixture
def deployer(api_server: ControlPlane, namespace: str) -> Person:
    """Return one who may deploy."""
    return person(api_server, namespace, "deployer", "modelward-edit", "modelward-view")


@pytest.fixture
def setter(api_server: ControlPlane, namespace: str) -> Person:
    """Return one who may deploy and set gates."""
    roles = ("modelward-edit", "modelward-view", "modelward-gatekeeper")
    return person(api_server, namespace, "setter", *roles)


def stored(who: Person) -> Manifest:
    """Return the spec as it is stored."""
    spec: Manifest = json.loads(who.kubectl("get", "mdep", "electricity", "-o", "json").stdout)["spec"]
    return spec


def test_one_who_may_deploy_deploys_without_gates(deployer: Person) -> None:
    """Nothing changes for teams that have no gates, whatever else their deployment says."""
    assert deployer.apply(VALID) == ""
    assert deployer.apply(changed({"spec": {"replicas": 3}})) == ""
    measured = {"validation": GATED["spec"]["validation"], "inference": GATED["spec"]["inference"]}
    assert deployer.apply(changed({"spec": measured})) == ""
    assert deployer.kubectl("delete", "mdep", "electricity").returncode == 0


@pytest.mark.parametrize(
    "gated",
    [
        GATED,
        changed({"spec": {"requireApproval": {"rollout": True}}}),
        changed({"spec": {"requireApproval": {"rollback": True}}}),
    ],
    ids=["gates", "rollout", "rollback"],
)
def test_gates_are_made_by_those_who_may(deployer: Person, setter: Person, gated: Manifest) -> None:
    """One who may only deploy can neither make a deployment with gates nor add them to one."""
    assert REFUSED in deployer.apply(gated)
    assert deployer.apply(VALID) == ""
    assert REFUSED in deployer.apply(gated)
    assert setter.apply(gated) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"gates": LEFT_OUT},
        {"gates": GATED["spec"]["gates"][:1]},
        {"gates": [*GATED["spec"]["gates"], {"name": "more", "approval": {}}]},
        {"gates": [GATED["spec"]["gates"][0], {"name": "person", "approval": {"required": 1}}]},
        {"requireApproval": {"rollout": True}},
        {"validation": {"uri": "s3://models/easier.csv"}},
        {"training": {"uri": "s3://models/unrelated.csv"}},
        {"training": LEFT_OUT},
        {"inference": {"model": "another"}},
    ],
    ids=(
        "no-gates",
        "fewer-gates",
        "more-gates",
        "fewer-people",
        "approval",
        "other-rows",
        "other-training",
        "no-training",
        "other-model",
    ),
)
def test_what_a_candidate_must_pass_is_changed_by_those_who_may(
    deployer: Person, setter: Person, change: dict[str, Any]
) -> None:
    """Gates and what they are measured by stay as they are for one who may only deploy."""
    assert setter.apply(GATED) == ""
    before = stored(setter)
    assert REFUSED in deployer.apply(changed({"spec": change}, GATED))
    patch = {key: None if value is LEFT_OUT else value for key, value in change.items()}
    merge = ("patch", "mdep", "electricity", "--type=merge", "-p", json.dumps({"spec": patch}))
    assert REFUSED in deployer.kubectl(*merge).stderr
    assert stored(setter) == before
    assert setter.apply(changed({"spec": change}, GATED)) == ""
    assert stored(setter) != before


def test_one_who_may_deploy_ships_a_new_model_past_no_gate(deployer: Person, setter: Person) -> None:
    """A deployment with gates is deployed to as ever: all else in it changes freely."""
    assert setter.apply(GATED) == ""
    free = {
        "model": {"uri": "s3://models/electricity/3"},
        "replicas": 4,
        "paused": True,
        "rollout": {"steps": [{"weight": 20}]},
    }
    assert deployer.apply(changed({"spec": free}, GATED)) == ""
    scale = ("scale", "mdep", "electricity", "--replicas=2")
    assert deployer.kubectl(*scale).returncode == 0
    assert deployer.kubectl("annotate", "mdep", "electricity", "modelward.dev/abort=1").returncode == 0
    assert [gate["name"] for gate in stored(deployer)["gates"]] == ["calm", "person"]


def test_gates_do_not_go_with_a_deletion(deployer: Person, setter: Person) -> None:
    """Deleting a deployment, to make it again without gates, is for those who may set them."""
    assert setter.apply(GATED) == ""
    for deletion in (("delete", "mdep", "electricity"), ("delete", "mdep", "--all")):
        assert REFUSED in deployer.kubectl(*deletion).stderr
    assert setter.kubectl("delete", "mdep", "electricity").returncode == 0


def test_gates_do_not_go_with_an_owner(deployer: Person, setter: Person) -> None:
    """What has an owner that is gone the cluster deletes: to name one is for those who may delete."""

    def own(who: Person, *owners: Manifest) -> str:
        patch = json.dumps({"metadata": {"ownerReferences": owners}})
        return who.kubectl("patch", "mdep", "electricity", "--type=merge", "-p", patch).stderr

    gone = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "gone"}
    assert setter.apply(GATED) == ""
    assert REFUSED in own(deployer, gone)
    assert own(setter, gone) == ""
    assert REFUSED in own(deployer, gone, {**gone, "uid": "another"})
    assert deployer.kubectl("annotate", "mdep", "electricity", "note=1").returncode == 0
    assert own(deployer) == ""


def test_the_cluster_itself_still_deletes(api_server: ControlPlane, setter: Person) -> None:
    """A namespace with gates ends, and what its owner leaves behind is collected."""
    collector = Person(
        "system:serviceaccount:kube-system:generic-garbage-collector", api_server, setter.namespace
    )
    controller = Person(
        "system:serviceaccount:kube-system:namespace-controller", api_server, setter.namespace
    )
    for who in (collector, controller):
        assert setter.apply(GATED) == ""
        assert who.kubectl("delete", "mdep", "electricity").stderr == ""


def test_the_operator_still_writes_status_and_nothing_else(api_server: ControlPlane, setter: Person) -> None:
    """The operator's own service account needs no leave to say how gates stand, and has none to set them."""
    assert setter.apply(GATED) == ""
    account = f"system:serviceaccount:{manifests.NAMESPACE}:modelward"
    operator = Person(account, api_server, setter.namespace)
    said = {"status": {"phase": "Serving", "stableRevision": "electricity-2222222222"}}
    current = json.loads(operator.kubectl("get", "mdep", "electricity", "-o", "json").stdout)
    path = f"/apis/modelward.dev/v1alpha1/namespaces/{setter.namespace}/modeldeployments/electricity/status"
    written = operator.kubectl("replace", "--raw", path, "-f", "-", given={**current, **said})
    assert written.returncode == 0, written.stderr
    shown = setter.kubectl("get", "mdep", "electricity", "-o", "jsonpath={.status.stableRevision}").stdout
    assert shown == "electricity-2222222222"
    patch = ("patch", "mdep", "electricity", "--type=merge", "-p", '{"spec":{"gates":null}}')
    assert "forbidden" in operator.kubectl(*patch).stderr


@pytest.mark.parametrize("annotation", ["modelward.dev/retry", "modelward.dev/undo"])
@pytest.mark.parametrize("token", ["", "@1"])
def test_a_vetoed_revision_comes_back_by_those_who_may_approve(
    api_server: ControlPlane, deployer: Person, annotation: str, token: str
) -> None:
    """One who may only deploy cannot answer a person's no with a retry or an undo."""
    assert deployer.apply(VALID) == ""
    rejected = [
        {
            "revision": f"electricity-{hash_}",
            "cause": "Unknown",
            "reason": reason,
            "time": "2026-11-22T10:00:00Z",
        }
        for hash_, reason in (("2222222222", "Vetoed"), ("3333333333", "Breached"))
    ]
    status = ("patch", "mdep", "electricity", "--subresource=status", "--type=merge", "-p")
    api_server.kubectl(
        *status, json.dumps({"status": {"rejectedRevisions": rejected}}), "--namespace", deployer.namespace
    )
    approver = person(
        api_server, deployer.namespace, "approver", "modelward-edit", "modelward-view", "modelward-approver"
    )
    asked = ("annotate", "mdep", "electricity", f"{annotation}=electricity-2222222222{token}")
    assert "was vetoed, and deployer may not have it back" in deployer.kubectl(*asked).stderr
    other = ("annotate", "mdep", "electricity", f"{annotation}=electricity-3333333333{token}")
    assert deployer.kubectl(*other).returncode == 0
    assert approver.kubectl(*asked, "--overwrite").returncode == 0


def test_every_field_that_gates_are_measured_by_is_guarded(api_server: ControlPlane) -> None:
    """A field of spec that is recorded with gates, and not guarded, would be a way around them."""
    guarded = api_server.kubectl(
        "get", "validatingadmissionpolicy", "modelward-gates", "-o", "jsonpath={.spec.variables}"
    ).stdout
    fields = {RecordedGates.model_fields[name].alias for name in RecordedGates.model_fields}
    assert fields | {"requireApproval"} <= {
        field.alias for field in ModelDeploymentSpec.model_fields.values()
    }
    for field in (*fields, "requireApproval"):
        assert f"spec.?{field}" in guarded
