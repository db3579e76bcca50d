"""What should run and where traffic goes, as a function of spec and status alone.

Every reconcile derives the children from here, so that a crash between the status write and the
writes of the children loses nothing: the next reconcile renders the same.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil

from modelward.api.spec import ModelDeploymentSpec
from modelward.api.status import ControlPurpose, GateResultName, ModelDeploymentStatus, Phase
from modelward.decide.gates import are_passed
from modelward.decide.situation import is_shared, is_split
from modelward.decide.sizing import candidate_replicas, holdback_percent


class MonitorMode(StrEnum):
    """How a monitor treats its clients' connections."""

    SERVE = "Serve"
    REBALANCE = "Rebalance"
    """During a split: old connections are closed after an answer, so that they are spread again."""
    WITHDRAW = "Withdraw"
    """Requests are sent on to another revision and connections closed after the answer."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One revision's workload."""

    revision: str
    replicas: int
    mode: MonitorMode = MonitorMode.SERVE
    forward_to: str | None = None
    """Revision to which a withdrawn one sends its requests."""


@dataclass(frozen=True, slots=True)
class GateJob:
    """A Job that should exist now: one gate of one revision. Equal ones are the same Job.

    Jobs that have ended stay for their time to live; running ones that are no longer asked for should go.
    """

    revision: str
    name: str
    """The gate's."""
    configuration: str
    run: str
    """Of which try of the revision: status.rollout.gatesRun."""
    attempt: int
    stable: str = ""
    """The revision that serves, which it is measured beside; empty if none does."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The workloads of a deployment and the revisions that its Service selects."""

    placements: tuple[Placement, ...]
    selected: tuple[str, ...]
    """One revision: the Service selects it. Two: it selects the deployment. None: nothing serves yet."""
    generation: int
    """status.trafficGeneration; monitors obey the highest they have seen."""
    gate_jobs: tuple[GateJob, ...] = ()

    @property
    def routing(self) -> tuple[object, ...]:
        """Return what monitors and the Service are told, apart from the generation that counts its changes.

        Monitors serve unless told otherwise, so a revision that merely starts or ends changes nothing here.
        """
        told = {
            (p.revision, p.mode.value, p.forward_to or "")
            for p in self.placements
            if p.mode is not MonitorMode.SERVE
        }
        return (self.selected, *sorted(told))


def targets(spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> Targets:
    """Return what should run and where traffic goes."""
    placements = {p.revision: p for p in _placements(spec, status)}
    return Targets(
        tuple(placements.values()), _selected(status), status.traffic_generation, _gate_jobs(status)
    )


def _gate_jobs(status: ModelDeploymentStatus) -> tuple[GateJob, ...]:
    rollout, candidate = status.rollout, status.candidate_revision
    if rollout is None or not rollout.gates_run or not candidate:
        return ()
    return tuple(
        GateJob(
            candidate,
            gate.name,
            gate.configuration,
            rollout.gates_run,
            gate.attempt,
            status.stable_revision,
        )
        for gate in status.gates
        if gate.result is GateResultName.RUNNING
    )


def _selected(status: ModelDeploymentStatus) -> tuple[str, ...]:
    if is_split(status):
        return (status.stable_revision, status.candidate_revision)
    if status.control and is_shared(status):
        return (status.stable_revision, status.control.revision)
    moving = status.withdrawal
    if moving and not moving.switched:
        return (
            (moving.revision,) if status.stable_revision == moving.revision else (moving.to, moving.revision)
        )
    serving = moving.to if moving else status.stable_revision or _first(status)
    return (serving,) if serving else ()


def _first(status: ModelDeploymentStatus) -> str:
    """Return the first of all revisions, unless it has gates to pass yet."""
    return status.candidate_revision if are_passed(status) else ""


def _placements(spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> list[Placement]:
    """List placements; a later one for the same revision replaces an earlier one."""
    full = spec.replicas
    split_mode = MonitorMode.REBALANCE if is_split(status) or is_shared(status) else MonitorMode.SERVE
    placements: list[Placement] = []
    if status.standby_revision:
        placements.append(Placement(status.standby_revision, standby_replicas(spec)))
    if status.candidate_revision and status.withdrawal is None:
        placements.append(Placement(status.candidate_revision, _candidate_pods(spec, status), split_mode))
    if status.stable_revision:
        placements.append(Placement(status.stable_revision, full, split_mode))
    if control := status.control:
        is_probe = control.purpose is ControlPurpose.PROBE
        # A holdback that spec asks for no more still answers until stable can.
        held = 0 if is_probe else holdback_replicas(spec)
        pods = held or min(control.replicas, full)
        placements.append(Placement(control.revision, pods, split_mode))
    if moving := status.withdrawal:
        placements.append(Placement(moving.to, full, split_mode))
        mode = MonitorMode.WITHDRAW if moving.switched else split_mode
        forward_to = moving.to if moving.switched else None
        placements.append(Placement(moving.revision, moving.replicas, mode, forward_to))
    return placements


def _candidate_pods(spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> int:
    if not status.stable_revision or status.phase is Phase.PROMOTING:
        return spec.replicas
    step = max(0, status.rollout.step) if status.rollout else 0
    return candidate_replicas(
        spec.replicas, spec.rollout.steps[min(step, len(spec.rollout.steps) - 1)].weight
    )


def standby_replicas(spec: ModelDeploymentSpec) -> int:
    """Return how many pods the standby keeps, rounded up."""
    return ceil(Fraction(spec.rollout.standby.replicas.removesuffix("%")) * spec.replicas / 100)


def probe_replicas(spec: ModelDeploymentSpec) -> int:
    """Return how many pods a probe gives the control: those of the standby, and one at least."""
    return max(1, standby_replicas(spec))


def holdback_replicas(spec: ModelDeploymentSpec) -> int:
    """Return how many pods keep spec.rollout.holdback; 0 without one."""
    percent = holdback_percent(spec)
    return candidate_replicas(spec.replicas, percent) if percent else 0
