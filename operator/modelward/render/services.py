"""The Services: one of the deployment, which clients use, and one of each revision, to forward to.

A selector of one revision is the state at rest; during a split the selector is the deployment's, and
connections are spread over the pods of both revisions. Clients' ports lead to the monitors' serving port,
which tells gRPC from HTTP/1.1 by itself; gRPC's own port is there for what lies between, such as a gateway or
a mesh, which goes by a port's appProtocol (KEP-3726).
"""

from collections.abc import Iterable
from typing import Final

from modelward import conventions as names
from modelward.api.spec import Server
from modelward.decide.placement import Targets
from modelward.render.identity import DeploymentIdentity
from modelward.render.manifest import Manifest, deployment_labels, owned, revision_labels

_NO_REVISION: Final = "none"
"""Of no pod: a revision's name has its deployment's before a hyphen."""


def deployment_service(identity: DeploymentIdentity, targets: Targets, servers: Iterable[Server]) -> Manifest:
    """Return Service NAME, which selects what `targets` does, with the ports of the placed `servers`.

    With nothing selected it selects no pod: a first revision that has gates to pass gets no client.
    """
    selector = {names.LABEL_DEPLOYMENT: identity.name}
    match targets.selected:
        case ():
            selector[names.LABEL_REVISION] = _NO_REVISION
        case (alone,):
            selector[names.LABEL_REVISION] = alone
    metadata = owned(identity, identity.name, deployment_labels(identity, "service"))
    return _service(metadata, selector, servers)


def revision_service(identity: DeploymentIdentity, revision: str, server: Server) -> Manifest:
    """Return Service NAME-HASH, which always selects the one revision, with a port for gates."""
    metadata = owned(identity, revision, revision_labels(identity, "service", revision))
    selector = {names.LABEL_DEPLOYMENT: identity.name, names.LABEL_REVISION: revision}
    service = _service(metadata, selector, (server,))
    synthetic = _port("synthetic", names.SERVICE_PORT_SYNTHETIC, "http", names.PORT_NAME_SYNTHETIC)
    service["spec"]["ports"].append(synthetic)
    return service


def revision_url(identity: DeploymentIdentity, revision: str) -> str:
    """Return the address of a revision's Service inside the cluster."""
    return f"http://{revision}.{identity.namespace}.svc:{names.SERVICE_PORT}"


def synthetic_url(identity: DeploymentIdentity, revision: str) -> str:
    """Return the address at which requests to a revision are evidence of nothing."""
    return f"http://{revision}.{identity.namespace}.svc:{names.SERVICE_PORT_SYNTHETIC}"


def _service(metadata: Manifest, selector: dict[str, str], servers: Iterable[Server]) -> Manifest:
    ports = [_port("http", names.SERVICE_PORT, "http")]
    if any(server.grpc_port is not None for server in servers):
        ports.append(_port("grpc", names.SERVICE_PORT_GRPC, "kubernetes.io/h2c"))
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"type": "ClusterIP", "selector": selector, "ports": ports},
    }


def _port(name: str, number: int, protocol: str, target: str = names.PORT_NAME_SERVING) -> Manifest:
    return {
        "name": name,
        "port": number,
        "targetPort": target,
        "protocol": "TCP",
        "appProtocol": protocol,
    }
