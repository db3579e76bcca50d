"""A deployment with two objectives, as the ledger's tests use it."""

from collections.abc import Mapping
from typing import Final

from modelward.evidence.counts import Block, Count
from modelward.evidence.ledger import Comparison, Key, ObjectivePlan, Plan, TimedBlocks

LATENCY: Final = ObjectivePlan("latency", "c1", 0.01, 1.5, 2.0)
ACCURACY: Final = ObjectivePlan("accuracy", "c2", 0.35, 1.2, 1.5)
STEP: Final = Comparison("new", "old", 0, 2)
HEALTHY: Final = Count(50, 0)
HALF_BAD: Final = Count(25, 25)
FIVE_MINUTES: Final = 60


def plan(
    *objectives: ObjectivePlan,
    watched: tuple[str, ...] = ("old",),
    comparison: Comparison | None = None,
) -> Plan:
    """A plan of these objectives, or of both."""
    return Plan(5, objectives or (LATENCY, ACCURACY), watched, comparison, 1.0, 0.01)


AT_REST: Final = plan()
SPLIT: Final = plan(watched=("old", "new"), comparison=STEP)


def both(revision: str, block: Block) -> dict[Key, Block]:
    """The same count for both objectives of a revision."""
    return {(revision, "latency"): block, (revision, "accuracy"): block}


def timed(*blocks: Mapping[Key, Block], start: int = 1) -> list[TimedBlocks]:
    """Consecutive blocks; the first ends at 5 * start seconds."""
    return [(5 * (start + i), block) for i, block in enumerate(blocks)]
