"""Alerts of incidents: a breach that the operator has looked into, and does not answer by going back.

They fire while the operator says that there is an incident, and end with it. What the cause is, the operator
has found out; the numbers beside it are Prometheus' own, of the moment.
"""

from typing import Any, Final

from modelward import conventions as names
from modelward.api.objectives import INFRASTRUCTURE_KINDS, Objective, event_config, kind_of
from modelward.api.reasons import Reason
from modelward.api.spec import ModelDeploymentSpec
from modelward.api.status import Cause
from modelward.render import promql
from modelward.render.alert import alert
from modelward.render.identity import DeploymentIdentity, Platform

_PAGE: Final = {"severity": "page"}


def incident_alerts(
    identity: DeploymentIdentity, spec: ModelDeploymentSpec, platform: Platform
) -> list[dict[str, Any]]:
    """Return the alerts of incidents; infrastructure is suspected only where an objective watches it."""
    alerts = [_budget(identity, platform), _breached(identity, platform)]
    watched = [each for each in spec.objectives if kind_of(each) in INFRASTRUCTURE_KINDS]
    return [_infrastructure(identity, watched, platform), *alerts] if watched else alerts


def _infrastructure(
    identity: DeploymentIdentity, watched: list[Objective], platform: Platform
) -> dict[str, Any]:
    texts = {
        "summary": f"{identity.name}: storage or what it depends on is suspected",
        "description": (
            f"ModelDeployment {identity.namespace}/{identity.name} misses an objective, and the model is not "
            "at fault: nothing is rolled back, and a rollout waits until this is over. "
            f"{' '.join(_numbers(identity, each) for each in watched)} {_see(identity)}"
        ),
    }
    expression = promql.incident(_key(identity), {"cause": Cause.INFRASTRUCTURE.value})
    return alert(identity, platform, names.ALERT_INFRASTRUCTURE, expression, texts, _PAGE)


def _numbers(identity: DeploymentIdentity, objective: Objective) -> str:
    share = promql.bad_share(_key(identity), (objective.name, event_config(objective)))
    return (
        f"Objective {objective.name}: {{{{ with query `{share}` }}}}{{{{ . | first | value | "
        "humanizePercentage }} bad over the last 5 minutes{{ else }}no data{{ end }}."
    )


def _budget(identity: DeploymentIdentity, platform: Platform) -> dict[str, Any]:
    texts = {
        "summary": f"{identity.name}: too many rollbacks",
        "description": (
            f"ModelDeployment {identity.namespace}/{identity.name} misses an objective, and has been rolled "
            f"back as often as spec.rollback.budget allows: it stays where it is. {_see(identity)}"
        ),
    }
    expression = promql.incident(_key(identity), {"reason": Reason.ROLLBACK_BUDGET_EXHAUSTED.value})
    return alert(identity, platform, names.ALERT_BUDGET_EXHAUSTED, expression, texts, _PAGE)


def _breached(identity: DeploymentIdentity, platform: Platform) -> dict[str, Any]:
    texts = {
        "summary": f"{identity.name}: an objective is missed and nothing is rolled back",
        "description": (
            f"ModelDeployment {identity.namespace}/{identity.name} misses an objective, and nothing shows "
            "that another revision would do better ({{ $labels.reason }}, cause {{ $labels.cause }}). "
            f"{_see(identity)}"
        ),
    }
    others = (
        Reason.CAUSE_UNKNOWN,
        Reason.DRIFT_SUSPECTED,
        Reason.NOTHING_TO_GO_BACK_TO,
        "StableAlsoBreached",
    )
    expression = promql.incident(_key(identity), {"reason": "|".join(str(each) for each in others)})
    return alert(identity, platform, names.ALERT_BREACHED, expression, texts, _PAGE)


def _key(identity: DeploymentIdentity) -> tuple[str, str]:
    return identity.namespace, identity.name


def _see(identity: DeploymentIdentity) -> str:
    return f"See: kubectl modelward explain {identity.name} -n {identity.namespace}"
