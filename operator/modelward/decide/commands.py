"""What a person asked for by annotation: retry, abort and undo, each answered once.

`modelward.dev/retry: REVISION@TOKEN` and `modelward.dev/undo: REVISION@TOKEN` name a revision; any new
token is a new request. `modelward.dev/abort: TOKEN` means the rollout in progress. What was handled is
in status.lastHandled*, so that a restart does not do it twice. A value may be as long as an annotation; what
is kept of a long one is its hash.
"""

import hashlib
from dataclasses import replace
from typing import Any, Final

from modelward.api.reasons import Reason
from modelward.api.status import Cause, Phase
from modelward.decide.approvals import veto_of, vetoed_by
from modelward.decide.candidate import drop_candidate, reject_before_traffic
from modelward.decide.change import Change
from modelward.decide.clock import stamp
from modelward.decide.decision import Announcement
from modelward.decide.findings import Finding
from modelward.decide.gates import anew, edits
from modelward.decide.handover import reject, roll_back_to
from modelward.decide.situation import Situation
from modelward.decide.steps import resume

_NOT_PASSED: Final = frozenset({Reason.GATE_FAILED, Reason.GATE_ERROR})
LONGEST_KEPT: Final = 128
"""Characters of a request that is kept as it was written."""


def abort_asked(situation: Situation) -> Finding | None:
    """Is there a new request to abort?"""
    asked = situation.observation.commands.abort
    if not asked or _kept(asked) == situation.status.last_handled_abort:
        return None
    return Finding("Aborted", f"asked by {asked!r}", situation.status.candidate_revision)


def abort(situation: Situation, finding: Finding) -> Change:
    """Reject the candidate, whatever the evidence."""
    answered = {"last_handled_abort": _kept(situation.observation.commands.abort)}
    if not situation.status.candidate_revision:
        return _refused(
            situation,
            answered,
            "abort: no rollout is in progress; to leave the revision that serves, write "
            f"{_undo_to_write(_earlier(situation))}",
        )
    change = (reject if situation.is_split else reject_before_traffic)(situation, finding)
    return replace(change, status=change.status.model_copy(update=answered))


def retry_asked(situation: Situation) -> Finding | None:
    """Is there a new request to retry?"""
    asked = situation.observation.commands.retry
    if not asked or _kept(asked) == situation.status.last_handled_retry:
        return None
    return Finding("Retried", f"asked by {asked!r}", asked.partition("@")[0])


def retry(situation: Situation, finding: Finding) -> Change:
    """Forget that a revision was rejected, or go on with a held rollout."""
    answered = {"last_handled_retry": _kept(situation.observation.commands.retry)}
    status = situation.status
    if status.phase is Phase.HELD and finding.revision == status.candidate_revision and status.rollout:
        change = resume(situation, finding)
        restarted = change.status.rollout
        assert restarted is not None  # noqa: S101 - resume keeps the rollout
        rollout = restarted.model_copy(update={"started_at": stamp(situation.now), "gates_run": None})
        again: dict[str, Any] = {"rollout": rollout, "gates": anew(situation)}
        return replace(change, status=change.status.model_copy(update=answered | again))
    if veto := veto_of(situation.observation, finding.revision):
        return _refused(
            situation,
            answered,
            f"retry: {finding.revision} was {vetoed_by(veto)}; delete that ModelApproval first",
        )
    if not any(r.revision == finding.revision for r in status.rejected_revisions):
        known = ", ".join(r.revision for r in status.rejected_revisions) or "none"
        return _refused(
            situation,
            answered,
            f"retry: {finding.revision!r} is neither rejected nor held; rejected are: {known}; "
            "write modelward.dev/retry: REVISION@TOKEN",
        )
    remaining = tuple(r for r in status.rejected_revisions if r.revision != finding.revision)
    return Change(
        status.model_copy(update=answered | {"rejected_revisions": remaining}),
        (Announcement("Normal", "Retried", "Retried", _may_be_tried(situation, finding.revision)),),
    )


