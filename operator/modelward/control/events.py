"""Events of the events.k8s.io/v1 API: what was decided, told on the ModelDeployment that it is about.

An Event is sent just before the status that it announces: after a crash between the two the decision is
made again, and the Event's name, made from what is said and the state that it was decided from, is the
same. So none is lost and none is doubled. Failing to tell never stops a reconcile.
"""

import hashlib
import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from modelward import conventions as names
from modelward.api.status import ModelDeploymentStatus
from modelward.control.client import CONFLICT, ApiError, Client, Manifest
from modelward.control.kinds import EVENT
from modelward.decide.decision import Announcement

log: Final = logging.getLogger(__name__)

MAX_NOTE_BYTES: Final = 1024
"""The API server's own limit."""
MAX_NAME: Final = 253
REPORTER: Final = f"{names.GROUP}/operator"


async def announce(
    client: Client, deployment: Manifest, announcements: Iterable[Announcement], origin: str, now: datetime
) -> None:
    """Emit Events about a ModelDeployment.

    Args:
        client: where to.
        deployment: the ModelDeployment, as the API server knows it.
        announcements: what to say.
        origin: what tells this occasion from another that says the same.
        now: the time they carry.
    """
    for announcement in announcements:
        try:
            await client.create(EVENT, event(deployment, announcement, origin, now))
        except ApiError as error:
            if error.status != CONFLICT:
                log.warning("event %s not emitted: %s", announcement.reason, error, extra=_about(deployment))


def origin(status: ModelDeploymentStatus) -> str:
    """Return what of a status tells one occasion of deciding something from another."""
    rollout = status.rollout
    return repr(
        (
            status.phase,
            status.traffic_generation,
            status.stable_revision,
            status.candidate_revision,
            status.standby_revision,
            (rollout.started_at, rollout.step, rollout.held) if rollout else None,
            status.history[0].time if status.history else None,
            status.last_handled_retry,
            status.last_handled_abort,
            status.last_handled_undo,
        )
    )


def event(deployment: Manifest, announcement: Announcement, origin: str, now: datetime) -> Manifest:
    """Return the Event's manifest."""
    metadata = deployment["metadata"]
    # Not the message: its numbers may have moved on when a decision is made again.
    said = (metadata["uid"], origin, announcement.reason, announcement.action)
    digest = hashlib.blake2b("\0".join(said).encode(), digest_size=8).hexdigest()
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {
            "name": f"{metadata['name'][: MAX_NAME - len(digest) - 1]}.{digest}",
            "namespace": metadata["namespace"],
        },
        "eventTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": REPORTER,
        "reportingInstance": os.environ.get("HOSTNAME") or REPORTER,
        "action": announcement.action,
        "reason": announcement.reason,
        "type": announcement.type,
        "note": announcement.message.encode()[:MAX_NOTE_BYTES].decode(errors="ignore"),
        "regarding": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
    }


def _about(deployment: Manifest) -> dict[str, str]:
    metadata = deployment["metadata"]
    return {"deployment": f"{metadata['namespace']}/{metadata['name']}"}
