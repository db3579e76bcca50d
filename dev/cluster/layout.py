"""Names, addresses and folders of this checkout's cluster."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev.cluster.controlplane import Addresses
from dev.cluster.paths import CHECKOUT

POD_CIDR: Final = "10.244.0.0/16"
SERVICE_CIDR: Final = "10.96.0.0/16"
DNS_ADDRESS: Final = "10.96.0.10"
NODE_ADDRESS: Final = "10.245.0.1"
"""On an interface of our own, so that nothing listens on the machine's network."""
NODE: Final = "modelward"
API_PORT: Final = 16443
ETCD_PORT: Final = 12379
ETCD_PEER_PORT: Final = 12380
KUBELET_PORT: Final = 20250
PROXY_METRICS_PORT: Final = 20249
PROXY_HEALTH_PORT: Final = 20256
CONTROLLER_MANAGER_PORT: Final = 20257
SCHEDULER_PORT: Final = 20259


def state_root() -> Path:
    """Return the folder below which every cluster of this machine has its state."""
    return Path(os.environ.get("MODELWARD_STATE", "/var/lib/modelward-dev"))


@dataclass(frozen=True, slots=True)
class Layout:
    """One cluster's names and folders; all that it makes carries the identifier."""

    identifier: str
    root: Path

    @property
    def state(self) -> Path:
        """Folder that `down` removes."""
        return self.root / self.identifier

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def network(self) -> str:
        """Name of the pods' network, which their iptables rules carry, and of their control group."""
        return f"modelward-{self.identifier}"

    @property
    def pod_bridge(self) -> str:
        """Interface that pods are attached to (at most 15 characters)."""
        return f"mwpod-{self.identifier}"

    @property
    def node_link(self) -> str:
        """Interface that has the node's address."""
        return f"mwnode-{self.identifier}"

    @property
    def containerd_socket(self) -> Path:
        """Socket of this cluster's own containerd."""
        return self.state / "containerd" / "containerd.sock"

    @property
    def addresses(self) -> Addresses:
        """Where the control plane listens."""
        return Addresses(NODE_ADDRESS, NODE_ADDRESS, API_PORT, ETCD_PORT, ETCD_PEER_PORT, SERVICE_CIDR)


def of_checkout(checkout: Path = CHECKOUT) -> Layout:
    """Return the layout of a checkout's cluster: the same each time, another for another checkout."""
    identity = f"{checkout}\0{state_root()}"
    return Layout(hashlib.sha256(identity.encode()).hexdigest()[:6], state_root())
