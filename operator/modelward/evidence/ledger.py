"""All evidence of one deployment, as one immutable value.

`advance` takes in blocks, `assess` says what they mean. A block is taken in once, by its time: older ones are
passed over, and what is missing between two is Unknown. So a poll may be late, doubled or cut short.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from modelward.evidence import not_worse, samples, storage, target, versus
from modelward.evidence.assessment import Assessment
from modelward.evidence.baseline import kept_per_block
from modelward.evidence.contest import Contest, rules, terms
from modelward.evidence.counts import Block
from modelward.evidence.plan import Comparison, ObjectivePlan, Plan
from modelward.evidence.samples import Key, Sample
from modelward.evidence.storage import Episode
from modelward.evidence.verdict import Verdict
from modelward.evidence.watch import Watch

__all__ = ["Assessment", "Comparison", "Key", "Ledger", "ObjectivePlan", "Plan", "Sample", "TimedBlocks"]

TimedBlocks: TypeAlias = tuple[int, Mapping[Key, Block]]
"""End of a block (unix seconds, a multiple of the plan's block_seconds) and what it counted."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Evidence of one deployment up to a block.

    Args:
        time: end of the last block taken in, unix seconds; None before the first.
        watches: one for each revision and objective in the plan.
        contests: one for each objective while two revisions are compared.
    """

    time: int | None = None
    watches: Mapping[Key, Watch] = field(default_factory=dict)
    contests: Mapping[str, Contest] = field(default_factory=dict)

    def advance(self, plan: Plan, blocks: Sequence[TimedBlocks]) -> "Ledger":
        """The ledger after these blocks, whatever their order; what the plan no longer has is dropped.

        Two blocks of one time are one: for each key the known count with more events holds (then more bad).

        Raises:
            ValueError: if a time is not a multiple of the plan's block_seconds.
        """
        return self.advance_and_watch(plan, blocks)[0]

    def advance_and_watch(
        self, plan: Plan, blocks: Sequence[TimedBlocks]
    ) -> tuple["Ledger", Mapping[Key, float]]:
        """As `advance`, with the highest evidence against the target (nats) that each watch had on the way.

        Whoever takes in many blocks at once sees so that nothing was missed between.

        Raises:
            ValueError: as `advance`.
        """
        ledger = self._under(plan)
        new = _in_order(plan, blocks, self.time)
        return _advanced(plan, ledger, new) if new else (ledger, {})

    def assess(self, plan: Plan) -> tuple[Assessment, ...]:
        """What the evidence says, for each objective and revision of the plan, in the plan's order."""
        ledger = self._under(plan)
        return tuple(
            _assessment(plan, ledger, objective, revision)
            for objective in plan.objectives
            for revision in plan.revisions
        )

    def to_samples(self) -> list[Sample]:
        """The ledger as labels and values of gauges (`samples`); none before the first block."""
        return samples.write(self.time, self.watches, self.contests)

    @classmethod
    def from_samples(cls, found: Iterable[tuple[Mapping[str, str], float]]) -> "Ledger":
        """The ledger that these are the samples of; what is missing among them starts anew."""
        return cls(*samples.read(found))

    def _under(self, plan: Plan) -> "Ledger":
        watches = {}
        for objective in plan.objectives:
            for revision in plan.revisions:
                key = (revision, objective.name)
                known = self.watches.get(key)
                watches[key] = (
                    known.held_to(objective.config, objective.allowed_bad)
                    if known
                    else Watch(objective.config, objective.allowed_bad)
                )
        contests = {}
        if plan.comparison:
            for objective in plan.objectives:
                wanted = terms(plan.comparison, objective)
                contest = self.contests.get(objective.name)
                contests[objective.name] = contest if contest and contest.terms == wanted else Contest(wanted)
        return Ledger(self.time, watches, contests)


def _in_order(
    plan: Plan, blocks: Iterable[TimedBlocks], after: int | None
) -> list[tuple[int, Mapping[Key, Block]]]:
    merged: dict[int, Mapping[Key, Block]] = {}
    for time, counts in blocks:
        if time % plan.block_seconds:
            msg = (
                f"a block ends at a multiple of {plan.block_seconds} s, got {time}; evaluate at aligned times"
            )
            raise ValueError(msg)
        if after is None or time > after:
            merged[time] = _merged(merged[time], counts) if time in merged else counts
    return sorted(merged.items(), key=lambda item: item[0])


def _merged(one: Mapping[Key, Block], other: Mapping[Key, Block]) -> Mapping[Key, Block]:
    return {key: _fuller(one.get(key), other.get(key)) for key in (*one, *other)}


def _fuller(one: Block, other: Block) -> Block:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda count: (count.total, count.bad))


