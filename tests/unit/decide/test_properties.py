"""What must hold for any sequence of specs, evidence, alerts, outages, commands and clock jumps."""

from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelward.api.status import ModelDeploymentStatus, Phase
from modelward.decide import decide, targets
from modelward.decide.observation import Commands, FiringAlert, MetricsState, ProblemReason
from modelward.decide.transitions import TABLE
from tests.unit.decide.world import World, assessment, breached, worse

REVISIONS = st.sampled_from(["m-1", "m-2", "m-3"])
OBJECTIVES = st.sampled_from(["availability", "accuracy"])
ROWS = {row.name: row for row in TABLE}
MAX_STATUS_BYTES = 16 * 1024


class Deployment(RuleBasedStateMachine):
    """Everything that can happen to a deployment, in any order."""

    def __init__(self) -> None:
        """Start with a new deployment."""
        super().__init__()
        self.world = World()
        self.before = self.world.status

    @initialize()
    def first_reconcile(self) -> None:
        """Decide once, as after the first apply."""
        self.reconcile()

    @rule()
    def reconcile(self) -> None:
        """Decide once."""
        self.before = self.world.status
        self.world.step()
        self.check_the_row()

    def check_the_row(self) -> None:
        """The row that fired leads where the table says."""
        assert self.world.last is not None
        fired = self.world.last.rule
        if fired == "Stay":
            assert self.world.status.phase == self.before.phase
        else:
            assert self.world.status.phase in ROWS[fired].phases[self.before.phase], fired

    @rule(revision=REVISIONS)
    def spec_changes(self, revision: str) -> None:
        """Spec asks for a revision."""
        self.world.wanted = revision

    @rule(replicas=st.integers(0, 4), paused=st.booleans())
    def scale_or_pause(self, replicas: int, paused: bool) -> None:
        """Spec is scaled or paused."""
        self.world.spec = self.world.spec.model_copy(update={"replicas": replicas, "paused": paused})

    @rule()
    def pods_follow(self) -> None:
        """Every placed revision has its pods."""
        self.world.let_pods_follow()

    @rule(revision=REVISIONS, ready=st.integers(0, 4))
    def pods_change(self, revision: str, ready: int) -> None:
        """Pods come and go."""
        self.world.pods(revision, ready=ready)

    @rule(revision=REVISIONS, reason=st.sampled_from(ProblemReason))
    def pods_fail(self, revision: str, reason: ProblemReason) -> None:
        """No pod of a revision becomes ready."""
        self.world.problem(revision, reason, "does not start")

    @rule(revision=REVISIONS, requests=st.none() | st.integers(0, 3))
    def counters_are_read(self, revision: str, requests: int | None) -> None:
        """The monitors answer, or not."""
        generation = self.world.status.traffic_generation
        self.world.pods(revision, requests=requests, informed_generation=generation)

    @rule(revision=REVISIONS, not_worse=st.none() | st.booleans())
    def evidence_is_good(self, revision: str, not_worse: bool | None) -> None:
        """A revision is healthy by every objective."""
        self.world.all_healthy(revision, not_worse=not_worse)

    @rule(revision=REVISIONS, objective=OBJECTIVES, make=st.sampled_from([breached, worse, assessment]))
    def evidence_is_bad(self, revision: str, objective: str, make: object) -> None:
        """A revision is breached or worse by one objective."""
        assert callable(make)
        self.world.see(make(revision, objective))

    @rule()
    def evidence_is_lost(self) -> None:
        """The operator restarts without its evidence."""
        self.world.evidence.clear()

    @rule(state=st.sampled_from(MetricsState))
    def metrics_change(self, state: MetricsState) -> None:
        """Prometheus goes away or comes back."""
        self.world.metrics = state

    @rule(revision=st.none() | REVISIONS, age=st.integers(-3600, 3600))
    def alert_fires(self, revision: str | None, age: int) -> None:
        """One of the team's alerts fires."""
        self.world.alerts = (FiringAlert("Page", revision, self.world.now - timedelta(seconds=age)),)

    @rule()
    def alert_resolves(self) -> None:
        """The alert resolves."""
        self.world.alerts = ()

    @rule(revision=REVISIONS, token=st.integers(0, 2), kind=st.sampled_from(["retry", "abort", "undo"]))
    def person_asks(self, revision: str, token: int, kind: str) -> None:
        """A person sets one of the annotations."""
        self.world.commands = Commands(**{kind: f"{revision}@{token}"})

    @rule(seconds=st.integers(-600, 7200))
    def clock_moves(self, seconds: int) -> None:
        """Time passes, or a clock is put back."""
        self.world.pass_time(seconds=seconds)

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

    @invariant()
    def nothing_is_judged_without_data(self) -> None:
        """With metrics away no row that reads evidence fires."""
        if self.world.last is None or self.world.metrics is MetricsState.AVAILABLE:
            return
        assert self.world.last.rule not in {"PassStep", "EndStep", "HoldOnBreach", "Resume"}
        newest = self.world.status.rejected_revisions[:1]
        if self.world.last.rule in {"RejectCandidate", "RollBack"}:
            assert newest[0].reason == "AlertFiring"

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

    @invariant()
    def only_two_revisions_share_traffic(self) -> None:
        """A split begins only when no third revision has pods."""
        last = self.world.last
        if last and last.rule == "BeginSteps":
            split = {self.world.status.stable_revision, self.world.status.candidate_revision}
            assert all(name in split for name, seen in self.world.revisions.items() if seen.pods)
            assert self.world.status.phase is Phase.STEPPING


TestDeployment = Deployment.TestCase
TestDeployment.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
