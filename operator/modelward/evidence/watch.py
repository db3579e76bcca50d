"""One revision held against one objective: its detector, its long-run counts, and how fresh they are.

Beside it runs the question whether slow storage explains what the detector finds (`storage`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from modelward.evidence import storage, target
from modelward.evidence.baseline import Baseline
from modelward.evidence.counts import Block
from modelward.evidence.storage import StorageState
from modelward.evidence.target import TargetPolicy, TargetState
from modelward.evidence.verdict import Verdict

BLOCKS_UNTIL_UNKNOWN: Final = 6
"""Unknown blocks in a row after which nothing is said."""


@dataclass(frozen=True, slots=True)
class Watch:
    """State of one watch.

    Args:
        config: hash of the event definition that the counts are of.
        allowed_bad: what the detector was run against.
        target: the detector.
        baseline: long-run counts.
        good, bad: events since the watch began.
        unknown: Unknown blocks in a row at the end.
        storage: whether slow storage explains what the detector finds.
    """

    config: str
    allowed_bad: float
    target: TargetState = field(default_factory=target.start)
    baseline: Baseline = field(default_factory=Baseline)
    good: float = 0.0
    bad: float = 0.0
    unknown: int = 0
    storage: StorageState = field(default_factory=storage.start)

    def held_to(self, config: str, allowed_bad: float) -> "Watch":
        """This watch under a plan's terms: anew for another config, a new detector for another target."""
        if config != self.config:
            return Watch(config, allowed_bad)
        if allowed_bad != self.allowed_bad:
            return replace(
                self, allowed_bad=allowed_bad, target=target.start(), storage=storage.end(self.storage)
            )
        return self

    def advance(self, policy: TargetPolicy, blocks: Sequence[Block], keep: float) -> tuple["Watch", float]:
        """With more blocks, in order, and the highest log evidence at any of their ends.

        `keep` is what the baseline keeps of its past over one block.
        """
        known = [block for block in blocks if block is not None]
        if not known:
            return self.skip(len(blocks)), target.log_evidence(self.target)
        good, bad = self.good, self.bad
        # A loop, because sum() rounds otherwise than adding one block after the other.
        for block in known:
            good += block.good
            bad += block.bad
        unknown = next(index for index, block in enumerate(reversed(blocks)) if block is not None)
        state, highest = target.advance_many(policy, self.target, known)
        baseline = self.baseline.advance_many(known, keep)
        split = self._split(policy, blocks, keep, highest)
        return Watch(self.config, self.allowed_bad, state, baseline, good, bad, unknown, split), highest

    def _split(
        self, policy: TargetPolicy, blocks: Sequence[Block], keep: float, highest: float
    ) -> StorageState:
        """Return what is known by storage after more blocks; `highest` is of the evidence at their ends.

        Whether a block is of an episode is for the evidence before it to say.
        """
        split, detector = self.storage, self.target
        if split == storage.start() and not any(block and block.split for block in blocks):
            return split
        quiet = not target.stands_out(policy, max(highest, target.log_evidence(detector)))
        for block in blocks:
            # The same as if this block had come alone: what nobody knows neither begins nor ends an episode,
            # and none begins before the first block that is known by storage.
            if block is None:
                split = storage.skip(split, 1)
                continue
            if block.split or split != storage.start():
                stands_out = target.stands_out(policy, target.log_evidence(detector))
                split = storage.begin(split) if stands_out else storage.end(split)
                split = storage.advance(self.allowed_bad, split, block, keep)
            if not quiet:
                detector = target.advance(policy, detector, block)
        return split

    def skip(self, blocks: int) -> "Watch":
        """With a number of Unknown blocks more."""
        return replace(self, unknown=self.unknown + blocks, storage=storage.skip(self.storage, blocks))

    @property
    def silent(self) -> bool:
        """Whether nothing can be said: no event was ever seen, or nothing is known of late."""
        return self.good + self.bad == 0 or self.unknown >= BLOCKS_UNTIL_UNKNOWN

    def verdict(self, policy: TargetPolicy) -> Verdict:
        """What the test against the target says now."""
        if self.silent:
            return Verdict.UNKNOWN
        if target.breached(policy, self.target):
            return Verdict.BREACHED
        if target.healthy(policy, self.target, self.good + self.bad):
            return Verdict.HEALTHY
        return Verdict.INCONCLUSIVE
