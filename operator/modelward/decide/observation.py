"""What one reconcile saw: everything a decision is made from besides spec, status and the time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from modelward.api.approval import ApprovalDecision
from modelward.api.gateverdict import ErrorReason, Result
from modelward.api.recordedgates import GateInForce
from modelward.evidence.ledger import Assessment


class ProblemReason(StrEnum):
    """Why a pod of a revision is not ready, as far as its status says."""

    UNSCHEDULABLE = "Unschedulable"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    FETCH_FAILED = "FetchFailed"
    DIGEST_MISMATCH = "DigestMismatch"
    CRASH_LOOPING = "CrashLooping"
    CREATE_FAILED = "CreateFailed"
    """The API server refused the workload or its pods (quota, admission, an invalid template)."""
    NOT_READY = "NotReady"


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a revision's pods from being ready."""

    reason: ProblemReason
    message: str


@dataclass(frozen=True, slots=True)
class RevisionObservation:
    """The pods of one revision."""

    pods: int = 0
    """Pods that exist, also those that are starting or ending."""
    ready: int = 0
    """Pods that are ready and not ending."""
    problem: Problem | None = None
    informed_generation: int = -1
    """Lowest traffic generation over the monitors of running pods; -1: not known. No pods: not needed."""
    requests: int | None = None
    """Sum of the monitors' counters of requests given to the revision's own servers; None: not known."""


class MetricsState(StrEnum):
    """Whether Prometheus can be asked about this deployment."""

    AVAILABLE = "Available"
    UNAVAILABLE = "Unavailable"
    """No answer, an error, a partial answer or nonsense."""
    NOT_SCRAPED = "NotScraped"
    """It answers, but no sample of this deployment has ever arrived."""


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """One of the team's alerts that matches rollback.alerts and that Prometheus confirms as firing."""

    name: str
    revision: str | None
    """From the label modelward_revision; None: the alert names no revision."""
    started_at: datetime


@dataclass(frozen=True, slots=True)
class QueryProblem:
    """One of the team's queries that gives no count or value."""

    subject: str
    """Whose query it is: `objective NAME` or `detector NAME`."""
    message: str
    """What is wrong with it, in Prometheus' own words where it said so."""


@dataclass(frozen=True, slots=True)
class DriftSignal:
    """What one drift detector says now. No data is no signal: see `Observation.drift_unknown`."""

    name: str
    """The detector's name in spec.drift.detectors."""
    value: float
    """Finite; in the detector's own unit."""
    threshold: float
    """Above this the inputs have drifted."""
    since: datetime | None = None
    """Since when it has been above its threshold without a break, as far as this operator has seen."""

    @property
    def drifted(self) -> bool:
        """Return whether the inputs have drifted, by this detector."""
        return self.value > self.threshold


class PressureKind(StrEnum):
    """What pods lack."""

    THROTTLED = "Throttled"
    MEMORY = "Memory"
    RESTARTS = "Restarts"


@dataclass(frozen=True, slots=True)
class PodPressure:
    """What the pods of one revision lack, on average, above what is told people of."""

    revision: str
    kind: PressureKind
    value: float
    """Share of scheduling periods throttled, share of the memory limit, or restarts within ten minutes."""


class ProfileProblem(StrEnum):
    """What is wrong with the profile that spec names."""

    MISSING = "Missing"
    INVALID = "Invalid"
    CUT = "Cut"
    """Some of its features are not watched."""


@dataclass(frozen=True, slots=True)
class ProfileSeen:
    """The profile that spec names."""

    problem: ProfileProblem | None = None
    message: str = ""
    """What is wrong with it; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Commands:
    """The annotations by which a person steers, as written: `<revision>@<token>` or, for abort, any token."""

    retry: str = ""
    abort: str = ""
    undo: str = ""


@dataclass(frozen=True, slots=True)
class GateObservation:
    """One Job of a gate, or a pass that is kept from an earlier one.

    It is matched with status by revision, name and configuration; a Job also by run, attempt and stable,
    which its `GateJob` had, and a pass that is kept also by stable, if the gate compares with it. What
    matches nothing is passed over.
    """

    revision: str
    name: str
    configuration: str
    run: str = ""
    """GateJob.run of a Job; empty for a pass that is kept, which holds for any run."""
    attempt: int = 0
    stable: str = ""
    """The revision that served when it was measured; empty if none did."""
    result: Result | None = None
    """Passed, Failed or Error; None while it has not ended."""
    reason: ErrorReason | None = None
    """Of an Error."""
    message: str = ""
    """What it found; while it runs what keeps it from running, if anything does."""
    finished_at: datetime | None = None
    report: str = ""
    """Where its report is; empty while it is nowhere."""


@dataclass(frozen=True, slots=True)
class ApprovalObservation:
    """One ModelApproval of this deployment, of any revision."""

    revision: str
    decision: ApprovalDecision
    approver: str
    reason: str
    created_at: datetime
    uid: str


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything seen in one reconcile."""

    deployment: str
    """metadata.name of the ModelDeployment."""
    generation: int
    """metadata.generation of the ModelDeployment."""
    wanted_revision: str
    """Name of the revision that spec describes."""
    revisions: Mapping[str, RevisionObservation] = field(default_factory=dict)
    """By name, every revision that has a ControllerRevision, and those that status gives traffic to."""
    assessments: tuple[Assessment, ...] = ()
    metrics: MetricsState = MetricsState.UNAVAILABLE
    metrics_message: str = ""
    alerts: tuple[FiringAlert, ...] = ()
    drift: tuple[DriftSignal, ...] = ()
    """What each drift detector that has a value says, drifted or not."""
    pressures: tuple[PodPressure, ...] = ()
    """What pods are known to lack; where nobody measures it there is none, which says nothing."""
    drift_unknown: tuple[str, ...] = ()
    """Names of the detectors without a value that can be used; that is news of neither kind."""
    profile: ProfileSeen | None = None
    """None: spec names no profile."""
    query_problems: tuple[QueryProblem, ...] = ()
    """By subject, the team's queries that give nothing usable now."""
    gates_in_force: tuple[GateInForce, ...] | None = ()
    """Of the candidate in status; where there is none, of the wanted revision.

    None: its record cannot be read, so that nobody knows what it must pass; it gets no traffic.
    """
    gates: tuple[GateObservation, ...] = ()
    """Of the candidate in status, or else the wanted revision: its Jobs, and passes that are kept."""
    approvals: tuple[ApprovalObservation, ...] = ()
    """Every ModelApproval that names this deployment."""
    commands: Commands = Commands()
    render_problem: str = ""
    """Why a child was refused by the API server; empty when all were taken."""
