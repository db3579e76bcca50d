"""All traffic goes from one revision to another: a promotion, a rejection with traffic, a rollback."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from modelward.api.status import MOST_ROLLBACKS, ModelDeploymentStatus, Phase, WithdrawalStatus
from modelward.decide import holdback
from modelward.decide.change import Change, changed, recorded, rejected
from modelward.decide.clock import stamp
from modelward.decide.decision import Announcement
from modelward.decide.findings import Finding
from modelward.decide.judgement import lasting_cause
from modelward.decide.placement import holdback_replicas
from modelward.decide.situation import Situation
from modelward.decide.withdrawal import switched


def promote(situation: Situation, finding: Finding) -> Change:
    """Make the candidate stable and send it the traffic; the old one is the standby, or keeps a share."""
    old, rollout = situation.status.stable_revision, situation.spec.rollout
    is_vetoed = old == situation.status.vetoed_revision or situation.is_vetoed(old)
    has_time_and_pods = rollout.standby.retain > timedelta(0) and rollout.standby.replicas != "0%"
    keeps_standby = has_time_and_pods and not is_vetoed
    fields: dict[str, Any] = {
        "phase": Phase.PROMOTING,
        "stable_revision": situation.status.candidate_revision,
        "candidate_revision": "",
        "standby_revision": old if keeps_standby else "",
        "standby_until": stamp(situation.now + rollout.standby.retain) if keeps_standby else None,
        "promoted_at": stamp(situation.now),
        "rollout": None,
        "incident": None,
        "cause": None,
    }
    if holdback_replicas(situation.spec) and not is_vetoed:
        fields |= holdback.held_back(situation, old)
    else:
        fields["withdrawal"] = WithdrawalStatus(
            revision=old,
            to=situation.status.candidate_revision,
            started_at=stamp(situation.now),
            reason="Promoted",
            replicas=situation.spec.replicas,
            switched=True,
        )
    return recorded(situation, changed(situation.status, **fields), "Promoted", finding)


def retire_standby(situation: Situation, finding: Finding) -> Change:
    """Let the standby go: during a split pods of exactly two revisions may exist."""
    status = changed(situation.status, standby_revision="", standby_until=None)
    return Change(status, (Announcement("Normal", finding.reason, "StandbyRetired", finding.message),))


def reject(situation: Situation, finding: Finding) -> Change:
    """Reject the candidate and take its traffic away."""
    remembered = situation.status.model_copy(update={"rejected_revisions": rejected(situation, finding)})
    status = _withdrawn_candidate(situation, remembered, finding)
    return recorded(situation, changed(status, cause=finding.cause), "Rejected", finding, "Warning")


def withdraw_replaced(situation: Situation, finding: Finding) -> Change:
    """Take the traffic of a candidate away because spec wants another one; it is not rejected."""
    return recorded(
        situation, _withdrawn_candidate(situation, situation.status, finding), "Replaced", finding
    )


def make_way(situation: Situation, finding: Finding) -> Change:
    """Take the traffic of a candidate away for a rollback of the vetoed stable one; it is not rejected."""
    candidate = replace(
        finding, revision=situation.status.candidate_revision, message=f"{finding.revision} {finding.message}"
    )
    return recorded(
        situation, _withdrawn_candidate(situation, situation.status, candidate), "Replaced", candidate
    )


def _withdrawn_candidate(
    situation: Situation, status: ModelDeploymentStatus, finding: Finding
) -> ModelDeploymentStatus:
    after = changed(
        status,
        phase=Phase.ROLLING_BACK,
        candidate_revision="",
        rollout=None,
        withdrawal=WithdrawalStatus(
            revision=status.candidate_revision,
            to=status.stable_revision,
            started_at=stamp(situation.now),
            reason=finding.reason,
            replicas=situation.candidate_needs,
            switched=situation.pods(status.stable_revision).ready > 0,
        ),
    )
    return changed(after, cause=lasting_cause(after))


def roll_back(situation: Situation, finding: Finding) -> Change:
    """Reject the serving revision and go back to the last good one, which counts against the budget."""
    return _counted(situation, roll_back_to(situation, finding, situation.last_good))


def roll_back_to_control(situation: Situation, finding: Finding) -> Change:
    """Reject the serving revision for the control that alone answers; no budget keeps that from it."""
    control = situation.status.control
    assert control is not None  # noqa: S101 - the guard has looked at it
    return _counted(situation, roll_back_to(situation, finding, control.revision))


def _counted(situation: Situation, change: Change) -> Change:
    times = (stamp(situation.now), *situation.status.rollbacks)[:MOST_ROLLBACKS]
    return replace(change, status=changed(change.status, rollbacks=times))


def roll_back_to(situation: Situation, finding: Finding, target: str) -> Change:
    """Reject the serving revision and go back to `target` as soon as that one can serve."""
    control = situation.status.control
    status = changed(
        situation.status,
        phase=Phase.ROLLING_BACK,
        candidate_revision="",
        rollout=None,
        # A control keeps its share until it has all of the traffic.
        control=control if control and situation.is_shared and control.revision == target else None,
        incident=None,
        standby_revision="",
        standby_until=None,
        rejected_revisions=rejected(situation, finding),
        cause=finding.cause,
        withdrawal=WithdrawalStatus(
            revision=situation.status.stable_revision,
            to=target,
            started_at=stamp(situation.now),
            reason=finding.reason,
            replicas=situation.spec.replicas,
        ),
    )
    told = replace(finding, message=f"{finding.message}; going back to {target}")
    change = recorded(situation, status, "RolledBack", told, "Warning")
    if situation.pods(target).ready >= situation.spec.replicas:
        return replace(change, status=switched(situation, change.status))
    return change
