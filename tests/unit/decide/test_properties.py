"""What must hold for any sequence of specs, evidence, alerts, outages, commands and clock jumps."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from functools import wraps
from random import Random
from typing import Any, TypeAlias

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelward.api.approval import ApprovalDecision
from modelward.api.gateverdict import ErrorReason, Result
from modelward.api.objectives import OnBreach
from modelward.api.spec import OnInconclusive, OnUnknownCause
from modelward.api.status import GateResultName, ModelDeploymentStatus, Phase
from modelward.decide import decide, targets
from modelward.decide.judgement import SUSPECTED
from modelward.decide.observation import (
    Commands,
    DriftSignal,
    FiringAlert,
    MetricsState,
    PodPressure,
    PressureKind,
    ProblemReason,
    QueryProblem,
)
from modelward.decide.situation import Situation
from modelward.decide.transitions import TABLE
from tests.unit.decide.world import (
    MEASURED_BY,
    NOISE,
    World,
    assessment,
    breached,
    explained,
    gating,
    probing,
    promoted,
    promoting,
    serving,
    spec_of,
    stepping,
    worse,
)

REVISIONS = st.sampled_from(["m-1", "m-2", "m-3"])
OBJECTIVES = st.sampled_from(["availability", "accuracy"])
STORAGE = {"name": "storage", "storage": {"within": "300ms"}, "target": "99%", "onBreach": "Hold"}
READ_EVIDENCE = {
    "BeginSteps",
    "PassStep",
    "EndStep",
    "Promote",
    "HoldOnBreach",
    "Resume",
    "Probe",
    "ShareTraffic",
    "EndProbe",
    "Recover",
}
"""Rows that must not fire while nothing is known."""
ROWS = {row.name: row for row in TABLE}
MAX_STATUS_BYTES = 16 * 1024
ROUNDS_TO_REST = 60


ASKED: dict[str, Any] = {
    "objectives": [
        *(objective.model_dump(by_alias=True, mode="json") for objective in spec_of().objectives),
        STORAGE,
    ],
    **MEASURED_BY,
}
"""Two objectives of the model, and one of its storage."""


GATES = (
    {"name": "calm", **NOISE},
    {"name": "told", **NOISE, "onFailure": "Warn"},
    {"name": "waits", **NOISE, "onFailure": "Hold"},
    {"name": "people", "approval": {"required": 2}, "timeout": "1h"},
)


class Looks(Enum):
    """How often the operator decides after a change."""

    NEVER = "not before the next change"
    ONCE = "once, pods as they were"
    UNTIL_SETTLED = "until pods have followed"


Change: TypeAlias = Callable[..., None]


def change(**drawn: Any) -> Callable[[Change], Change]:
    """Make a rule of a change to the world, after which the operator looks as often as is drawn.

    Were looking a rule like the others, changes would mostly come and go unseen.
    """

    def decorate(function: Change) -> Change:
        @wraps(function)
        def changed(self: "Deployment", looks: Looks, **values: object) -> None:
            function(self, **values)
            self.look(looks)

        make: Callable[..., Callable[[Change], Change]] = rule
        return make(looks=st.sampled_from(Looks), **drawn)(changed)

    return decorate


def new(**asked: Any) -> World:
    """Build a world in which nothing has happened."""
    return World(spec=spec_of(**asked))


def held_back(**asked: Any) -> World:
    """Build a world in which m-1 keeps a share after the promotion of m-2."""
    rollout = {"steps": [{"weight": 50, "duration": "1m"}], "holdback": "10%"}
    return promoted(rollout=rollout, **asked)


def starting(**asked: Any) -> World:
    """Build a world in which the pods of m-2 start."""
    world = serving(**asked)
    world.wanted = "m-2"
    world.settle()
    return world


def gated_by_all(**asked: Any) -> World:
    """Build a world in which m-2 has every gate to pass."""
    return gating(*GATES, **asked)


def held(**asked: Any) -> World:
    """Build a world in which slow storage holds the rollout of m-2."""
    world = stepping(**asked)
    world.see(breached("m-2", "storage"))
    world.settle()
    return world


def rolling_back(**asked: Any) -> World:
    """Build a world in which m-2 is breached, and m-1 has no pods to go back to."""
    world = promoted(**asked, rollback={"onUnknownCause": "Rollback"})
    world.pods("m-1", ready=0, pods=1)
    world.see(breached("m-2"))
    world.settle()
    return world


def restoring(**asked: Any) -> World:
    """Build a world in which m-2 has recovered, and the share of m-1 moves back."""
    world = probing(**asked)
    world.all_healthy("m-1", "m-2")
    world.settle()
    return world


STARTS = (
    new,
    serving,
    starting,
    gated_by_all,
    stepping,
    promoting,
    promoted,
    held_back,
    held,
    probing,
    rolling_back,
    restoring,
)
"""Moments of a life: what is drawn at random alone seldom gets beyond the first."""


def test_an_example_begins_in_any_phase() -> None:
    """Else what must hold there might never be looked at."""
    assert {start(**ASKED).status.phase for start in STARTS} == set(Phase)


@pytest.mark.parametrize("metrics", [MetricsState.UNAVAILABLE, MetricsState.NOT_SCRAPED])
@pytest.mark.parametrize("start", STARTS)
def test_no_data_is_no_news_in_any_phase(start: Callable[..., World], metrics: MetricsState) -> None:
    """However long metrics are away, whatever pods do: nothing is judged, promoted or rolled back."""
    world = start(**ASKED)
    world.metrics = metrics
    for _ in range(20):
        world.let_pods_follow()
        world.pass_time(minutes=10)
        assert world.step().rule not in READ_EVIDENCE | {"RejectCandidate", "RollBack"}


class Deployment(RuleBasedStateMachine):
    """Everything that can happen to a deployment, in any order."""

    def __init__(self) -> None:
        """Start with a new deployment."""
        super().__init__()
        self.world = new(**ASKED)
        self.before = self.world.status
        self.rolled_back_at: list[datetime] = []
        self.passed: set[tuple[str, str, str]] = set()

    @initialize(start=st.sampled_from(STARTS), metrics=st.sampled_from(MetricsState))
    def begin(self, start: Callable[..., World], metrics: MetricsState) -> None:
        """Begin somewhere in a deployment's life, maybe just as metrics go away."""
        self.world = start(**ASKED)
        self.world.metrics = metrics
        self.reconcile()

    @rule(looks=st.sampled_from(Looks))
    def look(self, looks: Looks) -> None:
        """Decide, as often as that."""
        if looks is Looks.ONCE:
            self.reconcile()
        for _ in range(4 if looks is Looks.UNTIL_SETTLED else 0):
            self.world.let_pods_follow()
            self.reconcile()

    def teardown(self) -> None:
        """Once all is well, and no person and no pod is waited for, a deployment comes to rest.

        Held is what takes too long for its deadline, or waits for a person; where the first revision is
        rejected nothing serves.
        """
        world = self.world
        world.metrics, world.alerts, world.approvals = MetricsState.AVAILABLE, (), ()
        world.drift, world.drift_unknown, world.pressures = (), (), ()
        world.records_are_readable = True
        update = {"paused": False, "replicas": max(1, world.spec.replicas)}
        world.spec = world.spec.model_copy(update=update)
        for _ in range(ROUNDS_TO_REST):
            world.let_pods_follow()
            for revision in tuple(world.revisions):
                world.pods(revision, requests=7)
                world.all_healthy(revision, not_worse=True)
            for job in targets(world.spec, world.status).gate_jobs:
                world.gate_says(job.name, Result.PASSED)
            world.pass_time(seconds=30)
            world.step()
        resting = {Phase.SERVING, Phase.GATING, Phase.HELD}
        if any(each.revision == world.wanted for each in world.status.rejected_revisions):
            resting.add(Phase.INITIALIZING)
        assert world.status.phase in resting
        held = world.status.rollout.held if world.status.rollout else ""
        assert held not in SUSPECTED.values()
        assert world.status.incident is None

    def reconcile(self) -> None:
        """Decide once, and check what must hold of that decision."""
        self.before = self.world.status
        self.world.step()
        self.check_the_row()
        self.check_what_goes_on()
        self.check_what_is_judged_without_data()
        self.check_the_split()
        self.check_new_traffic()
        self.check_turning_back()
        if self.world.rules[-1] == "RollBack":
            self.check_the_budget()
            self.rolled_back_at.append(self.world.now)

    def check_the_budget(self) -> None:
        """No more automatic rollbacks in a window than spec allows."""
        budget = self.world.spec.rollback.budget
        recent = [time for time in self.rolled_back_at if self.world.now - time < budget.within]
        assert len(recent) < budget.max

    def check_the_row(self) -> None:
        """The row that fired leads where the table says."""
        assert self.world.last is not None
        fired = self.world.last.rule
        if fired == "Stay":
            assert self.world.status.phase == self.before.phase
        else:
            assert self.world.status.phase in ROWS[fired].phases[self.before.phase], fired

    def check_what_goes_on(self) -> None:
        """A candidate goes on with everything known that it is judged by, no breach among it."""
        world, fired = self.world, self.world.rules[-1]
        is_stopped = world.status.phase in {Phase.HELD, Phase.ROLLING_BACK}
        if is_stopped or fired not in {"PassStep", "EndStep", "Promote"}:
            return
        situation = Situation(world.spec, self.before, world.observation(), world.now)
        assert not situation.unknown_objectives
        assert not situation.breaches(self.before.candidate_revision, OnBreach.ROLLBACK)

    def check_what_is_judged_without_data(self) -> None:
        """With metrics away no row that reads evidence fires, and nothing is rolled back for want of data.

        But for a comparison with what a person has vetoed, which is over.
        """
        fired = self.world.rules[-1]
        if self.world.metrics is MetricsState.AVAILABLE:
            return
        newest = self.world.status.history[0].reason if self.world.status.history else ""
        assert fired not in READ_EVIDENCE or (fired, newest) == ("EndProbe", "Vetoed")
        if fired in {"RejectCandidate", "RollBack"}:
            assert newest == "AlertFiring"

    def check_the_split(self) -> None:
        """One begins while no third revision has pods, and after every gate recorded for the candidate."""
        world, status = self.world, self.world.status
        if world.rules[-1] != "BeginSteps":
            return
        split = {status.stable_revision, status.candidate_revision}
        assert all(name in split for name, seen in world.revisions.items() if seen.pods)
        assert status.phase is Phase.STEPPING
        record = world.records[status.candidate_revision]
        assert record is not None
        assert {gate.name for gate in record.gates} <= {gate.name for gate in status.gates}

    def check_turning_back(self) -> None:
        """Traffic that has been switched to what is vetoed goes, at once, to what is good, if anything is."""
        world, moving = self.world, self.before.withdrawal
        was = Situation(world.spec, self.before, world.observation(), world.now)
        stable = self.before.stable_revision
        if moving and moving.switched and stable and was.is_vetoed(stable) and was.last_good:
            assert world.status.withdrawal is not None
            assert (world.status.withdrawal.revision, world.status.withdrawal.to) == (stable, was.last_good)

    def check_new_traffic(self) -> None:
        """A candidate's first traffic comes after all its gates; what is vetoed gets none.

        But for stable, to which a withdrawn candidate's traffic goes whatever is said of it.
        """
        world, status = self.world, self.world.status
        new = {*targets(world.spec, status).selected} - {*targets(world.spec, self.before).selected}
        vetoed = {a.revision for a in world.approvals if a.decision is ApprovalDecision.VETO}
        assert not (new & vetoed) - {self.before.stable_revision}, self.world.rules[-1]
        # The first revision's Service follows its pods from the beginning where no gate is known of.
        if status.candidate_revision in new and status.stable_revision:
            assert world.records_are_readable
        if status.candidate_revision in new:
            results = {gate.result for gate in status.gates}
            assert results <= {GateResultName.PASSED, GateResultName.WARNED}

    @change(revision=REVISIONS)
    def spec_changes(self, revision: str) -> None:
        """Spec asks for a revision."""
        self.world.wanted = revision

    @change(replicas=st.integers(0, 4), paused=st.booleans())
    def scale_or_pause(self, replicas: int, paused: bool) -> None:
        """Spec is scaled or paused."""
        self.world.spec = self.world.spec.model_copy(update={"replicas": replicas, "paused": paused})

    @change(
        unknown=st.sampled_from(OnUnknownCause),
        inconclusive=st.sampled_from(OnInconclusive),
        rollbacks=st.integers(1, 3),
        holdback=st.sampled_from([None, "10%"]),
    )
    def policy_changes(
        self,
        unknown: OnUnknownCause,
        inconclusive: OnInconclusive,
        rollbacks: int,
        holdback: str | None,
    ) -> None:
        """Spec asks for something else when in doubt, for other rollbacks, and for a holdback or none."""
        spec = self.world.spec
        budget = spec.rollback.budget.model_copy(update={"max": rollbacks})
        rollback = spec.rollback.model_copy(update={"on_unknown_cause": unknown, "budget": budget})
        rollout = spec.rollout.model_copy(update={"on_inconclusive": inconclusive, "holdback": holdback})
        self.world.spec = spec.model_copy(update={"rollback": rollback, "rollout": rollout})

    @change()
    def pods_follow(self) -> None:
        """Every placed revision has its pods."""
        self.world.let_pods_follow()

    @change(revision=REVISIONS, ready=st.integers(0, 4))
    def pods_change(self, revision: str, ready: int) -> None:
        """Pods come and go."""
        self.world.pods(revision, ready=ready)

    @change(revision=REVISIONS, reason=st.sampled_from(ProblemReason))
    def pods_fail(self, revision: str, reason: ProblemReason) -> None:
        """No pod of a revision becomes ready."""
        self.world.problem(revision, reason, "does not start")

    @change(revision=REVISIONS, requests=st.none() | st.integers(0, 3))
    def counters_are_read(self, revision: str, requests: int | None) -> None:
        """The monitors answer, or not."""
        generation = self.world.status.traffic_generation
        self.world.pods(revision, requests=requests, informed_generation=generation)

    @change(revision=REVISIONS, not_worse=st.none() | st.booleans())
    def evidence_is_good(self, revision: str, not_worse: bool | None) -> None:
        """A revision is healthy by every objective."""
        self.world.all_healthy(revision, not_worse=not_worse)

    @change(revision=REVISIONS, objective=OBJECTIVES, make=st.sampled_from([breached, worse, assessment]))
    def evidence_is_bad(self, revision: str, objective: str, make: object) -> None:
        """A revision is breached or worse by one objective."""
        assert callable(make)
        self.world.see(make(revision, objective))

    @change(revision=REVISIONS, objective=OBJECTIVES, make=st.sampled_from([breached, worse]))
    def slow_storage_explains(self, revision: str, objective: str, make: object) -> None:
        """A revision is breached or worse, but only where storage was slow."""
        assert callable(make)
        self.world.see(explained(make(revision, objective)))

    @change(revision=REVISIONS, make=st.sampled_from([breached, assessment]))
    def storage_changes(self, revision: str, make: object) -> None:
        """The store's reads are slow for a revision, or fast."""
        assert callable(make)
        self.world.see(make(revision, "storage"))

    @change(values=st.dictionaries(st.sampled_from(["price", "demand"]), st.sampled_from([0.1, 0.3])))
    def inputs_change(self, values: dict[str, float]) -> None:
        """Drift detectors say something else, or nothing."""
        self.world.drift = tuple(DriftSignal(name, value, 0.2) for name, value in values.items())
        self.world.drift_unknown = tuple({"price", "demand"} - values.keys())

    @change(revisions=st.sets(REVISIONS), kind=st.sampled_from(PressureKind))
    def pods_lack(self, revisions: set[str], kind: PressureKind) -> None:
        """Pods of some revisions lack something, and no others do."""
        self.world.pressures = tuple(PodPressure(revision, kind, 0.95) for revision in sorted(revisions))

    @change(
        subjects=st.lists(
            st.sampled_from(["objective own", "detector price", "detector demand"]), unique=True
        )
    )
    def queries_change(self, subjects: list[str]) -> None:
        """The team's queries give nothing, or something again."""
        self.world.query_problems = tuple(QueryProblem(subject, "no answer") for subject in subjects)

    @change(revision=REVISIONS)
    def evidence_of_one_is_lost(self, revision: str) -> None:
        """Nothing is known of a revision any more."""
        self.world.evidence = {k: v for k, v in self.world.evidence.items() if k[0] != revision}

    @change()
    def operator_restarts(self) -> None:
        """Without its evidence; status is read back as it was written."""
        self.world.evidence.clear()
        written = self.world.status.model_dump_json(by_alias=True)
        self.world.status = ModelDeploymentStatus.model_validate_json(written)

    @change(state=st.sampled_from(MetricsState))
    def metrics_change(self, state: MetricsState) -> None:
        """Prometheus goes away or comes back."""
        self.world.metrics = state

    @change(
        name=st.sampled_from(["Page", "Ticket"]),
        revision=st.none() | REVISIONS,
        age=st.integers(-3600, 3600),
    )
    def alert_fires(self, name: str, revision: str | None, age: int) -> None:
        """One of the team's alerts fires."""
        alert = FiringAlert(name, revision, self.world.now - timedelta(seconds=age))
        self.world.alerts = (*self.world.alerts[-2:], alert)

    @change()
    def alerts_resolve(self) -> None:
        """The alerts resolve."""
        self.world.alerts = ()

    @change(
        names=st.sets(st.sampled_from([gate["name"] for gate in GATES])),
        rollout=st.booleans(),
        rollback=st.booleans(),
    )
    def gates_change(self, names: set[str], rollout: bool, rollback: bool) -> None:
        """Spec asks for other gates, and for people elsewhere."""
        spec = spec_of(
            **MEASURED_BY,
            gates=[gate for gate in GATES if gate["name"] in names],
            requireApproval={"rollout": rollout, "rollback": rollback},
        )
        update = {"gates": spec.gates, "require_approval": spec.require_approval}
        self.world.spec = self.world.spec.model_copy(update=update)

    @precondition(lambda self: bool(targets(self.world.spec, self.world.status).gate_jobs))
    @change(
        number=st.integers(0, 1),
        result=st.none() | st.sampled_from(Result),
        reason=st.none() | st.sampled_from(ErrorReason),
    )
    def a_gate_says(self, number: int, result: Result | None, reason: ErrorReason | None) -> None:
        """The Job of a gate ends, or says what keeps it."""
        jobs = targets(self.world.spec, self.world.status).gate_jobs
        job = jobs[number % len(jobs)]
        self.world.gate_says(job.name, result, reason if result is Result.ERROR else None)
        key = (job.revision, job.name, job.configuration)
        if result is Result.PASSED:
            self.passed.add(key)

    @change(
        revision=REVISIONS, decision=st.sampled_from(ApprovalDecision), by=st.sampled_from(["ann", "bob"])
    )
    def person_says(self, revision: str, decision: ApprovalDecision, by: str) -> None:
        """A person makes a ModelApproval."""
        if len(self.world.approvals) < 8:
            self.world.says(decision.value, revision, by)

    @change(readable=st.booleans())
    def records_change(self, readable: bool) -> None:
        """What revisions must pass cannot be read, or can again."""
        self.world.records_are_readable = readable

    @change(revision=REVISIONS, by=st.sampled_from(["ann", "bob"]))
    def person_takes_back(self, revision: str, by: str) -> None:
        """A person deletes what was said of a revision."""
        self.world.takes_back(revision, by)

    @change(revision=REVISIONS, token=st.integers(0, 2), kind=st.sampled_from(["retry", "abort", "undo"]))
    def person_asks(self, revision: str, token: int, kind: str) -> None:
        """A person sets one of the annotations."""
        self.world.commands = Commands(**{kind: f"{revision}@{token}"})

    @change(seconds=st.integers(-600, 7200))
    def clock_moves(self, seconds: int) -> None:
        """Time passes, or a clock is put back."""
        self.world.pass_time(seconds=seconds)

    @invariant()
    def no_result_is_guessed(self) -> None:
        """What is Passed was passed by a Job of the same revision and configuration, or by enough people."""
        status = self.world.status
        of = status.candidate_revision
        for gate in status.gates if of else ():
            if gate.result is GateResultName.PASSED and gate.kind != "approval":
                assert (of, gate.name, gate.configuration) in self.passed

    @precondition(lambda self: self.world.last is not None)
    @invariant()
    def weights_sum_to_one_hundred(self) -> None:
        """Whatever has traffic has all of it."""
        shares = self.world.status.traffic
        assert not shares or sum(share.weight for share in shares) == 100

    @invariant()
    def rejected_revisions_get_no_new_traffic(self) -> None:
        """What the Service selects is not rejected, but for a breached stable until the other can serve."""
        status = self.world.status
        selected = set(targets(self.world.spec, status).selected)
        waits = (
            {status.withdrawal.revision} if status.withdrawal and not status.withdrawal.switched else set()
        )
        rejected = {r.revision for r in status.rejected_revisions}
        assert not (selected & rejected) - waits

    @invariant()
    def once_something_served_something_serves(self) -> None:
        """There is a serving revision from the first promotion on."""
        status = self.world.status
        if any(entry.action == "Promoted" for entry in status.history):
            assert status.stable_revision
            assert targets(self.world.spec, status).selected

    @rule(order=st.randoms(use_true_random=False))
    def the_order_of_equal_signals_does_not_matter(self, order: Random) -> None:
        """Whatever was seen at one time gives one decision, in whatever order it came in."""
        world, seen = self.world, self.world.observation()
        shuffled = replace(
            seen,
            revisions=dict(order.sample(list(seen.revisions.items()), len(seen.revisions))),
            assessments=tuple(order.sample(seen.assessments, len(seen.assessments))),
            alerts=tuple(order.sample(seen.alerts, len(seen.alerts))),
            drift=tuple(order.sample(seen.drift, len(seen.drift))),
            pressures=tuple(order.sample(seen.pressures, len(seen.pressures))),
            drift_unknown=tuple(order.sample(seen.drift_unknown, len(seen.drift_unknown))),
            query_problems=tuple(order.sample(seen.query_problems, len(seen.query_problems))),
            gates=tuple(order.sample(seen.gates, len(seen.gates))),
            approvals=tuple(order.sample(seen.approvals, len(seen.approvals))),
        )
        decisions = [decide(world.spec, world.status, each, world.now) for each in (seen, shuffled)]
        assert decisions[0] == decisions[1]

    @invariant()
    def status_stays_small(self) -> None:
        """Status fits in 16 KiB."""
        assert len(self.world.status.model_dump_json(by_alias=True)) <= MAX_STATUS_BYTES

    @invariant()
    def status_reads_back(self) -> None:
        """What is written is what the next reconcile reads, also after a restart."""
        written = self.world.status.model_dump_json(by_alias=True)
        assert ModelDeploymentStatus.model_validate_json(written) == self.world.status

    @invariant()
    def deciding_twice_is_deciding_once(self) -> None:
        """Where nothing fires, a second look gives the very same status."""
        if self.world.last is None:
            return
        world = self.world
        first = decide(world.spec, world.status, world.observation(), world.now)
        if first.rule == "Stay":
            again = decide(world.spec, first.status, world.observation(), world.now)
            assert again.status == first.status


TestDeployment = Deployment.TestCase
TestDeployment.settings = settings(
    max_examples=settings().max_examples // 3,  # each is a life
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
