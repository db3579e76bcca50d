"""The changes of status that transitions make: a situation and a finding in, what follows out."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from modelward.api.spec import OnInconclusive
from modelward.api.status import (
    MOST_ROLLBACKS,
    ModelDeploymentStatus,
    Phase,
    RolloutStatus,
    WithdrawalStatus,
)
from modelward.decide import holdback
from modelward.decide.change import Change, changed, entry_of, recorded, rejected
from modelward.decide.clock import elapsed, read, stamp
from modelward.decide.decision import Announcement
from modelward.decide.findings import Finding
from modelward.decide.judgement import SUSPECTED
from modelward.decide.placement import holdback_replicas
from modelward.decide.situation import Situation
from modelward.decide.withdrawal import switched

# Starting


def begin(situation: Situation, finding: Finding) -> Change:
    """Make the wanted revision the candidate."""
    wanted = situation.observation.wanted_revision
    phase = Phase.STARTING if situation.status.stable_revision else Phase.INITIALIZING
    keep = situation.status.standby_revision if situation.status.standby_revision != wanted else ""
    status = changed(
        situation.status,
        phase=phase,
        candidate_revision=wanted,
        standby_revision=keep,
        standby_until=situation.status.standby_until if keep else None,
        rollout=RolloutStatus(started_at=stamp(situation.now)),
        cause=situation.status.incident.cause if situation.status.incident else None,
    )
    return Change(
        status, (Announcement("Normal", finding.reason, "Started", f"{wanted}: {finding.message}"),)
    )


def drop_candidate(situation: Situation, finding: Finding) -> Change:
    """Forget a candidate that has no traffic; the wanted revision is taken up next."""
    status = changed(situation.status, phase=_resting(situation.status), candidate_revision="", rollout=None)
    return recorded(situation, status, "Replaced", finding)


def reject_before_traffic(situation: Situation, finding: Finding) -> Change:
    """Reject a candidate that never had traffic."""
    status = changed(
        situation.status,
        phase=_resting(situation.status),
        candidate_revision="",
        rollout=None,
        rejected_revisions=rejected(situation, finding),
        cause=finding.cause,
    )
    return recorded(situation, status, "Rejected", finding, "Warning")


def serve_first(situation: Situation, finding: Finding) -> Change:
    """Let the first revision serve."""
    status = changed(
        situation.status,
        phase=Phase.SERVING,
        stable_revision=finding.revision,
        candidate_revision="",
        rollout=None,
        promoted_at=stamp(situation.now),
    )
    return recorded(situation, status, "Promoted", finding)


def _resting(status: ModelDeploymentStatus) -> Phase:
    return Phase.SERVING if status.stable_revision else Phase.INITIALIZING


# Stepping


def retire_standby(situation: Situation, finding: Finding) -> Change:
    """Let the standby go: during a split pods of exactly two revisions may exist."""
    status = changed(situation.status, standby_revision="", standby_until=None)
    return Change(status, (Announcement("Normal", finding.reason, "StandbyRetired", finding.message),))


def next_step(situation: Situation, finding: Finding) -> Change:
    """Begin the next step, or promote after the last."""
    rollout = situation.status.rollout
    assert rollout is not None  # noqa: S101 - the table calls this only in phases that have a rollout
    following = rollout.step + 1
    is_last = following >= len(situation.spec.rollout.steps)
    status = changed(
        situation.status,
        phase=Phase.PROMOTING if is_last else Phase.STEPPING,
        rollout=rollout.model_copy(
            update={
                "step": rollout.step if is_last else following,
                "step_started_at": stamp(situation.now),
                "held": "",
                "held_since": None,
            }
        ),
    )
    action = "Promoting" if is_last else f"Step {following + 1} of {len(situation.spec.rollout.steps)}"
    return Change(status, (Announcement("Normal", finding.reason, action, finding.message),))


def pass_step(situation: Situation, finding: Finding) -> Change:
    """Begin the next step, or promote after the last; the numbers at the end of this one are recorded."""
    return replace(next_step(situation, finding), entry=entry_of(situation, "StepEnded", finding))


def end_inconclusive(situation: Situation, finding: Finding) -> Change:
    """Follow spec.rollout.onInconclusive."""
    policies = {
        OnInconclusive.PROMOTE: _pass_inconclusive,
        OnInconclusive.HOLD: hold,
        OnInconclusive.ROLLBACK: reject,
    }
    return policies[situation.spec.rollout.on_inconclusive](situation, finding)


def _pass_inconclusive(situation: Situation, finding: Finding) -> Change:
    """Go on as after a step that was passed, and count it."""
    change = pass_step(situation, finding)
    rollout = change.status.rollout
    assert rollout is not None  # noqa: S101 - the next step keeps the rollout
    counted = rollout.model_copy(update={"inconclusive_steps": rollout.inconclusive_steps + 1})
    return replace(change, status=changed(change.status, rollout=counted))


def hold(situation: Situation, finding: Finding) -> Change:
    """Stop the rollout where it is until a person decides or the reason is gone."""
    rollout = situation.status.rollout
    assert rollout is not None  # noqa: S101 - the table calls this only in phases that have a rollout
    status = changed(
        situation.status,
        phase=Phase.HELD,
        rollout=rollout.model_copy(update={"held": finding.reason, "held_since": stamp(situation.now)}),
        cause=finding.cause if finding.reason in SUSPECTED.values() else situation.status.cause,
    )
    return recorded(situation, status, "Held", finding, "Warning")


def resume(situation: Situation, finding: Finding) -> Change:
    """Go on with a held rollout; its step starts over, and its deadline is put off by the time held."""
    rollout = situation.status.rollout
    assert rollout is not None  # noqa: S101 - the table calls this only in phases that have a rollout
    has_traffic = rollout.step >= 0
    held = elapsed(rollout.held_since, situation.now)
    status = changed(
        situation.status,
        phase=Phase.STEPPING if has_traffic else Phase.STARTING,
        rollout=rollout.model_copy(
            update={
                "held": "",
                "held_since": None,
                "started_at": stamp(read(rollout.started_at) + held),
                "step_started_at": stamp(situation.now) if has_traffic else None,
            }
        ),
        cause=None,
    )
    return recorded(situation, status, "Resumed", finding)


# Moving all traffic


def promote(situation: Situation, finding: Finding) -> Change:
    """Make the candidate stable and send it the traffic; the old one is the standby, or keeps a share."""
    old, rollout = situation.status.stable_revision, situation.spec.rollout
    keeps_standby = rollout.standby.retain > timedelta(0) and rollout.standby.replicas != "0%"
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
    if holdback_replicas(situation.spec):
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


def _withdrawn_candidate(
    situation: Situation, status: ModelDeploymentStatus, finding: Finding
) -> ModelDeploymentStatus:
    return changed(
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
