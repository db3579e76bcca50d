"""`status` of a ModelDeployment: what the operator found and did.

Times are RFC 3339 strings in UTC with seconds. Numbers in `objectives` are those of the last change
of verdict (refreshed at most every 30 s during a rollout, never at rest).
"""

from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field

from modelward.api.base import APIType
from modelward.api.gates import MAX_GATES
from modelward.api.rules import ListMap

Timestamp: TypeAlias = str
MOST_ROLLBACKS: Final = 10
"""Rollbacks whose times are kept; the most that spec.rollback.budget may allow."""
MOST_PROBES: Final = 1_000
"""Comparisons that are counted in one incident; they are an hour apart."""
MOST_EVIDENCE: Final = 20
"""Lines of evidence in the record of a decision."""
MOST_GATES: Final = 2 * MAX_GATES + 1
"""Gates in force for one revision: as many as are recorded, as many more, and requireApproval's."""
MOST_GATE_MESSAGE: Final = 256
"""Characters of what is said of a gate."""
VerdictName: TypeAlias = Literal["Healthy", "Breached", "Inconclusive", "Unknown"]


class Phase(StrEnum):
    """Where a deployment stands; see docs/rollout.md for how one follows another."""

    INITIALIZING = "Initializing"
    """No revision serves yet; the first one is starting."""
    SERVING = "Serving"
    """The stable revision serves and nothing else is going on."""
    STARTING = "Starting"
    """A candidate's pods are starting; it has no traffic."""
    GATING = "Gating"
    """The candidate's pods are ready; its gates run, or a person is awaited. It has no traffic."""
    STEPPING = "Stepping"
    """The candidate has a share of the traffic."""
    PROMOTING = "Promoting"
    """All traffic is moving to the candidate."""
    ROLLING_BACK = "RollingBack"
    """A revision is being withdrawn; all traffic is moving back."""
    HELD = "Held"
    """A rollout waits for a person, or for what holds it to pass."""
    PROBING = "Probing"
    """The stable revision is suspected; a good one gets a share of its traffic, to compare them."""
    RESTORING = "Restoring"
    """The share that another revision had for a comparison moves back to the stable one."""


class Cause(StrEnum):
    """What is at fault."""

    MODEL = "Model"
    INFRASTRUCTURE = "Infrastructure"
    DRIFT = "Drift"
    UNKNOWN = "Unknown"


class ControlPurpose(StrEnum):
    """Why another revision shares the traffic of the stable one."""

    PROBE = "Probe"
    """For a while, to find out whether the stable revision is at fault for a breach."""
    HOLDBACK = "Holdback"
    """For as long as the stable revision serves (spec.rollout.holdback)."""


class _Recorded(APIType):
    """A part of the status; what a newer operator has written beside it is passed over."""

    model_config = ConfigDict(extra="ignore")


class RejectedRevision(_Recorded):
    """A revision that will not be tried again until its hash changes or a person asks for a retry."""

    revision: str
    """Its name."""
    cause: Cause
    """What was at fault."""
    reason: str
    """Why, in one word, such as ImagePullFailed."""
    message: Annotated[str, Field(max_length=512)] = ""
    """Why, with the numbers."""
    time: Timestamp
    """When."""


class TrafficShare(_Recorded):
    """A revision and its real share of the traffic, in percent."""

    revision: str
    """Its name."""
    weight: Annotated[int, Field(ge=0, le=100)]
    """Percent of the new connections."""


class ObjectiveStatus(_Recorded):
    """One objective of one revision."""

    name: str
    """The objective's name."""
    revision: str
    """Revision whose events were counted."""
    good: int = 0
    """Good events."""
    total: int = 0
    """All events."""
    mean_absolute_error: str | None = None
    """Mean of the errors, clipped; only where spec asks for it. Good events are then shares, rounded."""
    verdict: VerdictName
    """Healthy, Breached, Inconclusive (too little evidence), or Unknown (no data)."""
    evidence: str = "0"
    """log10 of the evidence against, over the log10 at which it counts as a breach: "1" is a breach."""


class RolloutStatus(_Recorded):
    """The rollout in progress, or the last one."""

    started_at: Timestamp
    """When the candidate was made."""
    step: int = -1
    """Index of the current step; -1 before the first."""
    step_started_at: Timestamp | None = None
    """When the current step got its share of the traffic."""
    inconclusive_steps: int = 0
    """Steps whose time was over without evidence against the candidate, and without evidence for it."""
    unready_since: Timestamp | None = None
    """Since when not every pod that the candidate needs has been ready; none while all are."""
    gates_run: Timestamp | None = None
    """When its gates were first waited for: tells their Jobs from those of an earlier try."""
    gating_since: Timestamp | None = None
    """Since when its gates are waited for; the deadline does not run meanwhile."""
    paused_since: Timestamp | None = None
    """Since when spec.paused or spec.replicas of 0 keeps it waiting; the deadline does not run meanwhile."""
    held: str = ""
    """Reason for which the rollout is held; empty if it is not."""
    held_since: Timestamp | None = None
    """Since when it is held; the deadline does not run meanwhile."""


