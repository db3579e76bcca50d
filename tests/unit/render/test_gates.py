"""Jobs of gates: named by what they are about, found by no Service, with all that their pod needs."""

from dataclasses import replace
from typing import Any

import pytest

from modelward.api.gatepolicy import GateReports, GateResources
from modelward.api.gates import Gate, Validation
from modelward.api.inference import Inference
from modelward.api.recordedgates import GateInForce, RecordedGates, recorded
from modelward.conventions import ANNOTATION_ADDED_GATES
from modelward.decide.placement import GateJob
from modelward.render.gatepods import GateRun
from modelward.render.gatereports import file_key, kept_jobs, reports, reports_place
from modelward.render.gates import gate_manifests, job_name, read_gate_job
from modelward.render.identity import DeploymentIdentity
from modelward.render.manifest import Manifest
from modelward.render.revision import InvalidRevisionError, controller_revision, new_record, read_record
from tests.unit.render import cases

OWNER = DeploymentIdentity("electricity", "energy", "uid-1")
MEASURED = Gate.model_validate(
    {"name": "why", "interpretability": {"forbidden": [{"feature": "transfer"}]}, "timeout": "4m"}
)
ON_LOG = GateReports.model_validate({"configMap": {}})


def of_team(**pod: Any) -> Gate:
    """Return a gate of the team's own; fields of `pod` are added to its pod's spec."""
    template = {
        "metadata": {
            "labels": {"team": "energy", "app.kubernetes.io/name": "theirs"},
            "annotations": {"example.com/note": "kept"},
        },
        "spec": {"containers": [{"name": "test", "image": "fairness:1"}], **pod},
    }
    return Gate.model_validate({"name": "fairness", "job": {"template": template}})


def run_of(gate: Gate, **more: Any) -> GateRun:
    """Return the first run of a gate for a candidate."""
    spec = cases.read(cases.FULL)
    record = new_record(OWNER, spec, 2, cases.IMAGES)
    in_force = GateInForce(
        gate,
        Inference.model_validate({"model": "electricity"}),
        Validation.model_validate({"uri": "s3://data/validation.csv", "labels": "up"}),
    )
    given = GateRun(
        job=GateJob(
            record.name, gate.name, in_force.configuration, "2026-11-22T12:00:00Z", 0, "electricity-stable"
        ),
        gate=in_force,
        record=record,
        image="example.com/gates:1",
        resources=GateResources(),
        reports=ON_LOG,
    )
    return replace(given, **more)


def pod_of(manifests: tuple[Manifest, ...]) -> dict[str, Any]:
    """Return the pod spec of the Job."""
    spec: dict[str, Any] = manifests[-1]["spec"]["template"]["spec"]
    return spec


def arguments(run: GateRun) -> list[str]:
    """Return what modelward-gates is told."""
    told: list[str] = pod_of(gate_manifests(OWNER, run))["containers"][0]["args"]
    return told


def test_a_jobs_name_is_short_and_says_which_try_it_is() -> None:
    """Names fit a label however long the gate's is, and differ with every part of what they are about."""
    job = GateJob("a" * 40 + "-bcdfghjklm", "g" * 40, "conf", "t", 0)
    others = [
        replace(job, name="g" * 39),
        replace(job, configuration="x"),
        replace(job, run="u"),
        replace(job, attempt=1),
        replace(job, stable="s"),
    ]
    assert len(job_name(job)) <= 63
    assert len({job_name(each) for each in (job, *others)}) == 6
    assert job_name(replace(job, revision="shop-bcdf", name="why")).startswith("shop-bcdf-why-")


def test_a_job_says_whose_it_is() -> None:
    """What is written on a Job is read back; what says nothing of the kind is no gate's Job."""
    run = run_of(MEASURED)
    assert read_gate_job(gate_manifests(OWNER, run)[-1]) == run.job
    for annotations in ({}, {"modelward.dev/gate-job": "{"}, {"modelward.dev/gate-job": '{"name": "why"}'}):
        assert read_gate_job({"metadata": {"annotations": annotations}}) is None


@pytest.mark.parametrize("gate", [MEASURED, of_team()])
def test_no_label_of_the_deployments_is_on_the_pod(gate: Gate) -> None:
    """Services and PodMonitors go by labels below modelward.dev/ that the pod of a gate lacks."""
    labels = gate_manifests(OWNER, run_of(gate))[-1]["spec"]["template"]["metadata"]["labels"]
    assert not {"modelward.dev/deployment", "modelward.dev/revision"} & labels.keys()
    assert labels["app.kubernetes.io/name"] == "modelward"
    assert labels["modelward.dev/gate"] == gate.name


