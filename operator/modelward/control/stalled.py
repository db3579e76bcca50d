"""Says of a ModelDeployment about which nothing can be decided why not: the condition Stalled.

It goes around the decisions because there is no spec, or no revision, to decide about. Only this one
condition is touched.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from modelward.api.reasons import ConditionType, Reason
from modelward.control import kinds
from modelward.control.cache import Cache
from modelward.control.client import Client, Manifest
from modelward.decide.clock import stamp

log: Final = logging.getLogger(__name__)
_MESSAGE_LENGTH: Final = 1024


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps decisions from being made."""

    reason: Reason
    message: str


async def report(client: Client, cache: Cache, deployment: Manifest, problem: Problem, now: datetime) -> None:
    """Write the condition, unless it says so already.

    Raises:
        ApiError: the API server could not be reached, or the object has changed meanwhile.
    """
    metadata = deployment["metadata"]
    status = deployment.get("status") or {}
    conditions = list(status.get("conditions") or ())
    before: Manifest = next((c for c in conditions if c["type"] == ConditionType.STALLED), {})
    condition = {
        "type": ConditionType.STALLED.value,
        "status": "True",
        "reason": problem.reason.value,
        "message": problem.message[:_MESSAGE_LENGTH],
        "observedGeneration": metadata["generation"],
        "lastTransitionTime": before["lastTransitionTime"] if before.get("status") == "True" else stamp(now),
    }
    if condition == before:
        return
    log.warning(
        "stalled: %s", problem.message, extra={"deployment": f"{metadata['namespace']}/{metadata['name']}"}
    )
    others = [c for c in conditions if c["type"] != ConditionType.STALLED]
    body = {**deployment, "status": {**status, "conditions": [*others, condition]}}
    cache.put(kinds.MODEL_DEPLOYMENT, await client.write_status(kinds.MODEL_DEPLOYMENT, body))
