"""A small world to decide in: spec, status, pods, evidence and a clock that a test moves by hand."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from modelward.api.approval import ApprovalDecision
from modelward.api.gateverdict import ErrorReason, Result
from modelward.api.recordedgates import RecordedGates, in_force, recorded
from modelward.api.spec import ModelDeploymentSpec
from modelward.api.status import HistoryEntry, ModelDeploymentStatus
from modelward.decide import decide, targets
from modelward.decide.clock import stamp
from modelward.decide.decision import Decision
from modelward.decide.observation import (
    ApprovalObservation,
    Commands,
    DriftSignal,
    FiringAlert,
    GateObservation,
    MetricsState,
    Observation,
    PodPressure,
    Problem,
    ProblemReason,
    ProfileSeen,
    QueryProblem,
    RevisionObservation,
)
from modelward.evidence.ledger import Assessment
from modelward.evidence.verdict import Verdict

CAMEL_CASE = re.compile(r"([A-Z][a-z]+)+")
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEMPLATE = {"spec": {"containers": [{"name": "model", "image": "server:1"}]}}


MEASURED_BY: dict[str, Any] = {
    "inference": {"model": "electricity"},
    "validation": {"uri": "s3://data/validation.csv", "labels": "class"},
}
"""What every measured gate needs beside it."""
NOISE = {"robustness": {"noise": [{"size": "0.1", "maxFlips": "5%"}]}}


def gated(*gates: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return top-level fields of a spec with these gates."""
    return {**MEASURED_BY, "gates": list(gates), **changes}


def spec_of(**changes: Any) -> ModelDeploymentSpec:
    """Build a spec with two steps and two objectives; `changes` replace top-level fields."""
    manifest: dict[str, Any] = {
        "model": {"uri": "s3://models/electricity/1"},
        "server": {"template": TEMPLATE},
        "replicas": 2,
        "rollout": {
            "steps": [
                {"weight": 33, "duration": "5m", "minRequests": 100},
                {"weight": 50, "duration": "5m", "minRequests": 100},
            ],
            "deadline": "1h",
            "progressDeadline": "10m",
        },
        "objectives": [
            {"name": "availability", "availability": {}, "target": "99%"},
            {"name": "accuracy", "accuracy": {}, "target": "65%"},
        ],
    }
    return ModelDeploymentSpec.model_validate(manifest | changes)


def assessment(revision: str, objective: str = "availability", **changes: Any) -> Assessment:
    """Build an assessment of healthy, plentiful evidence; `changes` replace fields."""
    healthy = Assessment(
        objective=objective,
        revision=revision,
        good=990,
        total=1000,
        target=Verdict.HEALTHY,
        target_log_evidence=0.1,
        target_log_threshold=15.0,
        versus=None,
        versus_log_evidence=0.0,
        versus_log_threshold=4.6,
        not_worse=None,
        not_worse_log_evidence=0.0,
        stable_good=990,
        stable_total=1000,
        blocks_with_data=100,
        blocks_unknown=0,
        last_block_time=int(START.timestamp()),
    )
    return replace(healthy, **changes)


def breached(revision: str, objective: str = "availability") -> Assessment:
    """Build an assessment whose target is breached by 500 of 1000."""
    return assessment(revision, objective, good=500, target=Verdict.BREACHED, target_log_evidence=16.0)


def worse(revision: str, objective: str = "availability") -> Assessment:
    """Build an assessment of a candidate that is worse than stable."""
    return assessment(revision, objective, good=900, versus=Verdict.BREACHED, versus_log_evidence=5.0)


def explained(found: Assessment) -> Assessment:
    """Build the same assessment with slow storage to explain it."""
    return replace(found, storage_explains=True, fast_good=495, fast_total=500, slow_good=100, slow_total=500)


def check(decision: Decision) -> None:
    """Check what must hold of any decision: a sound status that reads back, and well formed Events."""
    status = decision.status
    assert vars(status).keys() == type(status).model_fields.keys()
    assert ModelDeploymentStatus.model_validate_json(status.model_dump_json(by_alias=True)) == status
    assert (status.rollout is None) == (not status.candidate_revision)
    assert status.standby_revision or status.standby_until is None
    for told in decision.announcements:
        assert told.type in {"Normal", "Warning"}
        assert CAMEL_CASE.fullmatch(told.reason), told.reason
        assert told.action.startswith("Step ") or CAMEL_CASE.fullmatch(told.action), told.action
        assert told.message


def said_of(seen: GateObservation) -> tuple[str, str, str, int]:
    """Return which Job an observation is of."""
    return seen.revision, seen.name, seen.run, seen.attempt


