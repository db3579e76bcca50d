"""ModelDeployments as an API server returned them, at four moments of a rollout."""

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
STABLE = "electricity-5d9c7fbbkx"
CANDIDATE = "electricity-8hxq2lwzrt"


def manifest(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """Return a ModelDeployment with three objectives and two steps, and this status."""
    return {
        "apiVersion": "modelward.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {
            "name": "electricity",
            "namespace": "demo",
            "generation": 2,
            "creationTimestamp": "2026-03-01T08:48:00Z",
            **metadata,
        },
        "spec": {
            "model": {"uri": "s3://models/electricity/2"},
            "server": {"template": {"spec": {"containers": [{"name": "model", "image": "server:1"}]}}},
            "replicas": 2,
            "rollout": {
                "steps": [
                    {"weight": 33, "duration": "5m", "minRequests": 200},
                    {"weight": 50, "duration": "10m", "minRequests": 200},
                ]
            },
            "objectives": [
                {"name": "latency", "latency": {"within": "200ms"}, "target": "99%"},
                {"name": "availability", "availability": {}, "target": "99.5%"},
                {"name": "accuracy", "accuracy": {}, "target": "70%"},
            ],
        },
        "status": {"observedGeneration": 2, **status},
    }


def _objective(name: str, revision: str, counts: tuple[int, int], judged: tuple[str, str]) -> dict[str, Any]:
    (good, total), (verdict, evidence) = counts, judged
    return {
        "name": name,
        "revision": revision,
        "good": good,
        "total": total,
        "verdict": verdict,
        "evidence": evidence,
    }


def _condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-03-01T11:58:00Z",
    }


STEPPING = manifest(
    {
        "phase": "Stepping",
        "stableRevision": STABLE,
        "candidateRevision": CANDIDATE,
        "promotedAt": "2026-03-01T08:50:00Z",
        "weight": 33,
        "verdict": "Inconclusive",
        "traffic": [{"revision": STABLE, "weight": 67}, {"revision": CANDIDATE, "weight": 33}],
        "objectives": [
            _objective("latency", STABLE, (6032, 6040), ("Healthy", "0")),
            _objective("latency", CANDIDATE, (1011, 1012), ("Healthy", "-0.2")),
            _objective("accuracy", STABLE, (4711, 6000), ("Healthy", "0.05")),
            _objective("accuracy", CANDIDATE, (590, 1000), ("Inconclusive", "0.62")),
        ],
        "rollout": {
            "startedAt": "2026-03-01T11:57:00Z",
            "step": 0,
            "stepStartedAt": "2026-03-01T11:58:00Z",
        },
        "conditions": [
            _condition("Ready", "True", "Serving", "2 of 2 pods of the stable revision are ready"),
            _condition("Reconciling", "True", "Stepping", "step 1 of 2"),
            _condition("ObjectivesMet", "Unknown", "Inconclusive"),
        ],
    }
)

REJECTED = manifest(
    {
        "phase": "Serving",
        "stableRevision": STABLE,
        "promotedAt": "2026-03-01T08:50:00Z",
        "verdict": "Healthy",
        "cause": "Model",
        "traffic": [{"revision": STABLE, "weight": 100}],
        "objectives": [_objective("accuracy", STABLE, (5120, 6500), ("Healthy", "0.01"))],
        "rejectedRevisions": [
            {
                "revision": CANDIDATE,
                "cause": "Model",
                "reason": "WorseThanStable",
                "message": "accuracy: 420 of 1000 bad (42.00%) while stable had 430 of 2000 bad (21.50%)",
                "time": "2026-03-01T11:59:10Z",
            }
        ],
        "history": [
            {
                "time": "2026-03-01T11:59:10Z",
                "revision": CANDIDATE,
                "action": "Rejected",
                "reason": "WorseThanStable",
                "message": "accuracy: 420 of 1000 bad (42.00%) while stable had 430 of 2000 bad (21.50%)",
            },
            {
                "time": "2026-03-01T08:50:00Z",
                "revision": STABLE,
                "action": "Promoted",
                "reason": "FirstRevision",
            },
        ],
        "conditions": [_condition("Ready", "True", "Serving"), _condition("Stalled", "False", "Serving")],
    }
)

HELD = manifest(
    {
        **STEPPING["status"],
        "phase": "Held",
        "rollout": {**STEPPING["status"]["rollout"], "held": "MetricsUnavailable"},
        "conditions": [
            _condition("ObjectivesMet", "Unknown", "MetricsUnavailable", "no answer from Prometheus"),
        ],
    }
)

NEW = manifest({}, generation=1)