def _may_be_tried(situation: Situation, revision: str) -> str:
    """Say that a revision may be tried again, and which edits of its gates that does not take up."""
    is_wanted = revision == situation.observation.wanted_revision and not situation.status.candidate_revision
    told = edits(situation) if is_wanted else ""
    return f"{revision} may be tried again" + (f"; {told}" if told else "")


def undo_asked(situation: Situation) -> Finding | None:
    """Is there a new request to undo?"""
    asked = situation.observation.commands.undo
    if not asked or _kept(asked) == situation.status.last_handled_undo:
        return None
    return Finding(
        "Undone",
        f"asked by {asked!r}",
        situation.status.stable_revision,
        Cause.UNKNOWN,
    )


def undo(situation: Situation, finding: Finding) -> Change:
    """Go back to the revision that a person names, whatever the evidence."""
    asked = situation.observation.commands.undo
    answered = {"last_handled_undo": _kept(asked)}
    target = asked.partition("@")[0]
    known = _earlier(situation)
    if not situation.status.stable_revision:
        return _refused(situation, answered, "undo: no revision serves yet; change spec instead")
    if situation.is_split:
        return _refused(
            situation, answered, "undo: a rollout is in progress; set modelward.dev/abort: TOKEN first"
        )
    if target not in known:
        return _refused(
            situation,
            answered,
            f"undo: {target!r} is no earlier revision; write {_undo_to_write(known)}",
        )
    if barred := _barred(situation, target):
        return _refused(situation, answered, f"undo: {target} {barred}")
    if situation.status.candidate_revision:
        situation = Situation(
            situation.spec,
            drop_candidate(
                situation, Finding("Undone", "given up for an undo", situation.status.candidate_revision)
            ).status,
            situation.observation,
            situation.now,
        )
    change = roll_back_to(situation, finding, target)
    kept = tuple(r for r in change.status.rejected_revisions if r.revision != target)
    return replace(change, status=change.status.model_copy(update=answered | {"rejected_revisions": kept}))


def _barred(situation: Situation, target: str) -> str:
    """Say why a person's word is not enough to go back to a revision: another's no, or gates not passed."""
    status = situation.status
    if veto := veto_of(situation.observation, target):
        return f"was {vetoed_by(veto)}; delete that ModelApproval first, then set modelward.dev/retry"
    if any(r.revision == target and r.reason == Reason.VETOED for r in status.rejected_revisions):
        return f"was vetoed; set modelward.dev/retry: {target}@TOKEN first"
    has_served = any(entry.revision == target and entry.action == "Promoted" for entry in status.history)
    asks = situation.spec.gates or situation.spec.require_approval.rollout
    if asks and not has_served and target != status.standby_revision:
        return (
            "never served, as far as status.history tells; have spec ask for it, so that it passes its gates"
        )
    # What it had to pass was recorded with it: that spec asks for nothing any more changes nothing.
    if any(r.revision == target and r.reason in _NOT_PASSED for r in status.rejected_revisions):
        return f"did not pass its gates; have spec ask for it, and set modelward.dev/retry: {target}@TOKEN"
    return ""


def _kept(asked: str) -> str:
    """Return what status keeps of a request: enough to know it again."""
    return asked if len(asked) <= LONGEST_KEPT else hashlib.sha256(asked.encode()).hexdigest()


def _earlier(situation: Situation) -> list[str]:
    return sorted(r for r in situation.observation.revisions if r != situation.status.stable_revision)


def _undo_to_write(known: list[str]) -> str:
    return f"modelward.dev/undo: REVISION@TOKEN with one of: {', '.join(known) or '(there is none)'}"


def _refused(situation: Situation, answered: dict[str, str], message: str) -> Change:
    return Change(
        situation.status.model_copy(update=answered),
        (Announcement("Warning", "CommandRefused", "Refused", message),),
    )