@dataclass
class World:
    """Everything one deployment's decisions are made from. `step()` decides once and keeps the status."""

    spec: ModelDeploymentSpec = field(default_factory=spec_of)
    status: ModelDeploymentStatus = field(default_factory=ModelDeploymentStatus)
    now: datetime = START
    wanted: str = "m-1"
    revisions: dict[str, RevisionObservation] = field(default_factory=dict)
    evidence: dict[tuple[str, str], Assessment] = field(default_factory=dict)
    metrics: MetricsState = MetricsState.AVAILABLE
    alerts: tuple[FiringAlert, ...] = ()
    drift: tuple[DriftSignal, ...] = ()
    drift_unknown: tuple[str, ...] = ()
    pressures: tuple[PodPressure, ...] = ()
    profile: ProfileSeen | None = None
    query_problems: tuple[QueryProblem, ...] = ()
    commands: Commands = field(default_factory=Commands)
    render_problem: str = ""
    records: dict[str, RecordedGates | None] = field(default_factory=dict)
    """Gates as recorded when each revision was first asked for."""
    records_are_readable: bool = True
    gates: tuple[GateObservation, ...] = ()
    approvals: tuple[ApprovalObservation, ...] = ()
    rules: list[str] = field(default_factory=list)
    last: Decision | None = None
    decisions: list[tuple[datetime, ModelDeploymentStatus, Decision]] = field(default_factory=list)
    """When each was made, and the status before."""

    def see(self, *assessments: Assessment) -> None:
        """Take in evidence; a later one for the same revision and objective replaces an earlier one."""
        self.evidence |= {(a.revision, a.objective): a for a in assessments}

    def all_healthy(self, *revisions: str, not_worse: bool | None = None) -> None:
        """Let every objective of these revisions be healthy."""
        self.see(
            *(
                assessment(revision, objective.name, not_worse=not_worse)
                for revision in revisions
                for objective in self.spec.objectives
            )
        )

    def pods(self, revision: str, ready: int | None = None, **changes: Any) -> None:
        """Say what is seen of a revision's pods."""
        seen = self.revisions.get(revision, RevisionObservation())
        fields: dict[str, Any] = dict(changes)
        if ready is not None:
            fields = {"ready": ready, "pods": max(ready, seen.pods if ready else 0)} | fields
        self.revisions[revision] = replace(seen, **fields)

    def problem(self, revision: str, reason: ProblemReason, message: str) -> None:
        """Let a revision's pods not become ready."""
        self.revisions[revision] = RevisionObservation(pods=1, problem=Problem(reason, message))

    def pass_time(self, **amount: float) -> None:
        """Move the clock, as timedelta's arguments."""
        self.now += timedelta(**amount)

    def gate_says(
        self, name: str, result: Result | None, reason: ErrorReason | None = None, message: str = "as it is"
    ) -> None:
        """Let the Job of a gate that is asked for now say something."""
        (job,) = (job for job in targets(self.spec, self.status).gate_jobs if job.name == name)
        said = GateObservation(
            job.revision,
            job.name,
            job.configuration,
            job.run,
            job.attempt,
            job.stable,
            result,
            reason,
            message,
        )
        kept = (o for o in self.gates if (o.revision, o.name, o.run, o.attempt) != said_of(said))
        self.gates = (*kept, said)

    def says(self, decision: str, revision: str, by: str = "alice", reason: str = "looked at it") -> None:
        """Let a person make a ModelApproval."""
        said = ApprovalObservation(
            revision, ApprovalDecision(decision), by, reason, self.now, f"uid-{len(self.approvals)}-{by}"
        )
        self.approvals = (*self.approvals, said)

    def takes_back(self, revision: str, by: str = "alice") -> None:
        """Let a person delete the ModelApprovals of a revision."""
        self.approvals = tuple(a for a in self.approvals if (a.revision, a.approver) != (revision, by))

    def gate_results(self) -> dict[str, str]:
        """Return the result of each gate in status."""
        return {gate.name: gate.result.value for gate in self.status.gates}

    def observation(self) -> Observation:
        """Return what is seen now."""
        self.records.setdefault(self.wanted, recorded(self.spec))
        of = self.status.candidate_revision or self.wanted
        return Observation(
            deployment="m",
            generation=1,
            wanted_revision=self.wanted,
            revisions=dict(self.revisions)
            | {self.wanted: self.revisions.get(self.wanted, RevisionObservation())},
            assessments=tuple(self.evidence.values()),
            metrics=self.metrics,
            metrics_message=""
            if self.metrics is MetricsState.AVAILABLE
            else "Prometheus: connection refused",
            alerts=self.alerts,
            drift=self.drift,
            drift_unknown=self.drift_unknown,
            pressures=self.pressures,
            profile=self.profile,
            query_problems=self.query_problems,
            gates_in_force=in_force(self.records.get(of), self.spec) if self.records_are_readable else None,
            gates=tuple(seen for seen in self.gates if seen.revision == of),
            approvals=self.approvals,
            commands=self.commands,
            render_problem=self.render_problem,
        )

    def step(self) -> Decision:
        """Decide once and keep the status."""
        decision = decide(self.spec, self.status, self.observation(), self.now)
        if decision.status != self.status:
            check(decision)
        self.decisions.append((self.now, self.status, decision))
        self.status = decision.status
        self.rules.append(decision.rule)
        self.last = decision
        return decision

    def settle(self, limit: int = 20) -> list[str]:
        """Decide until no rule fires; return the rules that did."""
        fired: list[str] = []
        for _ in range(limit):
            rule = self.step().rule
            if rule == "Stay":
                return fired
            fired.append(rule)
        message = f"did not settle: {fired}"
        raise AssertionError(message)

    def let_pods_follow(self) -> None:
        """Let every placed revision have the pods it asks for, all ready, and the others none."""
        placed = {p.revision: p for p in targets(self.spec, self.status).placements}
        for revision in {*self.revisions, *placed}:
            count = placed[revision].replicas if revision in placed else 0
            requests = self.revisions.get(revision, RevisionObservation()).requests
            self.revisions[revision] = RevisionObservation(
                pods=count, ready=count, informed_generation=self.status.traffic_generation, requests=requests
            )

    def let_standby_go(self) -> None:
        """Let the standby's time be over, and its pods be gone."""
        self.now += self.spec.rollout.standby.retain
        self.settle()
        self.let_pods_follow()

    def keep_standby(self) -> None:
        """Let the standby be kept however long a test lasts."""
        self.status = self.status.model_copy(update={"standby_until": None})

    def drain(self, revision: str) -> None:
        """Let a withdrawn revision's counter stand still until the withdrawal is over."""
        for _ in range(8):
            if self.status.withdrawal is None:
                return
            self.let_pods_follow()
            self.pods(revision, requests=1234)
            self.pass_time(seconds=5)
            self.step()
        message = f"withdrawal did not end: {self.status.withdrawal}"
        raise AssertionError(message)

    def message(self, condition: str) -> str:
        """Return the message of a condition."""
        (found,) = (each.message for each in self.status.conditions if each.type == condition)
        return found

    def conditions(self) -> Mapping[str, tuple[str, str]]:
        """Return status and reason of each condition."""
        return {c.type: (c.status, c.reason) for c in self.status.conditions}


