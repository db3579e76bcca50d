"""The alert for a person's word that is awaited for too long: a rollout, or a rollback, waits for it."""

from typing import Any

from modelward import conventions as names
from modelward.api.spec import ModelDeploymentSpec
from modelward.render import promql
from modelward.render.alert import alert
from modelward.render.identity import DeploymentIdentity, Platform


def approval_alert(
    identity: DeploymentIdentity, spec: ModelDeploymentSpec, platform: Platform
) -> dict[str, Any]:
    """Return it; also where spec asks nobody, since a gate that was recorded with a revision may."""
    texts = {
        "summary": f"{identity.name}: a person's word is awaited",
        "description": (
            f"ModelDeployment {identity.namespace}/{identity.name} has waited for a person for "
            "{{ $value | humanizeDuration }} ({{ $labels.reason }}, revision {{ $labels.revision }}). "
            f"See: kubectl modelward review {identity.name} -n {identity.namespace}"
        ),
    }
    key = (identity.namespace, identity.name)
    expression = promql.approval_awaited(key, spec.require_approval.remind_after)
    return alert(identity, platform, names.ALERT_APPROVAL_AWAITED, expression, texts, {"severity": "ticket"})
