"""The simulation's own arithmetic: what is made of outcomes, and the policies that are compared with."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bench.simulate import rivals
from bench.simulate.case import Case, Figure, Part
from bench.simulate.cases import CASES
from bench.simulate.rivals import Rival, Tolerance
from bench.simulate.runs import Result, run
from bench.simulate.streams import Events, Stream
from bench.simulate.table import line, markdown
from dev.cluster.paths import CHECKOUT

TWICE_ONE_PERCENT = Tolerance(usual=0.01, ratio=2)
NEVER = math.inf


def case(figure: Figure, limit: float) -> Case:
    """Return a case of which 100 runs are the full number."""
    known = next(iter(CASES.values()))
    return replace(known, figure=figure, limit=limit, runs=replace(known.runs, full=100))


def minutes(bad: Sequence[int]) -> Stream:
    """Return minutes of 10 events a block, with so many bad ones in the first block of each."""
    total = np.full(12 * len(bad), 10)
    return Stream(Events(total, np.array([value for each in bad for value in (each, *[0] * 11)])))


def test_a_share_of_all_runs_is_held_to_its_limit_as_it_is() -> None:
    """Two of a hundred are more than one percent."""
    judged = case(Figure.SHARE, 0.01)
    assert judged.within_limit([5.0, *[NEVER] * 99])
    assert not judged.within_limit([5.0, 5.0, *[NEVER] * 98])


def test_a_share_of_few_runs_is_allowed_for_chance_but_none_means_none() -> None:
    """One of forty says nothing against 2%, but much against 0."""
    assert case(Figure.SHARE, 0.02).within_limit([5.0, *[NEVER] * 39])
    assert not case(Figure.SHARE, 0.02).within_limit([5.0] * 5 + [NEVER] * 35)
    assert not case(Figure.SHARE, 0.0).within_limit([5.0, *[NEVER] * 39])


def test_what_never_comes_is_missed_and_has_no_median() -> None:
    """A verdict that is missing counts as infinitely late."""
    assert case(Figure.MISSED, 0).summary([5.0, NEVER]) == 0.5
    assert case(Figure.MEDIAN, 10).summary([5.0, NEVER, NEVER]) == NEVER
    assert not case(Figure.MEDIAN, 10).within_limit([5.0, NEVER, NEVER])


def test_a_median_is_counted_from_the_onset() -> None:
    """What happened before the change is not time to detect it."""
    assert replace(case(Figure.MEDIAN, 10), onset_block=2).summary([20.0, 25.0, 40.0]) == 15.0


def test_a_rate_is_a_lower_bound_over_all_blocks_watched() -> None:
    """200 alarms in 200,000 blocks: exactly 177.3 by the gamma distribution (5% quantile, shape 200)."""
    judged = replace(case(Figure.RATE, 1), horizon_blocks=1_000)
    assert judged.summary([5_000.0] * 200) == pytest.approx(177.3 / 200_000, rel=1e-3)
    assert judged.summary([NEVER] * 3) == 0.0


@pytest.mark.parametrize(
    ("rival", "bad", "seconds"),
    [
        (rivals.fixed_threshold, [2, 3], 65),
        (rivals.fixed_threshold, [2, 2], NEVER),
        (rivals.repeated_z_test, [9], 60),
        (rivals.repeated_z_test, [1, 1, 1], NEVER),
        (rivals.failure_limit, [3, 0, 3, 3, 0, 3], 360),
        (rivals.failure_limit, [3, 3, 3, 0, 0, 0], NEVER),
        (rivals.failed_checks, [3, 3, 3, 3, 3, 0], 360),
        (rivals.failed_checks, [3, 3, 3, 3, 0, 0], NEVER),
    ],
)
def test_when_a_policy_alarms(rival: Rival, bad: Sequence[int], seconds: float) -> None:
    """Of 120 events a minute 2% are tolerated, 3 bad ones are too many; the z-test is against 1%."""
    assert rival(minutes(bad), TWICE_ONE_PERCENT) == seconds


def test_the_z_test_compares_with_stable_in_the_same_minutes() -> None:
    """An incident that both share is no difference."""
    incident = minutes([60 // 10] * 5)
    both = replace(incident, stable=incident.judged)
    assert rivals.repeated_z_test(both, TWICE_ONE_PERCENT) == NEVER
    assert rivals.repeated_z_test(replace(both, stable=minutes([0] * 5).judged), TWICE_ONE_PERCENT) == 60


def test_a_run_depends_on_its_case_and_number_alone() -> None:
    """The table is the same however its runs are shared out."""
    judged = CASES["from 0.5% to 5% bad"]
    assert run(judged, 3) == run(judged, 3)
    assert len({run(judged, index) for index in range(20)}) > 1


def test_a_row_outside_its_limit_says_so() -> None:
    """A reader of the table finds what failed."""
    judged = CASES["from 0.5% to 5% bad"]
    slow = Result(judged, [(judged.onset_block * 5 + 90.0, NEVER, NEVER, NEVER, NEVER)])
    row = line(slow)
    assert "90 s" in row
    assert "OUTSIDE" in row
    assert "| from 0.5% to 5% bad | 1 | 90 s | 70 s | never" in markdown([slow])


def test_the_page_has_a_row_for_each_case_and_no_other() -> None:
    """Docs tell of what is simulated, part by part and in that order; `make simulate` writes the figures."""
    text = (CHECKOUT / "docs" / "evidence.md").read_text()
    _, begin, rest = text.partition("<!-- make simulate: begin -->")
    rows = [line.strip("| ").split(" | ") for line in rest.splitlines() if line.startswith("| ")]
    found: dict[str, list[str]] = {}
    part = ""
    for name, column, *_ in rows:
        if column == "runs":
            part = name
        elif column == "incidents":
            part = ""
        elif part and column != "---":
            found.setdefault(part, []).append(name)
    assert begin
    assert found == {part.value: [c.name for c in CASES.values() if c.part is part] for part in Part}
    assert list(CASES) == [case.name for case in CASES.values()]