class GateResultName(StrEnum):
    """How a gate of the candidate stands."""

    PENDING = "Pending"
    """It has not been asked for yet."""
    RUNNING = "Running"
    """Its Job is asked for, and has given no answer."""
    AWAITING = "Awaiting"
    """A person has not said yes yet."""
    PASSED = "Passed"
    FAILED = "Failed"
    ERROR = "Error"
    """There is no answer, and will be none: never a pass."""
    WARNED = "Warned"
    """Failed or Error, and onFailure is Warn: it does not keep the candidate from traffic."""


class GateStatus(_Recorded):
    """One gate of the candidate, or of the last one there was."""

    name: Annotated[str, Field(max_length=40)]
    """Its name."""
    kind: str
    """dataQuality, interpretability, robustness, job or approval."""
    configuration: str
    """Hash of the gate and what it is measured by."""
    result: GateResultName
    """Pending, Running, Awaiting, Passed, Failed, Error or Warned."""
    reason: str = ""
    """Why, in one word, such as OutOfMemory; empty unless there is more to say than the result."""
    message: Annotated[str, Field(max_length=MOST_GATE_MESSAGE)] = ""
    """Why, for a person."""
    attempt: Annotated[int, Field(ge=0)] = 0
    """Jobs asked for before the present one."""
    approvals: Annotated[int, Field(ge=0)] | None = None
    """People who have approved; of an approval alone."""
    started_at: Timestamp | None = None
    """Since when it runs, or a person is awaited."""
    finished_at: Timestamp | None = None
    """When it ended."""
    report: Annotated[str, Field(max_length=256)] = ""
    """Where its report is."""


class WithdrawalStatus(_Recorded):
    """A revision whose traffic is being moved away."""

    revision: str
    """The revision that loses its traffic."""
    to: str
    """The revision that gets it."""
    started_at: Timestamp
    """When it began."""
    reason: str
    """Why; the reason of the history entry that began it."""
    replicas: int
    """Pods that the withdrawn revision keeps until its traffic is gone."""
    switched: bool = False
    """Whether the Service already selects the other revision; false while that one's pods start."""
    requests: int = -1
    """The withdrawn revision's request counter when it was last read; -1 before the first reading."""
    read_at: Timestamp | None = None
    """When the counter was last read."""
    unchanged_readings: int = 0
    """Readings in a row, at least a block apart, in which it stood still; two end the withdrawal."""


class ControlStatus(_Recorded):
    """A good revision beside the stable one, which is compared with it."""

    revision: str
    """Its name."""
    purpose: ControlPurpose
    """Probe or Holdback."""
    replicas: int
    """Pods that it keeps."""
    started_at: Timestamp
    """When it was asked for."""
    shared_at: Timestamp | None = None
    """Since when it has a share of the traffic; none while its pods start."""
    unready_since: Timestamp | None = None
    """Since when none of its pods has been ready; none while spec.replicas is 0."""
    alone_since: Timestamp | None = None
    """Since when no pod of the stable revision has been ready; none while spec.replicas is 0."""
    wanted_revision: str = ""
    """The revision that spec asked for when a probe began; another one ends it."""


class IncidentStatus(_Recorded):
    """A breach by the stable revision that is not answered by a rollback, until it has cleared."""

    revision: str
    """The revision that is breached."""
    cause: Cause
    """What is at fault, as far as it is known."""
    reason: str
    """Why nothing is rolled back, in one word; docs/reference/conditions.md lists them."""
    message: Annotated[str, Field(max_length=512)] = ""
    """Why, with the numbers."""
    since: Timestamp
    """When it was first found."""
    probed_at: Timestamp | None = None
    """When the last comparison with a good revision ended; the next comes an hour later at the earliest."""
    probes: Annotated[int, Field(ge=0, le=MOST_PROBES)] = 0
    """Comparisons with a good revision that have ended; each further one asks for more evidence."""
    unexplained_since: Timestamp | None = None
    """Since when slow storage has not explained an incident that it did explain."""
    go_back_to: str = ""
    """The revision that is gone back to as soon as a person approves it; empty where nobody is asked."""


class HistoryEntry(_Recorded):
    """One decision, newest first."""

    time: Timestamp
    """When it was made."""
    revision: str
    """The revision that it is about."""
    action: str
    """Promoted, RolledBack, Rejected, GatesPassed, Held, Resumed, Replaced, Probing, Stayed or Recovered."""
    reason: str
    """Why, in one word."""
    message: Annotated[str, Field(max_length=512)] = ""
    """Why, with the numbers."""


