"""Every row of the table, with its limit; the limits are not to be loosened.

5 s blocks, and 10 requests/s in all unless a row says otherwise.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from bench.simulate.case import OFTEN, ONCE_A_YEAR, RATE_HORIZON, Case, Figure, Part, Runs
from bench.simulate.holdback import holdback_cases
from bench.simulate.judges import AgainstStable, AgainstTarget, NotWorse
from bench.simulate.rivals import Tolerance
from bench.simulate.storage import storage_cases
from bench.simulate.streams import (
    FOUR_HOURS,
    HOUR,
    Alone,
    Arm,
    Batch,
    Level,
    Split,
    bursts,
    shift,
    steady,
)
from modelward.evidence.not_worse import NotWorsePolicy
from modelward.evidence.target import TargetPolicy
from modelward.evidence.versus import VersusPolicy

ALLOWED: Final = 0.01
TARGET: Final = AgainstTarget(TargetPolicy(ALLOWED, ONCE_A_YEAR))
RARE: Final = AgainstStable(VersusPolicy(max_ratio=1.5, alpha=0.01))
"""For objectives whose failures are rare."""
ACCURACY: Final = AgainstStable(VersusPolicy(max_ratio=1.2, alpha=0.01))
MARGIN: Final = AgainstStable(VersusPolicy(max_ratio=1, alpha=0.01, max_margin=0.05))
"""For accuracy by an absolute margin of 5 points."""
HALF_WRONG: Final = AgainstTarget(TargetPolicy(0.35, ONCE_A_YEAR))

ONE_PERCENT: Final = Tolerance(0.01, 1.5)

ALL: Final = Arm(50)
CANARY, BESIDE_CANARY, HALF = Arm(5), Arm(45), Arm(25)
SIZED: Final = Arm(25, concentration=4)
"""Labels whose errors count by their size."""
LEAD: Final = 100
"""Healthy blocks (0.5% bad) before a change."""
NULL_RUNS: Final = Runs(300, 12)
MEDIAN_RUNS: Final = Runs(400, 60)


def _targets() -> Iterator[Case]:
    part = Part.TARGET
    for correlation in (0.0, 0.1, 0.3):
        arm = Arm(50, correlation)
        name = "exactly at the target, 1% bad, 4 h" + (f", correlation {correlation}" if correlation else "")
        source = Alone(arm, steady(ALLOWED), FOUR_HOURS)
        yield Case(part, name, source, TARGET, Figure.SHARE, 0, Runs(1_000, 25), tolerance=ONE_PERCENT)
        name = "the same at 5,000 false alarms a year" + (
            f", correlation {correlation}" if correlation else ""
        )
        yield Case(
            part,
            name,
            Alone(arm, steady(ALLOWED), RATE_HORIZON),
            AgainstTarget(TargetPolicy(ALLOWED, OFTEN)),
            Figure.RATE,
            1 / OFTEN,
            Runs(250, 5 if correlation else 30),
            horizon_blocks=RATE_HORIZON,
        )
    for seconds in (10, 15):
        level = shift(ALLOWED / 2, 1.0, HOUR // 2, HOUR // 2 + seconds // 5)
        yield Case(
            part,
            f"nothing but errors for {seconds} s in a healthy hour",
            Alone(ALL, level, HOUR),
            TARGET,
            Figure.SHARE,
            0,
            Runs(1_000, 60),
            tolerance=ONE_PERCENT,
        )
    for bad, limit in ((0.02, 405), (0.03, 145), (0.05, 70), (0.1, 40), (0.5, 25)):
        yield _onset(f"from 0.5% to {bad:.0%} bad", bad, limit, Runs(1_000, 300))
    for bad, figure in ((0.5, Figure.MISSED), (0.3, Figure.SHARE)):
        batch = Batch(labels=10_000, per_block=50, bad_fraction=bad)
        name = f"a nightly batch of 10,000 labels, {bad:.0%} wrong, 35% allowed"
        yield Case(part, name, batch, HALF_WRONG, figure, 0, Runs(1_000, 60), tolerance=Tolerance(0.35, 1.5))


def _onset(name: str, bad: float, limit: float, runs: Runs) -> Case:
    source = Alone(ALL, shift(ALLOWED / 2, bad, LEAD), LEAD + 1_000)
    return Case(
        Part.TARGET, name, source, TARGET, Figure.MEDIAN, limit, runs, onset_block=LEAD, tolerance=ONE_PERCENT
    )


def _alike(candidate: Arm, stable: Arm, level: Level, usual: float) -> Split:
    """Two arms that share a level."""
    return Split(candidate, stable, level, level, usual)


def _nulls() -> Iterator[Case]:
    """Candidates that are no worse than stable, whatever happens to both."""
    one, three = steady(0.01), steady(0.3)
    flap = bursts(0.01, 0.4, 0.05)
    incident = shift(0.01, 0.2, HOUR, HOUR + 60)
    rise = shift(0.01, 0.04, HOUR)
    drift = shift(0.3, 0.4, HOUR)
    rare = {
        "identical, 10% canary, 1% bad": _alike(CANARY, BESIDE_CANARY, one, 0.01),
        "identical, 10% canary, 30% bad": _alike(CANARY, BESIDE_CANARY, three, 0.3),
        "identical, correlation 0.1": _alike(Arm(5, 0.1), Arm(45, 0.1), one, 0.01),
        "identical, correlation 0.3": _alike(Arm(5, 0.3), Arm(45, 0.3), one, 0.01),
        "shared bursts, 5% of blocks at 40%": _alike(CANARY, BESIDE_CANARY, flap, 0.01),
        "shared 5 minutes at 20%, candidate 90%": _alike(BESIDE_CANARY, CANARY, incident, 0.01),
        "shared 5 minutes at 20%, stable a 5% probe": _alike(Arm(47.5), Arm(2.5), incident, 0.01),
        "both from 1% to 4% for good, candidate 10%": _alike(CANARY, BESIDE_CANARY, rise, 0.01),
        "both from 1% to 4% for good, candidate 50%": _alike(HALF, HALF, rise, 0.01),
        "both from 1% to 4% for good, candidate 90%": _alike(BESIDE_CANARY, CANARY, rise, 0.01),
        "exactly at the margin, 1.5% v 1%": Split(CANARY, BESIDE_CANARY, steady(0.015), one, 0.01),
    }
    wrong = {
        "accuracy of both from 30% to 40% wrong, candidate 50%": _alike(HALF, HALF, drift, 0.3),
        "accuracy of both from 30% to 40% wrong, candidate 10%": _alike(CANARY, BESIDE_CANARY, drift, 0.3),
        "accuracy, identical, 30% wrong, correlation 0.3": _alike(Arm(25, 0.3), Arm(25, 0.3), three, 0.3),
        "accuracy exactly at the margin, 36% v 30%": Split(HALF, HALF, steady(0.36), three, 0.3),
    }
    margin = {
        "margin 0.05, exactly at it, 35% v 30% wrong": Split(HALF, HALF, steady(0.35), three, 0.3),
        "margin 0.05, exactly at it, 6% v 1% wrong": Split(CANARY, BESIDE_CANARY, steady(0.06), one, 0.01),
        "margin 0.05, exactly at it, correlation 0.1": Split(
            Arm(25, 0.1), Arm(25, 0.1), steady(0.35), three, 0.3
        ),
        "margin 0.05, both from 30% to 40% wrong": _alike(HALF, HALF, drift, 0.3),
    }
    sized = {
        "mean error exactly at the ratio, 0.36 v 0.3 of the clip": Split(
            SIZED, SIZED, steady(0.36), three, 0.3
        ),
        "mean error of both from 0.3 to 0.4 of the clip": _alike(SIZED, SIZED, drift, 0.3),
    }
    for judge, splits in ((RARE, rare), (ACCURACY, wrong), (MARGIN, margin), (ACCURACY, sized)):
        for name, split in splits.items():
            tolerance = Tolerance(split.usual, judge.policy.boundary.at(split.usual) / split.usual)
            yield Case(Part.STABLE, name, split, judge, Figure.SHARE, 0.01, NULL_RUNS, tolerance=tolerance)


def _rejections() -> Iterator[Case]:
    """Candidates that are worse, and one that is so for two blocks only."""
    for at, limit, where in ((HOUR // 12, 0.01, "in the middle of a step"), (0, 0.15, "in its first blocks")):
        split = Split(CANARY, BESIDE_CANARY, shift(0.01, 1.0, at, at + 2), steady(0.01), 0.01, at + HOUR)
        name = f"candidate alone nothing but errors for 10 s, {where}"
        yield Case(Part.STABLE, name, split, RARE, Figure.SHARE, limit, Runs(600, 100), tolerance=ONE_PERCENT)
    for scale, bad, limit in ((1, 0.5, 25), (1, 0.1, 100), (1, 0.05, 550), (10, 0.05, 50)):
        name = f"10% canary {bad:.0%} v 1% bad" + (", 100 requests/s" if scale > 1 else "")
        yield _canary(name, bad, limit, MEDIAN_RUNS, scale=scale)
    for bad, limit in ((0.5, 55), (0.45, 110), (0.4, 700)):
        yield _wrong(f"half of 20 requests/s each, {bad:.0%} v 30% wrong", bad, limit, MEDIAN_RUNS)
    for bad, limit in ((0.5, 55), (0.45, 95), (0.4, 400)):
        split = Split(Arm(50), Arm(50), steady(bad), steady(0.3), 0.3)
        name = f"margin 0.05, half of 20 requests/s each, {bad:.0%} v 30% wrong"
        yield _by(MARGIN, name, split, limit)
    arm = Arm(50, concentration=4)
    for bad, limit in ((0.5, 55), (0.45, 120)):
        split = Split(arm, arm, steady(bad), steady(0.3), 0.3)
        yield _by(ACCURACY, f"half of 20 labels/s each, mean error {bad:g} v 0.3 of the clip", split, limit)
    for bad, limit in ((0.5, 45), (0.1, 200)):
        split = Split(CANARY, BESIDE_CANARY, shift(0.01, bad, HOUR), steady(0.01), 0.01, 2 * HOUR)
        yield Case(
            Part.STABLE,
            f"10% canary good for an hour, then {bad:.0%} bad",
            split,
            RARE,
            Figure.MEDIAN,
            limit,
            MEDIAN_RUNS,
            onset_block=HOUR,
            tolerance=ONE_PERCENT,
        )


def _by(judge: AgainstStable, name: str, split: Split, limit: float) -> Case:
    """Judge arms that differ from the first block on."""
    tolerance = Tolerance(split.usual, judge.policy.boundary.at(split.usual) / split.usual)
    return Case(Part.STABLE, name, split, judge, Figure.MEDIAN, limit, MEDIAN_RUNS, tolerance=tolerance)


def _canary(name: str, bad: float, limit: float, runs: Runs, scale: float = 1) -> Case:
    split = Split(Arm(5 * scale), Arm(45 * scale), steady(bad), steady(0.01), 0.01)
    return Case(Part.STABLE, name, split, RARE, Figure.MEDIAN, limit, runs, tolerance=ONE_PERCENT)


def _wrong(name: str, bad: float, limit: float, runs: Runs) -> Case:
    split = Split(Arm(50), Arm(50), steady(bad), steady(0.3), 0.3)
    return Case(Part.STABLE, name, split, ACCURACY, Figure.MEDIAN, limit, runs, tolerance=Tolerance(0.3, 1.2))


def _not_worse() -> Iterator[Case]:
    twice, half_more = NotWorse(NotWorsePolicy(2, 0.05)), NotWorse(NotWorsePolicy(1.5, 0.05))
    part = Part.NOT_WORSE
    for scale, minutes in ((1, 45), (10, 6)):
        split = Split(Arm(5 * scale), Arm(45 * scale), steady(0.01), steady(0.01), 0.01)
        name = f"10% canary as good as stable, 1% bad, {10 * scale} requests/s, ratio 2"
        yield Case(part, name, split, twice, Figure.MEDIAN, minutes * 60, Runs(400, 40))
        split = Split(Arm(5 * scale), Arm(45 * scale), steady(0.02), steady(0.01), 0.01)
        name = f"exactly at the margin, 2% v 1%, {10 * scale} requests/s, 4 h"
        yield Case(part, name, split, twice, Figure.SHARE, 0.05, Runs(600, 15))
    for correlation in (0.0, 0.3):
        arm = Arm(25, correlation)
        split = Split(arm, arm, steady(0.45), steady(0.3), 0.3, 2 * HOUR)
        name = f"exactly at the margin, 45% v 30%, correlation {correlation:g}, half and half, 2 h"
        yield Case(part, name, split, half_more, Figure.SHARE, 0.05, Runs(600, 30))
    points = NotWorse(NotWorsePolicy(1, 0.05, margin=0.1))
    split = Split(HALF, HALF, steady(0.4), steady(0.3), 0.3, 2 * HOUR)
    yield Case(
        part,
        "exactly at a margin of 0.1, 40% v 30% wrong, half and half, 2 h",
        split,
        points,
        Figure.SHARE,
        0.05,
        Runs(600, 30),
    )
    split = Split(HALF, HALF, steady(0.3), steady(0.3), 0.3)
    name = "half and half as good as stable, 30% wrong, margin 0.1"
    yield Case(part, name, split, points, Figure.MEDIAN, 150, Runs(400, 40))


CASES: Final[Mapping[str, Case]] = {
    case.name: case
    for case in chain(_targets(), _nulls(), _rejections(), holdback_cases(), _not_worse(), storage_cases())
}
"""The table's rows by name, in order."""

UNBOUNDED: Final = float("inf")
CURVE_RUNS: Final = Runs(200, 0)
CURVES: Final[Mapping[str, Mapping[float, Case]]] = {
    "against a target of 1% bad": {
        bad: _onset(f"curve target {bad}", bad, UNBOUNDED, CURVE_RUNS)
        for bad in (0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
    },
    "10% canary v stable's 1% bad": {
        bad: _canary(f"curve canary {bad}", bad, UNBOUNDED, CURVE_RUNS)
        for bad in (0.03, 0.04, 0.05, 0.07, 0.1, 0.2, 0.5, 1.0)
    },
    "half and half of 20 requests/s v stable's 30% wrong": {
        bad: _wrong(f"curve accuracy {bad}", bad, UNBOUNDED, CURVE_RUNS)
        for bad in (0.39, 0.4, 0.42, 0.45, 0.5, 0.6, 0.8, 1.0)
    },
}
"""What is plotted: cases by severity (bad fraction)."""