def _advanced(
    plan: Plan, ledger: Ledger, blocks: Sequence[TimedBlocks]
) -> tuple[Ledger, Mapping[Key, float]]:
    watches, contests = dict(ledger.watches), dict(ledger.contests)
    highest = dict.fromkeys(watches, -math.inf)
    keep = kept_per_block(plan.block_seconds)
    runs = _runs(plan, blocks, ledger.time)
    for objective in plan.objectives:
        policy, tests = plan.target_policy(objective), rules(plan, objective)
        keys = [(revision, objective.name) for revision in plan.revisions]
        arms = [(revision, objective.name) for revision in plan.arms]
        for missing, run in runs:
            if arms:
                ((_, counts),) = run
                candidate, stable = arms
                contests[objective.name] = contests[objective.name].advance(
                    tests, watches[stable].baseline, counts.get(candidate), counts.get(stable)
                )
            for key in keys:
                watch = watches[key].skip(missing) if missing else watches[key]
                watches[key], reached = watch.advance(policy, [counts.get(key) for _, counts in run], keep)
                highest[key] = max(highest[key], reached)
    return Ledger(blocks[-1][0], watches, contests), highest


def _runs(plan: Plan, blocks: Sequence[TimedBlocks], last: int | None) -> list[tuple[int, list[TimedBlocks]]]:
    """Blocks that follow one another, after so many that are missing.

    Of one block each while two revisions are compared: a contest asks for the baseline before each block.
    """
    runs: list[tuple[int, list[TimedBlocks]]] = []
    for time, counts in blocks:
        missing = 0 if last is None else (time - last) // plan.block_seconds - 1
        last = time
        if missing or plan.comparison or not runs:
            runs.append((missing, []))
        runs[-1][1].append((time, counts))
    return runs


def _assessment(plan: Plan, ledger: Ledger, objective: ObjectivePlan, revision: str) -> Assessment:
    watch = ledger.watches[revision, objective.name]
    policy = plan.target_policy(objective)
    episode = watch.storage.episode or Episode()
    found = Assessment(
        objective=objective.name,
        revision=revision,
        good=watch.good,
        total=watch.good + watch.bad,
        target=watch.verdict(policy),
        target_log_evidence=max(target.log_evidence(watch.target), 0.0),
        target_log_threshold=policy.log_threshold,
        blocks_with_data=watch.target.blocks,
        blocks_unknown=watch.unknown,
        last_block_time=ledger.time,
        storage_explains=storage.explains(watch.storage),
        fast_good=episode.fast_good,
        fast_total=episode.fast_good + episode.fast_bad,
        slow_good=episode.slow_good,
        slow_total=episode.slow_good + episode.slow_bad,
    )
    if plan.comparison is None or plan.comparison.candidate != revision:
        return found
    found = replace(found, compared_with=plan.comparison.stable)
    return _compared(plan, ledger, objective, found)


def _compared(plan: Plan, ledger: Ledger, objective: ObjectivePlan, found: Assessment) -> Assessment:
    """The candidate's assessment with what the comparison says added."""
    contest, tests = ledger.contests[objective.name], rules(plan, objective)
    watches = [ledger.watches[revision, objective.name] for revision in plan.arms]
    early = tests.not_worse
    found = replace(
        found,
        good=contest.candidate_good,
        total=contest.candidate_good + contest.candidate_bad,
        stable_good=contest.stable_good,
        stable_total=contest.stable_good + contest.stable_bad,
        not_worse=not_worse.shown(early, contest.not_worse) if early else None,
        not_worse_log_evidence=max(not_worse.log_evidence(contest.not_worse), 0.0) if early else 0.0,
        not_worse_log_threshold=early.log_threshold if early else math.inf,
    )
    if tests.versus is None:
        return found
    return replace(
        found,
        versus=Verdict.UNKNOWN
        if any(watch.silent for watch in watches)
        else contest.verdict(tests.versus, early),
        versus_log_evidence=max(versus.log_evidence(tests.versus, contest.versus), 0.0),
        versus_log_threshold=tests.versus.log_threshold,
    )
