"""The kinds that the operator watches: their paths in the API and how they are selected."""

from dataclasses import dataclass
from typing import Final

from modelward import conventions as names


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object, as the API server names it."""

    group: str
    version: str
    plural: str
    name: str

    @property
    def api_version(self) -> str:
        """Return `group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Return the path of the group and version."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    @property
    def selector(self) -> str:
        """Return the label selector of the objects that matter: all that people write, else what is ours."""
        return "" if self in WRITTEN_BY_PEOPLE else names.LABEL_DEPLOYMENT

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """Return the path of a namespace's collection, an object or a subresource."""
        parts = (self.root, "namespaces", namespace, self.plural, name, subresource)
        return "/".join(part for part in parts if part)


MODEL_DEPLOYMENT: Final = Kind(names.GROUP, names.VERSION, names.PLURAL, names.KIND)
MODEL_APPROVAL: Final = Kind(names.GROUP, names.VERSION, names.PLURAL_APPROVAL, names.KIND_APPROVAL)
CONTROLLER_REVISION: Final = Kind("apps", "v1", "controllerrevisions", "ControllerRevision")
DEPLOYMENT: Final = Kind("apps", "v1", "deployments", "Deployment")
POD: Final = Kind("", "v1", "pods", "Pod")
JOB: Final = Kind("batch", "v1", "jobs", "Job")
SERVICE: Final = Kind("", "v1", "services", "Service")
CONFIG_MAP: Final = Kind("", "v1", "configmaps", "ConfigMap")
SECRET: Final = Kind("", "v1", "secrets", "Secret")
POD_MONITOR: Final = Kind("monitoring.coreos.com", "v1", "podmonitors", "PodMonitor")
PROMETHEUS_RULE: Final = Kind("monitoring.coreos.com", "v1", "prometheusrules", "PrometheusRule")
EVENT: Final = Kind("events.k8s.io", "v1", "events", "Event")
LEASE: Final = Kind("coordination.k8s.io", "v1", "leases", "Lease")

WRITTEN_BY_PEOPLE: Final = (MODEL_DEPLOYMENT, MODEL_APPROVAL)
REQUIRED: Final = (
    *WRITTEN_BY_PEOPLE,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    POD,
    JOB,
    SERVICE,
    CONFIG_MAP,
    SECRET,
)
"""Kinds without which the operator cannot work."""
OPTIONAL: Final = (POD_MONITOR, PROMETHEUS_RULE)
"""Kinds that are watched and written where the cluster serves them."""

_BY_IDENTITY: Final = {(kind.api_version, kind.name): kind for kind in (*REQUIRED, *OPTIONAL)}


def kind_of(manifest: dict[str, object]) -> Kind:
    """Return the kind of a manifest.

    Raises:
        KeyError: the operator writes no such kind.
    """
    return _BY_IDENTITY[str(manifest["apiVersion"]), str(manifest["kind"])]
