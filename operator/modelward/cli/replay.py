"""What the operator would have decided over a history of counts: its own ledger and transition table.

Pods are ready at once and traffic moves within a block; everything else is as the operator does it. The
revision that is seen first serves; one that is seen for the first time, or again after an hour, is what
spec wants from then on, unless it is the one that a suspected revision is being compared with. From a
decision that history did not follow, the counts of the revision that would have served are missing, and
what has no counts is Unknown.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from modelward.api.spec import ModelDeploymentSpec
from modelward.api.status import ModelDeploymentStatus, Phase
from modelward.cli.curves import Curves, Line
from modelward.cli.entries import Entry
from modelward.cli.inputs import Inputs
from modelward.cli.team_signals import TeamSignals
from modelward.decide import decide, evidence_plan, targets
from modelward.decide.engine import STAY
from modelward.decide.findings import against_target
from modelward.decide.observation import MetricsState, Observation, RevisionObservation
from modelward.evidence.assessment import Assessment
from modelward.evidence.counts import Block
from modelward.evidence.ledger import Key, Ledger, Plan, TimedBlocks
from modelward.evidence.verdict import Verdict

RESTING_BLOCKS: Final = 720
"""Taken in at once while nothing is going on; one by one where a breach begins or ends among them."""
BREACHED_BLOCKS: Final = 6
"""Likewise while a breach goes on that nothing follows from."""
ROUNDING: Final = 1e-9
"""Nats."""
ABSENCE_SECONDS: Final = 3600
"""After which a revision that is seen again is wanted again; at least `ABSENCE_BLOCKS`."""
ABSENCE_BLOCKS: Final = 12
_ABOUT_PODS: Final = frozenset({"TrafficMoved", "Switched", "StandbyRetired"})


@dataclass(slots=True)
class Replay:
    """A deployment living through history: `run` once, then read `entries`, `curves` and `status`.

    Args:
        spec: what the team asks for.
        block_seconds: length of a block.
        inputs: whether they drifted.
        signals: what the team's detectors and alerts said.
        blocks: how many were lived through.
        entries: what would have happened, in order of time.
        curves: the evidence over time.
        status: what the deployment's status would say; at first, and at last.
    """

    spec: ModelDeploymentSpec
    block_seconds: int
    inputs: Inputs = field(default_factory=Inputs)
    signals: TeamSignals = field(default_factory=TeamSignals)
    blocks: int = 0
    entries: list[Entry] = field(default_factory=list)
    curves: Curves = field(default_factory=Curves)
    status: ModelDeploymentStatus = field(default_factory=ModelDeploymentStatus)
    _plan: Plan = field(init=False)
    _ledger: Ledger = field(init=False, default_factory=Ledger)
    _absence_seconds: int = field(init=False)
    _wanted: str = field(init=False, default="")
    _seen: dict[str, int] = field(init=False, default_factory=dict)
    """When each revision last had an event."""
    _counted: set[str] = field(init=False, default_factory=set)
    """Objectives that had an event."""
    _verdicts: object = field(init=False, default=None)
    _breached: frozenset[tuple[str, str]] = field(init=False, default=frozenset())
    _stride: int = field(init=False, default=1)
    """Blocks that are taken in at once."""
    _look_again_at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """Ask what is asked of a deployment that nobody has seen yet."""
        self._plan = self._asked(self.status)
        self._absence_seconds = max(ABSENCE_SECONDS, ABSENCE_BLOCKS * self.block_seconds)

    def run(self, history: Iterable[TimedBlocks]) -> None:
        """Live through a history, which is in order of time."""
        batch: list[TimedBlocks] = []
        inputs, signals = self.inputs, self.signals
        for time, counts in history:
            if time > inputs.next_end or time > signals.next_end:
                self._take_in(batch)
                batch = []
                self._take_news(before=time)
            if new := self._appeared(time, counts):
                self._take_in(batch)
                batch = []
                for revision in new:
                    self._wanted = revision
                    self._decide(time - self.block_seconds)
            batch.append((time, counts))
            if len(batch) >= self._stride:
                self._take_in(batch)
                batch = []
        self._take_in(batch)
        while (told := self._next_told()).next_end < math.inf:
            # Told, but nothing is decided by a clock that history has not reached.
            self.entries += told.take_in()

    def never_counted(self) -> list[str]:
        """Return the objectives of which history had no event at all."""
        return [objective.name for objective in self.spec.objectives if objective.name not in self._counted]

    def _appeared(self, time: int, counts: Mapping[Key, Block]) -> list[str]:
        """Return revisions that have events now and had none of late; those with most events first."""
        new: dict[str, float] = {}
        control = self.status.control.revision if self.status.control else ""
        for (revision, objective), block in counts.items():
            if block is None or block.good + block.bad == 0:
                continue
            if revision != control and self._seen.get(revision, -math.inf) < time - self._absence_seconds:
                new[revision] = 0.0
            if new and revision in new:
                new[revision] = max(new[revision], block.total)
            self._seen[revision] = time
            self._counted.add(objective)
        return sorted(new, key=lambda revision: -new[revision]) if new else []

    def _next_told(self) -> Inputs | TeamSignals:
        """Return what has news first: a window of inputs that ends, or a detector or an alert."""
        return self.inputs if self.inputs.next_end <= self.signals.next_end else self.signals

    def _take_news(self, before: float) -> None:
        """Take in what is said before a time."""
        while (told := self._next_told()).next_end < before:
            end = int(told.next_end)
            self.entries += told.take_in()
            if self._wanted:
                self._decide(end)

    def _take_in(self, batch: Sequence[TimedBlocks]) -> None:
        """Advance over blocks at once if no verdict can have been missed between, else one by one."""
        if not batch:
            return
        ledger, highest = self._ledger.advance_and_watch(self._plan, batch)
        if len(batch) > 1 and self._is_eventful(ledger, highest):
            for block in batch:
                self._look(block[0], *self._ledger.advance_and_watch(self._plan, [block]))
        else:
            self._look(batch[-1][0], ledger, highest)
        self.blocks += len(batch)

    def _is_eventful(self, after: Ledger, highest: Mapping[Key, float]) -> bool:
        """Whether a breach began or ended on the way."""
        if self._breached:
            return _breaches(after.assess(self._plan)).keys() != self._breached
        thresholds = {
            objective.name: self._plan.target_policy(objective).log_threshold
            for objective in self._plan.objectives
        }
        return any(level >= thresholds[name] - ROUNDING for (_, name), level in highest.items())

    def _look(self, time: int, ledger: Ledger, highest: Mapping[Key, float]) -> None:
        """Take a ledger in, and decide if it may matter."""
        self._ledger = ledger
        assessments = ledger.assess(self._plan)
        self._note(time, assessments, highest)
        verdicts = tuple((a.target, a.versus, a.not_worse, a.storage_explains) for a in assessments)
        going_on = self.status.phase not in {Phase.SERVING, Phase.HELD}
        if going_on or verdicts != self._verdicts or time >= self._look_again_at:
            self._verdicts = verdicts
            self._decide(time)

    def _note(self, time: int, assessments: Iterable[Assessment], highest: Mapping[Key, float]) -> None:
        """Keep the evidence for the curves."""
        for found in assessments:
            level = max(highest.get((found.revision, found.objective), 0.0), 0.0)
            line = Line(found.revision, found.objective, "against target")
            self.curves.add(line, time, level / found.target_log_threshold)
            if found.versus is not None:
                share = found.versus_log_evidence / found.versus_log_threshold
                self.curves.add(Line(found.revision, found.objective, "against stable"), time, share)

    def _decide(self, time: int) -> None:
        """Decide until nothing more follows."""
        now = datetime.fromtimestamp(time, UTC)
        while True:
            observation = self._observation()
            self._note_breaches(time, observation.assessments)
            decision = decide(self.spec, self.status, observation, now)
            self.status, self._plan = decision.status, self._asked(decision.status)
            for told in decision.announcements:
                if told.action not in _ABOUT_PODS:
                    self.entries.append(Entry(time, told.action, told.reason, told.message))
            if decision.rule == STAY:
                break
        wait = decision.look_again_after
        self._look_again_at = time + wait.total_seconds() if wait else math.inf
        at_rest = self.status.phase is Phase.SERVING and not self.status.standby_revision
        self._stride = (BREACHED_BLOCKS if self._breached else RESTING_BLOCKS) if at_rest else 1

    def _note_breaches(self, time: int, assessments: Iterable[Assessment]) -> None:
        """Say which objectives are breached from now on, and which no longer are."""
        objectives = {objective.name: objective for objective in self.spec.objectives}
        breached = _breaches(assessments)
        for key in sorted(breached.keys() - self._breached):
            message = f"{key[1]}: {against_target(objectives[key[0]], breached[key])}"
            self.entries.append(Entry(time, "Breached", "TargetBreached", message))
        for objective, revision in sorted(self._breached - breached.keys()):
            if revision in self._plan.revisions:
                self.entries.append(Entry(time, "Recovered", "TargetMet", f"{revision}: {objective}"))
        self._breached = frozenset(breached)

    def _observation(self) -> Observation:
        placed = {placement.revision for placement in targets(self.spec, self.status).placements}
        moving = self.status.withdrawal.revision if self.status.withdrawal else ""
        replicas = self.spec.replicas
        pods = {
            revision: RevisionObservation(replicas, replicas)
            if revision in {*placed, self._wanted} - {moving}
            else RevisionObservation()
            for revision in self._seen
        }
        return Observation(
            deployment="backtest",
            generation=1,
            wanted_revision=self._wanted,
            revisions=pods,
            assessments=self._ledger.assess(self._plan),
            metrics=MetricsState.AVAILABLE,
            alerts=self.signals.alerts,
            drift=(*self.inputs.signals, *self.signals.drift),
            drift_unknown=(*self.inputs.unknown, *self.signals.unknown),
        )

    def _asked(self, status: ModelDeploymentStatus) -> Plan:
        return replace(evidence_plan(self.spec, status), block_seconds=self.block_seconds)


def _breaches(assessments: Iterable[Assessment]) -> dict[tuple[str, str], Assessment]:
    """Return the breaches of the target by objective and revision."""
    return {(a.objective, a.revision): a for a in assessments if a.target is Verdict.BREACHED}
