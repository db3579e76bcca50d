"""The Services: one of the deployment, which clients use, and one of each revision, to forward to.

A selector of one revision is the state at rest; during a split the selector is the deployment's, and
connections are spread over the pods of both revisions.
"""

from modelward import conventions as names
from modelward.decide.placement import Targets
from modelward.render.identity import DeploymentIdentity
from modelward.render.manifest import Manifest, deployment_labels, owned, revision_labels


def deployment_service(identity: DeploymentIdentity, targets: Targets) -> Manifest:
    """Return Service NAME, which selects what `targets` does.

    With nothing selected it selects the first revision that is placed, so that it serves as soon as that is
    ready.
    """
    selected = targets.selected or tuple(placement.revision for placement in targets.placements[:1])
    selector = {names.LABEL_DEPLOYMENT: identity.name}
    if len(selected) == 1:
        selector[names.LABEL_REVISION] = selected[0]
    metadata = owned(identity, identity.name, deployment_labels(identity, "service"))
    return _service(metadata, selector)


def revision_service(identity: DeploymentIdentity, revision: str) -> Manifest:
    """Return Service NAME-HASH, which always selects the one revision."""
    metadata = owned(identity, revision, revision_labels(identity, "service", revision))
    return _service(metadata, {names.LABEL_DEPLOYMENT: identity.name, names.LABEL_REVISION: revision})


def revision_url(identity: DeploymentIdentity, revision: str) -> str:
    """Return the address of a revision's Service inside the cluster."""
    return f"http://{revision}.{identity.namespace}.svc:{names.SERVICE_PORT}"


def _service(metadata: Manifest, selector: dict[str, str]) -> Manifest:
    port = {
        "name": "http",
        "port": names.SERVICE_PORT,
        "targetPort": names.PORT_NAME_SERVING,
        "protocol": "TCP",
        "appProtocol": "http",
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"type": "ClusterIP", "selector": selector, "ports": [port]},
    }
