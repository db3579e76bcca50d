"""Condition types and reasons of `status.conditions`; docs/reference/conditions.md is generated from here.

Ready, Reconciling and Stalled mean what kstatus means by them, so that `kubectl wait`, Flux and Argo CD
understand a ModelDeployment: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Self


class _Documented(StrEnum):
    """A string that knows what it means."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Keep the meaning beside the value."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class ConditionType(_Documented):
    """What a condition is about."""

    READY = "Ready", "A revision serves."
    RECONCILING = (
        "Reconciling",
        "Something is being brought about: pods start, traffic moves, a candidate is tried.",
    )
    STALLED = "Stalled", "What spec asks for will not come about unless someone acts."
    PROGRESSING = "Progressing", "How the rollout of the revision that spec asks for stands."
    OBJECTIVES_MET = (
        "ObjectivesMet",
        "What evidence says of the revisions with traffic; Unknown is no good news.",
    )
    QUERIES_VALID = (
        "QueriesValid",
        "Whether Prometheus can answer the team's own queries; only where spec has any.",
    )
    DRIFT_WATCHED = (
        "DriftWatched",
        "Whether inputs and predictions are held against a profile; only where spec.drift.profile names one.",
    )
    GATES_PASSED = (
        "GatesPassed",
        "Whether the candidate, or the last one, passed its measured gates; only where it had any.",
    )
    APPROVED = (
        "Approved",
        "Whether people have approved what waits for them; only where they are asked, or have vetoed.",
    )


class Reason(_Documented):
    """Why a condition is what it is."""

    SERVING = "Serving", "The stable revision serves."
    NO_REVISION_SERVES = (
        "NoRevisionServes",
        "No revision was ever ready, or no pod of the stable one is ready now.",
    )
    SCALED_TO_ZERO = "ScaledToZero", "spec.replicas is 0."

    SETTLED = "Settled", "Nothing is going on."
    ROLLOUT_IN_PROGRESS = "RolloutInProgress", "A candidate is being tried, or traffic is moving to it."
    ROLLBACK_IN_PROGRESS = "RollbackInProgress", "A revision is being withdrawn and traffic moves back."
    PODS_CHANGING = "PodsChanging", "Not all pods of the stable revision are ready."
    PROBE_IN_PROGRESS = (
        "ProbeInProgress",
        "The stable revision is breached; the last good one gets a share of its traffic, to compare them.",
    )
    SHARE_RETURNS = (
        "ShareReturns",
        "The share that a revision had for a comparison moves back to the stable one.",
    )

    NOT_STALLED = "NotStalled", "Nothing keeps spec from coming about."
    INVALID_SPEC = (
        "InvalidSpec",
        "The object breaks a rule that is newer than it; the message says what to write.",
    )
    RENDER_REFUSED = (
        "RenderRefused",
        "An object was refused, or could not be made or deleted; the message says why and what to do.",
    )
    HELD = "Held", "The rollout waits for a person; the message says why. Change spec, abort or retry."
    REVISION_REJECTED = (
        "RevisionRejected",
        "The revision that spec asks for was rejected. Change spec, or annotate it with modelward.dev/retry.",
    )

    ROLLOUT_COMPLETE = "RolloutComplete", "The revision that spec asks for is the stable one."
    NEW_REVISION = "NewRevision", "A revision waits to begin, or its pods are starting; it has no traffic."
    GATING = (
        "Gating",
        "The candidate's pods are ready; its gates run, or a person is awaited. It has no traffic.",
    )
    STEP_IN_PROGRESS = "StepInProgress", "The candidate has a share of the traffic and evidence is gathered."
    WEIGHT_NOT_MET = (
        "WeightNotMet",
        "The pods cannot make the step's weight to within 5 points; the message says what to write instead.",
    )
    WAITING_FOR_METRICS = "WaitingForMetrics", "Metrics are away: the step neither ends nor is judged."
    PROMOTING = "Promoting", "The candidate has passed its steps; all traffic moves to it."
    PAUSED = "Paused", "spec.paused is true."

    MET = "Met", "Every objective is shown to be met, or nothing speaks against it."
    BREACHED = "Breached", "At least one objective is breached."
    INFRASTRUCTURE_SUSPECTED = (
        "InfrastructureSuspected",
        "Breached, and storage is at fault: nothing is rolled back; a rollout goes on when it has cleared.",
    )
    DRIFT_SUSPECTED = (
        "DriftSuspected",
        "Breached, another revision does no better, and the inputs have drifted: nothing is rolled back.",
    )
    CAUSE_UNKNOWN = (
        "CauseUnknown",
        "Breached, and nothing shows that another revision would do better: nothing is rolled back.",
    )
    NOTHING_TO_GO_BACK_TO = (
        "NothingToGoBackTo",
        "Breached, and there is no other revision that is known to be good.",
    )
    ROLLBACK_BUDGET_EXHAUSTED = (
        "RollbackBudgetExhausted",
        "Breached, but spec.rollback.budget is spent. Change spec, or annotate with modelward.dev/undo.",
    )
    INCONCLUSIVE = "Inconclusive", "There is data, but not enough of it for a verdict."
    NO_DATA = "NoData", "Metrics are there, but none for at least one objective."
    METRICS_UNAVAILABLE = "MetricsUnavailable", "Prometheus gives no answer, part of one, or nonsense."
    NOT_SCRAPED = (
        "NotScraped",
        "Prometheus answers but never had a sample of this deployment: it does not select the PodMonitor.",
    )

    GATES_PASSED = "GatesPassed", "Every measured gate was passed, or was no more than a warning."
    GATES_RUNNING = "GatesRunning", "Gates run, or wait for their turn or for the candidate's pods."
    GATE_FAILED = "GateFailed", "A gate was not passed; the message says by how much."
    GATE_ERROR = (
        "GateError",
        "A gate has no answer, by a crash, an eviction, its time or memory, or nonsense: that is no pass.",
    )
    GATES_UNFINISHED = "GatesUnfinished", "The candidate was given up before its gates had ended."

    APPROVED = "Approved", "Everyone has approved who must; the message says who, and why."
    AWAITING_APPROVAL = (
        "AwaitingApproval",
        "A person must approve the candidate before it gets traffic; the message says how.",
    )
    APPROVAL_TIMEOUT = (
        "ApprovalTimeout",
        "Nobody approved in time: the rollout is held, and goes on as soon as somebody does.",
    )
    APPROVAL_REVOKED = (
        "ApprovalRevoked",
        "An approval was taken back while the candidate had traffic: the rollout is held for another.",
    )
    AWAITING_ROLLBACK_APPROVAL = (
        "AwaitingRollbackApproval",
        "Breached, and spec.requireApproval.rollback has a person approve going back; the message says how.",
    )
    VETOED = "Vetoed", "A person has said no to the revision; the message says who, and why."

    QUERIES_ANSWERED = "QueriesAnswered", "Every query of the team gives one series that can be used."
    QUERY_FAILED = (
        "QueryFailed",
        (
            "A query of the team does not parse, is too slow, or gives no series, several, or nonsense: its "
            "objective is Unknown, which holds a rollout. The message has Prometheus' own words."
        ),
    )

    PROFILE_IN_USE = "ProfileInUse", "Every feature of the profile is watched."
    FEATURES_CUT = (
        "FeaturesCut",
        "Some features of the profile are not watched; the message names them and says why.",
    )
    PROFILE_MISSING = (
        "ProfileMissing",
        "There is no such ConfigMap, or it lacks the label by which it is found.",
    )
    PROFILE_INVALID = (
        "ProfileInvalid",
        "The profile is too large, of another version or breaks its schema; the message says where.",
    )
    TOO_FEW_VALUES = (
        "TooFewValues",
        "Nothing can be said of drift: too few values were sampled in the window, or nothing is recorded.",
    )