def serving(revision: str = "m-1", **changes: Any) -> World:
    """Build a world in which the first revision serves in good health."""
    world = World(spec=spec_of(**changes), wanted=revision)
    world.settle()
    world.let_pods_follow()
    world.all_healthy(revision)
    world.settle()
    assert world.status.stable_revision == revision
    return world


def stepping(**changes: Any) -> World:
    """Build a world in which m-2 has its first share of m-1's traffic."""
    world = serving("m-1", **changes)
    world.wanted = "m-2"
    world.settle()
    world.let_pods_follow()
    world.settle()
    assert world.status.phase == "Stepping", world.status
    world.all_healthy("m-1", "m-2")
    world.let_pods_follow()
    world.step()
    return world


def promoting(**changes: Any) -> World:
    """Build a world in which m-2 has its steps behind it, and its last pods start."""
    world = stepping(**changes)
    for _ in world.spec.rollout.steps:
        world.all_healthy("m-2", not_worse=True)
        world.let_pods_follow()
        world.step()
    assert world.status.phase == "Promoting", world.status
    return world


def promoted(**changes: Any) -> World:
    """Build a world in which m-2 was promoted and m-1 is the warm standby."""
    world = promoting(**changes)
    world.let_pods_follow()
    world.step()
    assert world.status.stable_revision == "m-2", world.status
    world.drain("m-1")
    world.all_healthy("m-2")
    world.settle()
    assert world.status.phase == "Serving"
    return world


def promotion_of(revision: str) -> HistoryEntry:
    """Return what history says of a revision that has served."""
    return HistoryEntry(time=stamp(START), revision=revision, action="Promoted", reason="StepsPassed")


def probing(**changes: Any) -> World:
    """Build a world in which m-2 is breached after its promotion and shares its traffic with m-1."""
    world = promoted(**changes)
    world.see(breached("m-2"))
    assert world.settle() == ["Probe", "ShareTraffic"]
    world.let_pods_follow()
    world.step()
    return world


def gating(*gates: dict[str, Any], **changes: Any) -> World:
    """Build a world in which m-2, whose pods are ready, has gates to pass before it gets traffic."""
    world = serving("m-1")
    world.spec = spec_of(**gated(*gates, **changes))
    world.wanted = "m-2"
    world.settle()
    world.let_pods_follow()
    world.settle()
    assert world.status.phase == "Gating", world.status
    return world
