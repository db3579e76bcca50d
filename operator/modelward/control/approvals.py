"""What people said of a deployment's revisions: its ModelApprovals, as the watches have seen them.

Who made one, and that it is as it was made, is seen to by the API server (helm/modelward's policies).
"""

import logging
from datetime import datetime
from typing import Final

from modelward.api.approval import ApprovalDecision
from modelward.api.reading import InvalidManifestError, read_approval
from modelward.control import kinds
from modelward.control.cache import Cache
from modelward.control.client import Manifest
from modelward.decide.observation import ApprovalObservation
from modelward.signals.key import Key

log: Final = logging.getLogger(__name__)


def approvals(cache: Cache, key: Key) -> tuple[ApprovalObservation, ...]:
    """Return them in the order in which they were made.

    An Approve that is being deleted is revoked already; a Veto stands while it is seen.
    """
    found = (_observed(key, record.manifest()) for record in cache.of(key, kinds.MODEL_APPROVAL))
    return tuple(sorted(filter(None, found), key=lambda approval: (approval.created_at, approval.uid)))


def _observed(key: Key, manifest: Manifest) -> ApprovalObservation | None:
    metadata = manifest["metadata"]
    try:
        spec = read_approval(manifest)
    except InvalidManifestError as error:
        log.warning(
            "ModelApproval %s passed over: %s", metadata["name"], error, extra={"deployment": str(key)}
        )
        return None
    if metadata.get("deletionTimestamp") and spec.decision is ApprovalDecision.APPROVE:
        return None
    return ApprovalObservation(
        revision=spec.revision,
        decision=spec.decision,
        approver=spec.approver,
        reason=spec.reason,
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        uid=metadata["uid"],
    )
