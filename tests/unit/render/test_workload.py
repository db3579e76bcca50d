"""The Deployment of a revision."""

from collections.abc import Mapping
from typing import Any

import pytest

from modelward import conventions as names
from modelward.api.template import RESERVED_PORT_NAMES, RESERVED_PORTS
from modelward.render.revision import RevisionRecord, new_record
from modelward.render.team import SERVER_STAYS_SECONDS
from modelward.render.workload import deployment, pod_template
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")


def record_of(document: Mapping[str, Any]) -> RevisionRecord:
    """Make the revision that a spec describes."""
    return new_record(IDENTITY, cases.read(document), 1, cases.IMAGES)


def pod_of(pod: Mapping[str, Any], model: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Render the pod spec of a deployment with this pod spec and model."""
    document = {"model": model or cases.MINIMAL["model"], "server": {"template": {"spec": pod}}}
    rendered: dict[str, Any] = pod_template(IDENTITY, record_of(document))["spec"]
    return rendered


def container(pod: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Find a container or init container by name."""
    (found,) = (c for c in (*pod["initContainers"], *pod["containers"]) if c["name"] == name)
    result: dict[str, Any] = found
    return result


def server(**fields: Any) -> dict[str, Any]:
    """Write a pod with one container."""
    return {"containers": [{"name": "model", "image": "example.com/server:1", **fields}]}


def test_the_template_depends_on_the_revision_alone() -> None:
    """No change of objectives, telemetry or replicas restarts a pod."""
    changed = {
        **cases.MINIMAL,
        "replicas": 7,
        "objectives": [{"name": "a", "availability": {}, "target": "90%"}],
        "telemetry": {"otlp": {"endpoint": "http://jaeger:4317"}},
    }
    before, after = record_of(cases.MINIMAL), record_of(changed)
    assert deployment(IDENTITY, before, 3) == deployment(IDENTITY, after, 3)


def test_replicas_are_all_that_scaling_changes() -> None:
    """Two sizes of a revision differ in nothing else."""
    one, none = (deployment(IDENTITY, record_of(cases.FULL), count) for count in (1, 0))
    assert (one["spec"].pop("replicas"), none["spec"].pop("replicas")) == (1, 0)
    assert one == none


def test_containers_start_in_order() -> None:
    """Collector, fetch and monitor come before the team's own init containers."""
    template = pod_template(IDENTITY, record_of(cases.FULL))
    started = [each["name"] for each in template["spec"]["initContainers"]]
    assert started == ["otel-collector", "fetch", "monitor", "convert"]
    assert [each["name"] for each in template["spec"]["containers"]] == ["model", "tokenizer"]


def test_sidecars_are_native() -> None:
    """Collector and monitor are restarted and outlive the server; fetch runs to its end."""
    pod = pod_of(server())
    assert container(pod, names.CONTAINER_COLLECTOR)["restartPolicy"] == "Always"
    assert container(pod, names.CONTAINER_MONITOR)["restartPolicy"] == "Always"
    assert "restartPolicy" not in container(pod, names.CONTAINER_FETCH)


def test_the_selector_matches_the_pods() -> None:
    """Pods carry the labels that the Deployment and both Services select, and the team's labels."""
    rendered = deployment(IDENTITY, record_of(cases.FULL), 1)
    labels = rendered["spec"]["template"]["metadata"]["labels"]
    assert rendered["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels["team"] == "energy"
    assert labels["app.kubernetes.io/name"] == "electricity"


def test_the_teams_annotations_are_kept() -> None:
    """Annotations of the template are those of the pods."""
    template = pod_template(IDENTITY, record_of(cases.FULL))
    assert template["metadata"]["annotations"] == {"example.com/note": "kept"}


def test_what_the_team_wrote_is_not_changed() -> None:
    """Each field of the team's container is in the rendered one as it was, but for additions."""
    own = cases.FULL["server"]["template"]["spec"]
    pod = pod_template(IDENTITY, record_of(cases.FULL))["spec"]
    for written in own["containers"]:
        rendered = container(pod, written["name"])
        for field in written.keys() - {"securityContext", "volumeMounts"}:
            assert rendered[field] == written[field]
        assert rendered["volumeMounts"][:-1] == written.get("volumeMounts", [])
        assert written.get("securityContext", {}).items() <= rendered["securityContext"].items()
    assert pod["serviceAccountName"] == own["serviceAccountName"]
    assert pod["securityContext"]["fsGroup"] == 2000


def test_the_server_outlives_the_draining() -> None:
    """Without a preStop hook of its own the server sleeps; the grace period is added to the team's."""
    pod = pod_of(server(lifecycle={"postStart": {"sleep": {"seconds": 1}}}))
    lifecycle = container(pod, "model")["lifecycle"]
    assert lifecycle["preStop"] == {"sleep": {"seconds": SERVER_STAYS_SECONDS}}
    assert lifecycle["postStart"] == {"sleep": {"seconds": 1}}
    assert pod["terminationGracePeriodSeconds"] == SERVER_STAYS_SECONDS + 30
    full = pod_template(IDENTITY, record_of(cases.FULL))["spec"]
    assert full["terminationGracePeriodSeconds"] == SERVER_STAYS_SECONDS + 60
    assert "sleep" not in container(full, "model")["lifecycle"]["preStop"]


def test_the_monitor_is_told_when_the_pods_end_begins() -> None:
    """A native sidecar is signalled only after the server has ended; its preStop hook runs first."""
    monitor = container(pod_of(server()), names.CONTAINER_MONITOR)
    assert monitor["lifecycle"]["preStop"] == {"exec": {"command": ["modelward-monitor", "drain"]}}


def test_readiness_is_the_monitors() -> None:
    """No probe is added to a server that may listen on localhost alone; the monitor's covers it."""
    pod = pod_of(server())
    assert "readinessProbe" not in container(pod, "model")
    assert container(pod, names.CONTAINER_MONITOR)["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert "readinessProbe" not in container(pod, names.CONTAINER_COLLECTOR)


def test_our_containers_cannot_write_their_image() -> None:
    """All three have a read-only root file system and a user of their own."""
    for injected in pod_of(server())["initContainers"]:
        assert injected["securityContext"]["readOnlyRootFilesystem"] is True
        assert injected["securityContext"]["runAsUser"] > 0


def test_every_port_of_our_containers_is_reserved() -> None:
    """A server that took one of them would keep our container, or itself, from starting."""
    ours = pod_of(server())["initContainers"]
    ports = [port for each in ours for port in each.get("ports", ())]
    assert {port["containerPort"] for port in ports} <= set(RESERVED_PORTS)
    assert {port["name"] for port in ports} <= set(RESERVED_PORT_NAMES)


def test_a_team_that_says_so_keeps_its_rights() -> None:
    """Explicit security settings stay, and nothing is added that the API server would refuse beside them."""
    privileged = {"privileged": True}
    added = {"capabilities": {"add": ["SYS_ADMIN"]}}
    context = container(pod_of(server(securityContext=privileged)), "model")["securityContext"]
    assert "allowPrivilegeEscalation" not in context
    context = container(pod_of(server(securityContext=added)), "model")["securityContext"]
    assert context["capabilities"] == {"add": ["SYS_ADMIN"], "drop": ["ALL"]}
    assert "allowPrivilegeEscalation" not in context
    pod = pod_of({**server(), "securityContext": {"runAsNonRoot": False}})
    assert pod["securityContext"]["runAsNonRoot"] is False


def test_a_model_is_fetched_with_its_secret_and_digest() -> None:
    """The Secret's keys are fetch's environment alone, and the spec's digest is handed on."""
    digest = "sha256:" + "0" * 64
    model = {"uri": "s3://models/a", "storageSecretName": "store", "digest": digest}
    pod = pod_of(server(), model)
    fetch = container(pod, names.CONTAINER_FETCH)
    assert fetch["args"] == ["s3://models/a"]
    assert fetch["envFrom"] == [{"secretRef": {"name": "store"}}]
    assert {"name": "MODELWARD_EXPECTED_DIGEST", "value": digest} in fetch["env"]
    assert "envFrom" not in container(pod, "model")


@pytest.mark.parametrize(
    ("uri", "folder"),
    [("pvc://claim/a/b/", "file:///mnt/claim/a/b"), ("pvc://claim", "file:///mnt/claim")],
)
def test_a_claims_model_is_copied_from_the_mounted_claim(uri: str, folder: str) -> None:
    """The claim is mounted read-only into fetch alone, which copies the folder."""
    pod = pod_of(server(), {"uri": uri})
    fetch = container(pod, names.CONTAINER_FETCH)
    assert fetch["args"] == [folder]
    (volume,) = (each for each in pod["volumes"] if "persistentVolumeClaim" in each)
    assert volume["persistentVolumeClaim"] == {"claimName": "claim"}
    mounts = [
        (each["name"], mount.get("readOnly"))
        for each in (*pod["initContainers"], *pod["containers"])
        for mount in each["volumeMounts"]
        if mount["name"] == volume["name"]
    ]
    assert mounts == [(names.CONTAINER_FETCH, True)]


def test_the_model_is_read_only_for_the_team() -> None:
    """Only fetch may write what is served."""
    pod = pod_template(IDENTITY, record_of(cases.FULL))["spec"]
    for each in (*pod["initContainers"], *pod["containers"]):
        for mount in each["volumeMounts"]:
            if mount["mountPath"] == names.PATH_MODEL:
                assert mount.get("readOnly", False) is (each["name"] != names.CONTAINER_FETCH)
