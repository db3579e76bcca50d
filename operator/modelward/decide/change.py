"""A change of status with what to announce of it, and the records that every change is made with."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from modelward.api.reasons import Reason
from modelward.api.status import HistoryEntry, ModelDeploymentStatus, RejectedRevision
from modelward.decide.clock import stamp
from modelward.decide.decision import Announcement
from modelward.decide.findings import Finding
from modelward.decide.situation import Situation

REMEMBERED: Final = 10
"""Entries of history, and rejected revisions."""
MESSAGE_LENGTH: Final = 512


@dataclass(frozen=True, slots=True)
class Change:
    """What a transition does."""

    status: ModelDeploymentStatus
    announcements: tuple[Announcement, ...] = ()
    entry: HistoryEntry | None = None
    """What the record of the decision is to say beside the numbers; without it none is made."""


def changed(status: ModelDeploymentStatus, **fields: Any) -> ModelDeploymentStatus:  # noqa: ANN401 - as model_copy
    """Return a copy of a status with these fields replaced."""
    return status.model_copy(update=fields)


def recorded(
    situation: Situation,
    status: ModelDeploymentStatus,
    action: str,
    finding: Finding,
    kind: Literal["Normal", "Warning"] = "Normal",
) -> Change:
    """Add a history entry and the Event that says the same."""
    entry = entry_of(situation, action, finding)
    text = f"{finding.revision}: {finding.message}" if finding.message else finding.revision
    return Change(
        changed(status, history=_remembered(status, (entry, *status.history))),
        (Announcement(kind, finding.reason, action, text),),
        entry,
    )


def entry_of(situation: Situation, action: str, finding: Finding) -> HistoryEntry:
    """Return what history, or the record of a decision alone, says of a finding."""
    return HistoryEntry(
        time=stamp(situation.now),
        revision=finding.revision,
        action=action,
        reason=finding.reason,
        message=finding.message[:MESSAGE_LENGTH],
    )


def _remembered(status: ModelDeploymentStatus, entries: tuple[HistoryEntry, ...]) -> tuple[HistoryEntry, ...]:
    """Return the newest entries, the last promotion that could be gone back to always among them."""
    out = {status.stable_revision, *(r.revision for r in status.rejected_revisions)}
    good = next((e for e in entries if e.action == "Promoted" and e.revision not in out), None)
    if good is None or good in entries[:REMEMBERED]:
        return entries[:REMEMBERED]
    return (*entries[: REMEMBERED - 1], good)


def rejected(situation: Situation, finding: Finding) -> tuple[RejectedRevision, ...]:
    """Return the rejected revisions with the finding's among them, newest first.

    Where there is no room for all a person's no is forgotten last: rejections are easily brought about.
    """
    others = tuple(r for r in situation.status.rejected_revisions if r.revision != finding.revision)
    new = RejectedRevision(
        revision=finding.revision,
        cause=finding.cause,
        reason=finding.reason,
        message=finding.message[:MESSAGE_LENGTH],
        time=stamp(situation.now),
    )
    if len(others) < REMEMBERED:
        return (new, *others)
    forgotten = next((r for r in reversed(others) if r.reason != Reason.VETOED), others[-1])
    return (new, *(r for r in others if r is not forgotten))
