"""Says of a ModelDeployment that cannot be read why not: the condition Stalled with reason InvalidSpec.

It goes around the decisions because there is no spec to decide about. Only this one condition is touched.
"""

import logging
from datetime import datetime
from typing import Final

from modelward.api.reasons import ConditionType, Reason
from modelward.control import kinds
from modelward.control.cache import Cache
from modelward.control.client import Client, Manifest
from modelward.decide.clock import stamp

log: Final = logging.getLogger(__name__)
_MESSAGE_LENGTH: Final = 1024


async def report(client: Client, cache: Cache, deployment: Manifest, problem: str, now: datetime) -> None:
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
        "reason": Reason.INVALID_SPEC.value,
        "message": problem[:_MESSAGE_LENGTH],
        "observedGeneration": metadata["generation"],
        "lastTransitionTime": before["lastTransitionTime"] if before.get("status") == "True" else stamp(now),
    }
    if condition == before:
        return
    log.warning(
        "cannot be read: %s", problem, extra={"deployment": f"{metadata['namespace']}/{metadata['name']}"}
    )
    others = [c for c in conditions if c["type"] != ConditionType.STALLED]
    body = {**deployment, "status": {**status, "conditions": [*others, condition]}}
    cache.put(kinds.MODEL_DEPLOYMENT, await client.write_status(kinds.MODEL_DEPLOYMENT, body))