@pytest.mark.parametrize(
    ("place", "told", "kept_at"),
    [
        ({"configMap": {}}, "--print-report", "log"),
        (
            {"uri": "s3://reports/here/"},
            "--report-uri=s3://reports/here/{}/why",
            "s3://reports/here/{}/why/report.html",
        ),
        (
            {"persistentVolumeClaimName": "reports"},
            "--report-uri=file:///mnt/reports/{}/why",
            "pvc://reports/{}/why/report.html",
        ),
    ],
)
def test_reports_go_where_spec_says(place: dict[str, Any], told: str, kept_at: str) -> None:
    """The program is told where, and the Job says where that is to others."""
    run = run_of(MEASURED, reports=GateReports.model_validate(place))
    job = gate_manifests(OWNER, run)[-1]
    assert arguments(run)[-1] == told.format(run.job.revision)
    assert job["metadata"]["annotations"]["modelward.dev/gate-report"] == kept_at.format(run.job.revision)
    claims = [volume.get("persistentVolumeClaim") for volume in job["spec"]["template"]["spec"]["volumes"]]
    assert ({"claimName": "reports"} in claims) == ("persistentVolumeClaimName" in place)


def test_the_first_revision_is_compared_with_nothing() -> None:
    """With a stable revision its endpoint is given; without one comparisons are left out."""
    alone = replace(run_of(MEASURED).job, stable="")
    assert "--stable-endpoint=http://electricity-stable.energy.svc:9081" in arguments(run_of(MEASURED))
    assert "--comparisons=WhereStableServes" in arguments(run_of(MEASURED, job=alone))
    env = pod_of(gate_manifests(OWNER, run_of(of_team(), job=alone)))["containers"][0]["env"]
    assert [each["name"] for each in env] == [
        "MODELWARD_ENDPOINT",
        "MODELWARD_REVISION",
        "MODELWARD_VERDICT",
    ]


def test_a_teams_pod_keeps_what_it_says() -> None:
    """Its own values stay, what it leaves out is filled in, and its first container leaves the verdict."""
    own = {
        "containers": [
            {"name": "test", "image": "x", "env": [{"name": "MODELWARD_VERDICT", "value": "/modelward/own"}]},
            {"name": "other", "image": "x", "securityContext": {"runAsUser": 7}},
        ],
        "initContainers": [{"name": "before", "image": "x"}],
        "volumes": [{"name": "mine", "emptyDir": {}}],
        "automountServiceAccountToken": True,
    }
    pod = pod_of(gate_manifests(OWNER, run_of(of_team(**own))))
    first, other = pod["containers"]
    assert [each["name"] for each in first["env"]].count("MODELWARD_VERDICT") == 1
    assert first["terminationMessagePath"] == "/modelward/verdict.json"
    assert "terminationMessagePath" not in other
    assert other["securityContext"] == {
        "runAsUser": 7,
        "capabilities": {"drop": ["ALL"]},
        "allowPrivilegeEscalation": False,
    }
    assert pod["initContainers"][0]["volumeMounts"][0]["mountPath"] == "/modelward"
    assert [volume["name"] for volume in pod["volumes"]] == ["modelward-gate", "mine"]
    assert (pod["automountServiceAccountToken"], pod["restartPolicy"]) == (True, "Never")
    assert pod["activeDeadlineSeconds"] == 600


def test_a_measured_pod_has_the_models_credentials_and_pull_secrets() -> None:
    """It reads data with what the model is fetched with, and its image with what the server's is."""
    spec = cases.read(cases.FULL)
    template = {"spec": {**spec.server.template["spec"], "imagePullSecrets": [{"name": "registry"}]}}
    record = new_record(OWNER, cases.read({**cases.FULL, "server": {"template": template}}), 2, cases.IMAGES)
    pod = pod_of(gate_manifests(OWNER, run_of(MEASURED, record=record)))
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["containers"][0]["envFrom"] == [{"secretRef": {"name": "model-store"}}]


ATTACKED = Gate.model_validate(
    {"name": "calm", "robustness": {"gradient": [{"method": "FGSM", "size": "0.1", "maxFlips": "5%"}]}}
)
NOISED = Gate.model_validate({"name": "calm", "robustness": {"noise": [{"size": "0.1", "maxFlips": "5%"}]}})
CORRELATED = Gate.model_validate({"name": "why", "interpretability": {"minRankCorrelation": "0.5"}})


def with_file(gate: Gate, **more: Any) -> GateRun:
    """Return a run of a gate for which the model's file is named."""
    run = run_of(gate)
    inference = Inference.model_validate({"model": "electricity", "modelFile": "trees/model.joblib"})
    return replace(run, gate=replace(run.gate, inference=inference), **more)


