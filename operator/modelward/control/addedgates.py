"""Records the gates that spec adds to a candidate, so that no later edit takes them back.

They are in an annotation of its ControllerRevision, whose data never change, and which teams may not write.
"""

from typing import Final

from modelward import conventions as names
from modelward.api.recordedgates import unrecorded
from modelward.api.spec import ModelDeploymentSpec
from modelward.api.status import MOST_GATES, ModelDeploymentStatus
from modelward.control import kinds
from modelward.control.apply import Applier
from modelward.control.gated import Gated
from modelward.control.refusals import Refusals
from modelward.render.revision import RevisionRecord, written_gates

_KIND: Final = kinds.CONTROLLER_REVISION


async def record(applier: Applier, gated: Gated, status: ModelDeploymentStatus, refusals: Refusals) -> None:
    """Record what spec has added, if the revision is a candidate without traffic.

    Args:
        applier: writes it.
        gated: the revision whose gates were looked at, and spec.
        status: what is about to be written; nobody may read of a gate in it that is not recorded.
        refusals: where it is noted that the API server did not take it.
    """
    candidate, spec = gated.record, gated.spec
    if candidate is None or not status.candidate_revision or not _may_be_added_to(candidate, status):
        return
    new = unrecorded(candidate.gates, spec, candidate.added_gates)
    if new is None or too_many(candidate, spec, status):
        return
    written = written_gates((*candidate.added_gates, new))
    with refusals.of(_KIND.name, candidate.name):
        await applier.annotate(gated.key, _KIND, candidate.name, names.ANNOTATION_ADDED_GATES, written)


def too_many(candidate: RevisionRecord, spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> str:
    """Say that spec adds more gates than a status holds, and what to do; empty if it does not."""
    count = len(candidate.in_force(spec))
    if count <= MOST_GATES or not _may_be_added_to(candidate, status):
        return ""
    return (
        f"{candidate.name} would have {count} gates in force, with those that spec had for a while, and "
        f"{MOST_GATES} is the most: take those that were added last from spec, or ask for a new revision"
    )


def _may_be_added_to(revision: RevisionRecord, status: ModelDeploymentStatus) -> bool:
    """Return whether a revision is, or may become, a candidate that has had no traffic yet."""
    if not status.candidate_revision:
        return revision.name != status.stable_revision
    is_first = status.rollout is not None and status.rollout.step < 0
    return revision.name == status.candidate_revision and is_first
