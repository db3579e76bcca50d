"""The Deployment of one revision.

Its pod template is a function of the revision's record alone, so that no change of objectives, telemetry
or operator restarts a pod. Only `replicas` changes over its life.
"""

from collections.abc import Mapping
from typing import Any, Final

from modelward import conventions as names
from modelward.render.identity import DeploymentIdentity
from modelward.render.injected import injected_containers, injected_volumes
from modelward.render.manifest import Manifest, owned, revision_labels
from modelward.render.revision import RevisionRecord, read_inputs
from modelward.render.team import (
    grace_period_seconds,
    init_container,
    pod_security_context,
    serving_container,
)

COMPONENT: Final = "server"
NO_DEADLINE_SECONDS: Final = 2**31 - 1
"""apps/v1 reads this as none: how long a revision may take to become ready is decided elsewhere."""


def deployment(identity: DeploymentIdentity, record: RevisionRecord, replicas: int) -> Manifest:
    """Return Deployment NAME-HASH with this many replicas.

    Raises:
        InvalidRevisionError: the record's inputs break a rule of the API.
    """
    selector = {names.LABEL_DEPLOYMENT: identity.name, names.LABEL_REVISION: record.name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": owned(identity, record.name, revision_labels(identity, COMPONENT, record.name)),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            # The history of revisions is in ControllerRevisions.
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": NO_DEADLINE_SECONDS,
            "template": pod_template(identity, record),
        },
    }


def pod_template(identity: DeploymentIdentity, record: RevisionRecord) -> dict[str, Any]:
    """Return the pod template of a revision: the team's, with our containers before theirs.

    Raises:
        InvalidRevisionError: the record's inputs break a rule of the API.
    """
    model, server = read_inputs(record)
    metadata: Mapping[str, Any] = server.template.get("metadata") or {}
    own_labels: Mapping[str, str] = metadata.get("labels") or {}
    labels = revision_labels(identity, COMPONENT, record.name)
    # Labels under modelward.dev/, the selector's, are refused in a team's template.
    pod_metadata: dict[str, Any] = {"labels": {**labels, **own_labels}}
    if annotations := metadata.get("annotations"):
        pod_metadata["annotations"] = dict(annotations)
    own: Mapping[str, Any] = server.template["spec"]
    containers = [serving_container(container) for container in own["containers"]]
    init_containers = [init_container(container) for container in own.get("initContainers") or []]
    spec = {
        **own,
        "terminationGracePeriodSeconds": grace_period_seconds(own),
        "securityContext": pod_security_context(own),
        "initContainers": [*injected_containers(model, record.images), *init_containers],
        "containers": containers,
        "volumes": [*injected_volumes(identity.name, record.name, model), *(own.get("volumes") or [])],
    }
    return {"metadata": pod_metadata, "spec": spec}
