"""One alerting rule of a deployment: its expression, what it says, and where the runbook has more."""

from collections.abc import Mapping
from typing import Any

from modelward import conventions as names
from modelward.render.identity import DeploymentIdentity, Platform


def alert(
    identity: DeploymentIdentity,
    platform: Platform,
    name: str,
    expression: str,
    texts: Mapping[str, str],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """Return an alerting rule; its labels say which deployment is meant.

    Args:
        identity: the deployment.
        platform: has the runbooks' address, if any.
        name: the alert's name, which is also its page in docs/runbooks.
        expression: PromQL.
        texts: the annotations `summary` and `description`, which may have templates.
        labels: further labels, the severity among them.
    """
    annotations = dict(texts)
    if platform.runbook_base_url:
        annotations["runbook_url"] = f"{platform.runbook_base_url.rstrip('/')}/{name}.md"
    return {
        "alert": name,
        "expr": expression,
        "annotations": annotations,
        "labels": {**labels, names.ALERT_LABEL_DEPLOYMENT: identity.name},
    }
