"""A person's no: it holds at once, whatever evidence and gates say, and is remembered as a rejection."""

from dataclasses import replace
from typing import Final

from modelward.api.reasons import Reason
from modelward.api.status import Cause
from modelward.decide.approvals import veto_of, vetoed_by
from modelward.decide.change import REMEMBERED, Change, changed, recorded, rejected
from modelward.decide.findings import Finding
from modelward.decide.handover import roll_back_to
from modelward.decide.situation import Situation

REASON: Final = Reason.VETOED.value


def candidate_is_vetoed(situation: Situation) -> Finding | None:
    """Has a person vetoed the candidate?"""
    return _vetoed(situation, situation.status.candidate_revision)


def _vetoed(situation: Situation, revision: str) -> Finding | None:
    veto = veto_of(situation.observation, revision) if revision else None
    return Finding(REASON, vetoed_by(veto), revision, Cause.UNKNOWN) if veto else None


def stable_is_vetoed(situation: Situation) -> Finding | None:
    """Has a person vetoed the serving revision, and is there a good one to go back to?"""
    return _against_stable(situation) if situation.last_good else None


def _against_stable(situation: Situation) -> Finding | None:
    stable = situation.status.stable_revision
    if stable and stable == situation.status.vetoed_revision:
        return _vetoed(situation, stable) or Finding(REASON, "vetoed before", stable)
    return _vetoed(situation, stable)


def target_is_vetoed(situation: Situation) -> Finding | None:
    """Has a person vetoed the revision that traffic has been switched to, and is there one to go back to?

    A target that traffic has not been switched to yet is given up, unless it is stable: that is where the
    traffic of a candidate goes whatever is said of it.
    """
    moving = situation.status.withdrawal
    return stable_is_vetoed(situation) if moving is not None and moving.switched else None


def roll_back_vetoed(situation: Situation, finding: Finding) -> Change:
    """Reject the serving revision and go back to the last good one; it counts against no budget."""
    change = roll_back_to(situation, finding, situation.last_good)
    return replace(change, status=changed(change.status, vetoed_revision=""))


def veto_cannot_be_followed(situation: Situation) -> Finding | None:
    """Has a person vetoed the serving revision, while there is no other one to go back to?"""
    status = situation.status
    if situation.last_good or status.vetoed_revision == status.stable_revision:
        return None
    found = _vetoed(situation, status.stable_revision)
    if found is None:
        return None
    return replace(found, message=f"{found.message}; it stays: no other revision is known to be good")


def bear_veto(situation: Situation, finding: Finding) -> Change:
    """Say that the vetoed revision stays for want of another, and go back as soon as there is one."""
    status = changed(situation.status, vetoed_revision=finding.revision)
    return recorded(situation, status, "Stayed", finding, "Warning")


def veto_is_new(situation: Situation) -> Finding | None:
    """Has a person vetoed a revision that has no traffic now, which is not remembered yet?"""
    status = situation.status
    left = status.vetoed_revision
    if left and left != status.stable_revision:
        return _vetoed(situation, left) or Finding(REASON, "vetoed while it served", left)
    if sum(each.reason == REASON for each in status.rejected_revisions) >= REMEMBERED:
        return None
    moving, control = status.withdrawal, status.control
    busy = {
        status.stable_revision,
        status.candidate_revision,
        control.revision if control else "",
        *((moving.revision, moving.to) if moving else ()),
    }
    known = {*situation.observation.revisions, situation.observation.wanted_revision}
    for revision in sorted(known - busy - {each.revision for each in status.rejected_revisions}):
        if found := _vetoed(situation, revision):
            return found
    return None


def remember_veto(situation: Situation, finding: Finding) -> Change:
    """Reject the vetoed revision, so that it is neither tried nor gone back to."""
    status = situation.status
    is_standby = status.standby_revision == finding.revision
    after = changed(
        status,
        rejected_revisions=rejected(situation, finding),
        standby_revision="" if is_standby else status.standby_revision,
        standby_until=None if is_standby else status.standby_until,
        vetoed_revision="" if status.vetoed_revision == finding.revision else status.vetoed_revision,
    )
    return recorded(situation, after, "Rejected", finding, "Warning")
