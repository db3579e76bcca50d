"""An operator that restarts decides as one that never stopped, on real evidence; from none, never earlier.

Two operators live through the same blocks, rollouts and gaps; one of them is restarted now and then, with its
evidence read back from the samples that Prometheus would have, or lost, and its status from the API server.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modelward.api.spec import OnUnknownCause
from modelward.api.status import ModelDeploymentStatus
from modelward.conventions import BLOCK_SECONDS
from modelward.decide import evidence_plan
from modelward.decide.engine import STAY
from modelward.evidence.counts import Block, Count
from modelward.evidence.ledger import Key, Ledger
from tests.unit.decide.world import START, World, promoted, spec_of

EVENTS = 50
BAD = st.sampled_from([0, 1, 5, 25])
BASELINE_BLOCKS = 30
MOST_DECISIONS = 12
SHORT = {"steps": [{"weight": weight, "duration": "1m"} for weight in (33, 50)], "deadline": "1h"}
"""Steps that end within an example."""
STEP_BLOCKS = 60 // BLOCK_SECONDS


@dataclass
class Life:
    """One operator's: a world whose evidence is a real ledger's."""

    world: World = field(default_factory=World)
    ledger: Ledger = field(default_factory=Ledger)

    def live(self, time: int, bad: dict[str, int]) -> None:
        """Take in one block and decide until nothing follows; pods do as they are told."""
        plan = evidence_plan(self.world.spec, self.world.status)
        counts: dict[Key, Block] = {
            (revision, objective.name): Count(EVENTS - events, events)
            for revision, events in bad.items()
            for objective in plan.objectives
        }
        self.ledger = self.ledger.advance(plan, [(time, counts)])
        self.world.now = datetime.fromtimestamp(time, UTC)
        for _ in range(MOST_DECISIONS):
            assessed = self.ledger.assess(evidence_plan(self.world.spec, self.world.status))
            self.world.evidence = {(a.revision, a.objective): a for a in assessed}
            if self.world.step().rule == STAY:
                return
            self.world.let_pods_follow()

    def restart(self) -> None:
        """Begin anew with what was written and exported."""
        self.restart_from(Ledger.from_samples(self.ledger.to_samples()))

    def restart_from(self, ledger: Ledger) -> None:
        """Begin anew with what was written, and with some evidence."""
        self.ledger = ledger
        written = self.world.status.model_dump_json(by_alias=True)
        self.world.status = ModelDeploymentStatus.model_validate_json(written)


class Restarts(RuleBasedStateMachine):
    """The same history for both."""

    def __init__(self) -> None:
        """Start with a new deployment, at a multiple of a block."""
        super().__init__()
        self.straight, self.restarted = (Life(World(spec=spec_of(rollout=SHORT))) for _ in range(2))
        self.time = int(START.timestamp())

    @initialize(bad=BAD, blocks=st.sampled_from([2, 2 * STEP_BLOCKS]))
    def a_candidate_is_tried(self, bad: int, blocks: int) -> None:
        """Beside a revision that has served for a while; its first blocks, or all steps, are such."""
        self.both_live(BASELINE_BLOCKS, {"m-1": 0})
        self.both_want("m-2")
        self.both_live(blocks, {"m-1": 0, "m-2": bad})

    @rule(blocks=st.integers(1, 40), bad=st.fixed_dictionaries({"m-1": BAD, "m-2": BAD}))
    def time_passes(self, blocks: int, bad: dict[str, int]) -> None:
        """So many blocks with so many bad events of each revision."""
        self.both_live(blocks, bad)

    @rule(blocks=st.integers(1, 10))
    def nothing_is_known(self, blocks: int) -> None:
        """Blocks without counts."""
        self.both_live(blocks, {})

    def both_live(self, blocks: int, bad: dict[str, int]) -> None:
        """Both take in the same blocks."""
        for _ in range(blocks):
            self.time += BLOCK_SECONDS
            for life in (self.straight, self.restarted):
                life.live(self.time, bad)

    @rule(blocks=st.integers(1, 200))
    def blocks_are_missing(self, blocks: int) -> None:
        """Nobody looked for a while."""
        self.time += blocks * BLOCK_SECONDS

    @rule(revision=st.sampled_from(["m-1", "m-2"]))
    def spec_changes(self, revision: str) -> None:
        """Spec asks for a revision."""
        self.both_want(revision)

    def both_want(self, revision: str) -> None:
        """Both see the same spec."""
        self.straight.world.wanted = self.restarted.world.wanted = revision

    @rule()
    def the_operator_restarts(self) -> None:
        """One of them."""
        self.restarted.restart()

    @invariant()
    def both_decided_the_same(self) -> None:
        """Rule for rule, and to the last digit of the status."""
        assert self.restarted.world.rules == self.straight.world.rules
        assert self.restarted.world.status == self.straight.world.status


TestRestarts = Restarts.TestCase
TestRestarts.settings = settings(
    max_examples=settings().max_examples // 5,  # each is hours of two lives
    stateful_step_count=20,
    suppress_health_check=[HealthCheck.too_slow],
)


SPANS = st.lists(st.tuples(st.integers(1, 40), BAD, st.booleans()), min_size=1, max_size=8)
"""So many blocks with so many bad events, before which one of the operators may lose its evidence."""
ALARMS = {"Probe", "RollBack", "BearBreach"}


@settings(max_examples=settings().max_examples // 2)
@given(spans=SPANS, policy=st.sampled_from(OnUnknownCause))
def test_an_operator_without_its_evidence_never_alarms_earlier(
    spans: list[tuple[int, int, bool]], policy: OnUnknownCause
) -> None:
    """Whatever it does about a promoted revision, one that lost nothing has done by then."""
    kept, lost = (Life(promoted(rollback={"onUnknownCause": policy.value})) for _ in range(2))
    time = int(kept.world.now.timestamp()) // BLOCK_SECONDS * BLOCK_SECONDS
    for blocks, bad, forgets in spans:
        if forgets:
            lost.restart_from(Ledger())
        for _ in range(blocks):
            time += BLOCK_SECONDS
            begun = len(kept.world.rules), len(lost.world.rules)
            for life in (kept, lost):
                life.live(time, {"m-2": bad})
            if ALARMS & {*kept.world.rules[begun[0] :]}:
                return
            assert not ALARMS & {*lost.world.rules[begun[1] :]}