class EvidenceRecord(_Recorded):
    """What one objective's evidence on one revision was when a decision was made.

    Evidence is the log10 of an e-value, "of" the log10 at which it counts.
    """

    objective: str
    """The objective's name."""
    revision: str
    """The revision whose events were counted."""
    bad: str
    """Bad events, "of" all."""
    against_target: str
    """Evidence against the target."""
    compared_with: str = ""
    """The revision that it was compared with; empty if there was none, or it has no rule for that."""
    against_other: str = ""
    """Evidence that it is worse than that one."""
    not_worse: str = ""
    """Evidence that it is no worse than that one; empty if that was not asked."""
    others_bad: str = ""
    """Bad events of the revision compared with, "of" all."""
    while_storage_fast: str = ""
    """Bad events that came while storage was fast, "of" all such."""
    while_storage_slow: str = ""
    """Bad events that came while storage was slow, "of" all such."""


class DecisionRecord(_Recorded):
    """One decision with the numbers it was made from; ConfigMap NAME-decisions keeps the newest twenty."""

    time: Timestamp
    """When it was made."""
    rule: str
    """The row of the transition table that fired; docs/rollout.md has the table."""
    revision: str = ""
    """The revision that it is about."""
    action: str
    """What was done, as in history; or StepEnded; or GateEnded, also of a yes and of one taken back."""
    reason: str
    """Why, in one word."""
    cause: Cause
    """What was found to be at fault."""
    message: Annotated[str, Field(max_length=512)] = ""
    """Why, with the numbers."""
    evidence: Annotated[tuple[EvidenceRecord, ...], Field(max_length=MOST_EVIDENCE)] = ()
    """By objective and revision, what weighed most first."""
    drift: Annotated[tuple[str, ...], Field(max_length=11)] = ()
    """Drift detectors, each with its value "of" its threshold."""


class Condition(_Recorded):
    """A metav1.Condition."""

    type: str
    """Ready, Reconciling, Stalled, Progressing, ObjectivesMet or another of those documented."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: str
    """Why, in one word; docs/reference/conditions.md lists them."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """Why, for a person."""
    observed_generation: int = 0
    """metadata.generation that this was said about."""
    last_transition_time: Timestamp
    """When the status of the condition last changed."""


class ModelDeploymentStatus(_Recorded):
    """What the operator found and did."""

    observed_generation: int = 0
    """metadata.generation that the operator has acted on."""
    phase: Phase = Phase.INITIALIZING
    """Where the deployment stands."""
    replicas: int = 0
    """Pods of the revision that serves."""
    selector: str = ""
    """Label selector of the serving pods, for the scale subresource."""
    stable_revision: str = ""
    """The revision that serves."""
    candidate_revision: str = ""
    """The revision being tried."""
    standby_revision: str = ""
    """The previous stable revision, kept warm."""
    standby_until: Timestamp | None = None
    """Until when it is kept."""
    promoted_at: Timestamp | None = None
    """When the stable revision was promoted."""
    weight: int = 0
    """The candidate's real share of the traffic, in percent."""
    verdict: VerdictName = "Unknown"
    """Worst verdict over the objectives of the revisions with traffic."""
    cause: Cause | None = None
    """What was at fault in the last rejection, rollback, hold or incident; none once that is over."""
    traffic: tuple[TrafficShare, ...] = ()
    """Who really gets how much of the traffic."""
    traffic_generation: int = 0
    """Raised with every change of traffic; monitors obey the highest they have seen."""
    objectives: tuple[ObjectiveStatus, ...] = ()
    """What was counted for each objective and revision."""
    objectives_read_at: Timestamp | None = None
    """When the numbers in objectives were written."""
    rollout: RolloutStatus | None = None
    gates: Annotated[tuple[GateStatus, ...], Field(max_length=MOST_GATES)] = ()
    """The gates in force for the candidate, or for the last one, and how each stands."""
    vetoed_revision: str = ""
    """The serving revision, if it was vetoed and there is no other one to go back to."""
    withdrawal: WithdrawalStatus | None = None
    control: ControlStatus | None = None
    incident: IncidentStatus | None = None
    rollbacks: Annotated[tuple[Timestamp, ...], Field(max_length=MOST_ROLLBACKS)] = ()
    """When the operator last went back by itself after a promotion, newest first."""
    rejected_revisions: Annotated[tuple[RejectedRevision, ...], Field(max_length=10)] = ()
    """Revisions that are not tried again by themselves."""
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=10)] = ()
    """The last decisions, newest first."""
    last_decision: DecisionRecord | None = None
    """The newest decision with its numbers; earlier ones are in ConfigMap NAME-decisions."""
    conditions: Annotated[tuple[Condition, ...], ListMap("type"), Field(max_length=10)] = ()
    """The state in a few words; docs/reference/conditions.md lists types and reasons."""
    last_handled_retry: str = ""
    """The annotation modelward.dev/retry last acted on; its SHA-256 if longer than 128 characters."""
    last_handled_abort: str = ""
    """The annotation modelward.dev/abort last acted on; its SHA-256 if longer than 128 characters."""
    last_handled_undo: str = ""
    """The annotation modelward.dev/undo last acted on; its SHA-256 if longer than 128 characters."""