REASONS_OF: Final[Mapping[ConditionType, tuple[Reason, ...]]] = {
    ConditionType.READY: (Reason.SERVING, Reason.NO_REVISION_SERVES, Reason.SCALED_TO_ZERO),
    ConditionType.RECONCILING: (
        Reason.SETTLED,
        Reason.ROLLOUT_IN_PROGRESS,
        Reason.ROLLBACK_IN_PROGRESS,
        Reason.PROBE_IN_PROGRESS,
        Reason.SHARE_RETURNS,
        Reason.PODS_CHANGING,
    ),
    ConditionType.STALLED: (
        Reason.NOT_STALLED,
        Reason.INVALID_SPEC,
        Reason.RENDER_REFUSED,
        Reason.HELD,
        Reason.ROLLBACK_BUDGET_EXHAUSTED,
        Reason.REVISION_REJECTED,
    ),
    ConditionType.PROGRESSING: (
        Reason.ROLLOUT_COMPLETE,
        Reason.NEW_REVISION,
        Reason.GATING,
        Reason.STEP_IN_PROGRESS,
        Reason.WEIGHT_NOT_MET,
        Reason.WAITING_FOR_METRICS,
        Reason.PROMOTING,
        Reason.PAUSED,
        Reason.HELD,
        Reason.REVISION_REJECTED,
    ),
    ConditionType.OBJECTIVES_MET: (
        Reason.MET,
        Reason.BREACHED,
        Reason.INFRASTRUCTURE_SUSPECTED,
        Reason.DRIFT_SUSPECTED,
        Reason.CAUSE_UNKNOWN,
        Reason.NOTHING_TO_GO_BACK_TO,
        Reason.ROLLBACK_BUDGET_EXHAUSTED,
        Reason.AWAITING_ROLLBACK_APPROVAL,
        Reason.INCONCLUSIVE,
        Reason.NO_DATA,
        Reason.METRICS_UNAVAILABLE,
        Reason.NOT_SCRAPED,
    ),
    ConditionType.QUERIES_VALID: (
        Reason.QUERIES_ANSWERED,
        Reason.QUERY_FAILED,
        Reason.METRICS_UNAVAILABLE,
    ),
    ConditionType.DRIFT_WATCHED: (
        Reason.PROFILE_IN_USE,
        Reason.FEATURES_CUT,
        Reason.PROFILE_MISSING,
        Reason.PROFILE_INVALID,
        Reason.TOO_FEW_VALUES,
        Reason.METRICS_UNAVAILABLE,
    ),
    ConditionType.GATES_PASSED: (
        Reason.GATES_PASSED,
        Reason.GATES_RUNNING,
        Reason.GATE_FAILED,
        Reason.GATE_ERROR,
        Reason.GATES_UNFINISHED,
    ),
    ConditionType.APPROVED: (
        Reason.APPROVED,
        Reason.AWAITING_APPROVAL,
        Reason.APPROVAL_TIMEOUT,
        Reason.APPROVAL_REVOKED,
        Reason.AWAITING_ROLLBACK_APPROVAL,
        Reason.VETOED,
        Reason.GATES_UNFINISHED,
    ),
}
"""The reasons each condition may have, the one of a deployment at rest first."""
