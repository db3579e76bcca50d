"""A candidate without traffic: begun, dropped, rejected, or the first of all revisions, which serves."""

from modelward.api.status import ModelDeploymentStatus, Phase, RolloutStatus
from modelward.decide.change import Change, changed, recorded, rejected
from modelward.decide.clock import stamp
from modelward.decide.decision import Announcement
from modelward.decide.findings import Finding
from modelward.decide.gates import asked
from modelward.decide.judgement import lasting_cause
from modelward.decide.situation import Situation


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
        gates=asked(situation),
        cause=lasting_cause(situation.status),
    )
    return Change(
        status, (Announcement("Normal", finding.reason, "Started", f"{wanted}: {finding.message}"),)
    )


def drop_candidate(situation: Situation, finding: Finding) -> Change:
    """Forget a candidate that has no traffic; the wanted revision is taken up next."""
    status = changed(situation.status, phase=_resting(situation.status), candidate_revision="", rollout=None)
    return recorded(situation, changed(status, cause=lasting_cause(status)), "Replaced", finding)


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