def fetches(run: GateRun) -> bool:
    """Return whether the model is brought into the gate's pod, and the program told of it."""
    pod, given = pod_of(gate_manifests(OWNER, run)), "--model=file:///mnt/models" in arguments(run)
    assert ([each["name"] for each in pod.get("initContainers", ())] == ["fetch"]) == given
    mounts = [each["name"] for each in pod["containers"][0]["volumeMounts"]]
    assert ("modelward-model" in mounts) == given
    return given


def test_a_gate_that_reads_the_models_file_has_it_fetched() -> None:
    """As for the pods that serve it: by the revision's image, credentials and digest."""
    run = with_file(ATTACKED)
    pod = pod_of(gate_manifests(OWNER, run))
    (fetch,) = pod["initContainers"]
    assert (fetch["image"], fetch["args"]) == (cases.IMAGES.fetch, ["file:///mnt/claim/electricity/2"])
    assert fetch["envFrom"] == [{"secretRef": {"name": "model-store"}}]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in fetch["volumeMounts"]} <= volumes.keys()
    items = [{"key": "model-digest", "path": "model-digest"}]
    assert volumes["modelward-claim"]["persistentVolumeClaim"] == {"claimName": "models"}
    assert volumes["modelward-config"]["configMap"] == {"name": run.record.name, "items": items}


def test_the_model_is_fetched_for_gates_that_read_it_alone() -> None:
    """Gradients are taken from it, and importances, unless they are compared with stable's."""
    assert fetches(with_file(ATTACKED))
    assert fetches(with_file(MEASURED))
    assert fetches(with_file(CORRELATED, job=replace(run_of(CORRELATED).job, stable="")))
    assert not fetches(with_file(CORRELATED))
    assert not fetches(with_file(NOISED))
    assert not fetches(with_file(Gate.model_validate({"name": "data", "dataQuality": {}})))
    assert not fetches(run_of(MEASURED))


def test_a_revision_records_its_gates() -> None:
    """What had to be passed when a revision was made is read back; a revision without gates says nothing."""
    asked = {"gates": [{"name": "people", "approval": {}}]}
    record = new_record(OWNER, cases.read({**cases.MINIMAL, **asked}), 1, cases.IMAGES)
    stored = controller_revision(OWNER, record)
    assert read_record(stored) == record
    assert record.gates is not None
    assert [gate.name for gate in record.gates.gates] == ["people"]
    without = new_record(OWNER, cases.read(cases.MINIMAL), 1, cases.IMAGES)
    assert "gates" not in controller_revision(OWNER, without)["data"]
    assert without.name == record.name


def test_recorded_gates_that_are_no_longer_valid_are_said() -> None:
    """A record of gates that this version cannot read is refused, and says where."""
    record = new_record(OWNER, cases.read(cases.MINIMAL), 1, cases.IMAGES)
    stored = controller_revision(OWNER, replace(record, gates=RecordedGates()))
    stored["data"]["gates"] = {"gates": [{"name": "why"}]}
    with pytest.raises(InvalidRevisionError, match=r"gates that are no longer valid: gates\.0"):
        read_record(stored)


def test_a_revision_keeps_the_gates_that_were_added() -> None:
    """In an annotation, each with what it is measured by; what is no record of gates is refused."""
    spec = cases.read({**cases.MINIMAL, "gates": [{"name": "people", "approval": {}}]})
    record = new_record(OWNER, cases.read(cases.MINIMAL), 1, cases.IMAGES)
    record = replace(record, added_gates=(recorded(spec),), digest="sha256:" + "ab" * 32)
    stored = controller_revision(OWNER, record)
    assert read_record(stored) == record
    assert [each.gate.name for each in record.in_force(cases.read(cases.MINIMAL))] == ["people"]
    for broken in ("{", '[{"gates": [{"name": "why"}]}]', "null"):
        stored["metadata"]["annotations"][ANNOTATION_ADDED_GATES] = broken
        with pytest.raises(InvalidRevisionError, match="added-gates does not hold gates"):
            read_record(stored)


def test_reports_say_whose_they_are() -> None:
    """The ConfigMap of reports has the files it was given, and by gate the Job that they come from."""
    made = reports(OWNER, "electricity-x", {file_key("why", "report.html"): "AAAA"}, {"why": "uid-7"})
    assert made["metadata"]["name"] == "electricity-gates-electricity-x"
    assert reports_place("electricity", "electricity-x") == f"configmap/{made['metadata']['name']}"
    assert made["binaryData"] == {"why.report.html.gz": "AAAA"}
    assert kept_jobs(made) == {"why": "uid-7"}
    for annotations in (None, {}, {"modelward.dev/gate-reports": "{"}, {"modelward.dev/gate-reports": "[]"}):
        assert kept_jobs({"metadata": {"annotations": annotations}}) == {}
    assert kept_jobs(None) == {}
