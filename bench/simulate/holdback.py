"""Rows about the permanent comparison with a holdback: how often it blames a revision that is no worse."""

from collections.abc import Iterator

from bench.simulate.case import OFTEN, RATE_HORIZON, Case, Figure, Part, Runs
from bench.simulate.judges import AgainstStable
from bench.simulate.streams import Arm, Split, steady
from modelward.evidence.versus import Form, VersusPolicy


def holdback_cases() -> Iterator[Case]:
    """The rows: as bad as is tolerated, for as long as it takes until it is blamed."""
    judge = AgainstStable(VersusPolicy(max_ratio=1.5, alpha=1 / OFTEN, form=Form.PERMANENT))
    for share, correlation in ((0.01, 0.0), (0.1, 0.0), (0.1, 0.1)):
        name = f"holdback of {share:.0%} at 5,000 false alarms a year, 1.5% v 1%" + (
            f", correlation {correlation:g}" if correlation else ""
        )
        rest, held_back = Arm(50 * (1 - share), correlation), Arm(50 * share, correlation)
        yield Case(
            Part.STABLE,
            name,
            Split(rest, held_back, steady(0.015), steady(0.01), 0.01, RATE_HORIZON),
            judge,
            Figure.RATE,
            1 / OFTEN,
            Runs(250, 5),
            horizon_blocks=RATE_HORIZON,
        )
