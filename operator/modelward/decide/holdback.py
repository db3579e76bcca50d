"""A share that the previous stable revision keeps after a promotion, for a comparison that never ends."""

from datetime import timedelta
from typing import Any

from modelward.api.status import ControlPurpose, ControlStatus, Phase, WithdrawalStatus
from modelward.decide.approvals import veto_of, vetoed_by
from modelward.decide.change import Change, changed
from modelward.decide.clock import stamp
from modelward.decide.decision import Announcement
from modelward.decide.findings import Finding
from modelward.decide.guards import new_revision
from modelward.decide.placement import holdback_replicas
from modelward.decide.situation import Situation


def held_back(situation: Situation, old: str) -> dict[str, Any]:
    """Return the fields of a status in which the old revision keeps its share, and is the standby."""
    control = ControlStatus(
        revision=old,
        purpose=ControlPurpose.HOLDBACK,
        replicas=holdback_replicas(situation.spec),
        started_at=stamp(situation.now),
        shared_at=stamp(situation.now),
    )
    return {"phase": Phase.SERVING, "control": control, "standby_revision": old, "standby_until": None}


def holdback_is_over(situation: Situation) -> Finding | None:
    """Does spec ask for another revision, or for no holdback any more, or has a person vetoed that one?"""
    control = situation.status.control
    if control is None or situation.pods(situation.status.stable_revision).ready == 0:
        return None
    if veto := veto_of(situation.observation, control.revision):
        return Finding("HoldbackEnded", vetoed_by(veto), control.revision)
    if wanted := new_revision(situation):
        return Finding("HoldbackEnded", f"{wanted.revision} is to be tried", control.revision)
    if not situation.spec.rollout.holdback:
        return Finding("HoldbackEnded", "spec.rollout.holdback is gone", control.revision)
    return None


def end_holdback(situation: Situation, finding: Finding) -> Change:
    """Take the share away from the revision held back; it stays the standby for its time."""
    control, retain = situation.status.control, situation.spec.rollout.standby.retain
    assert control is not None  # noqa: S101 - the guard has looked at it
    keeps_standby = retain > timedelta(0)
    status = changed(
        situation.status,
        phase=Phase.RESTORING,
        control=None,
        standby_revision=control.revision if keeps_standby else "",
        standby_until=stamp(situation.now + retain) if keeps_standby else None,
        withdrawal=WithdrawalStatus(
            revision=control.revision,
            to=situation.status.stable_revision,
            started_at=stamp(situation.now),
            reason=finding.reason,
            replicas=holdback_replicas(situation.spec) or control.replicas,
            switched=True,
        ),
    )
    return Change(status, (Announcement("Normal", finding.reason, "HoldbackEnded", finding.message),))
