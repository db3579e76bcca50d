"""What is added to the team's own containers, where they do not say: nothing that they wrote is changed.

* a preStop sleep, so that the model server outlives the monitor's draining;
* the fields that the restricted Pod Security Standard asks for
  (https://kubernetes.io/docs/concepts/security/pod-security-standards/);
* the model, read-only.
"""

from collections.abc import Mapping
from typing import Any, Final

from modelward import conventions as names
from modelward.render.config import DRAIN_SECONDS
from modelward.render.injected import VOLUME_MODEL

SERVER_STAYS_SECONDS: Final = DRAIN_SECONDS + 2
"""Sleep before the model server is told to end: the monitor's draining and time to begin it."""
DEFAULT_GRACE_SECONDS: Final = 30
"""Kubernetes' own default; here it covers the longest request and the server's own ending."""

_POD_DEFAULTS: Final[Mapping[str, Any]] = {
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}

_MODEL_MOUNT: Final[Mapping[str, Any]] = {
    "name": VOLUME_MODEL,
    "mountPath": names.PATH_MODEL,
    "readOnly": True,
}


def grace_period_seconds(pod_spec: Mapping[str, Any]) -> int:
    """Return the pod's termination grace period: the draining, and then as long as the team asks for."""
    own = pod_spec.get("terminationGracePeriodSeconds")
    return SERVER_STAYS_SECONDS + (DEFAULT_GRACE_SECONDS if own is None else int(own))


def pod_security_context(pod_spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pod's security context with what is absent."""
    return {**_POD_DEFAULTS, **(pod_spec.get("securityContext") or {})}


def serving_container(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return one of the team's containers with what is absent."""
    lifecycle = container.get("lifecycle") or {}
    if "preStop" not in lifecycle:
        lifecycle = {**lifecycle, "preStop": {"sleep": {"seconds": SERVER_STAYS_SECONDS}}}
    return {**init_container(container), "lifecycle": lifecycle}


def init_container(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return one of the team's init containers with what is absent; it runs after the model is fetched."""
    return {
        **container,
        "securityContext": container_security_context(container.get("securityContext") or {}),
        "volumeMounts": [*(container.get("volumeMounts") or []), dict(_MODEL_MOUNT)],
    }


def container_security_context(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container's security context with what is absent."""
    capabilities = own.get("capabilities") or {}
    context = {**own, "capabilities": {"drop": ["ALL"], **capabilities}}
    # The API server refuses allowPrivilegeEscalation: false beside either of these.
    if not own.get("privileged") and "SYS_ADMIN" not in capabilities.get("add", []):
        context.setdefault("allowPrivilegeEscalation", False)
    return context
