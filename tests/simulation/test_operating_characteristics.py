"""What the shipping tests do on streams of known truth: a quick, seeded part of docs/evidence.md.

The stated limits are not to be loosened: an engine that misses one is to be improved.
"""

import pytest

from bench.simulate.cases import CASES
from bench.simulate.runs import Result, run

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("name", CASES)
def test_the_figure_keeps_its_limit(name: str) -> None:
    """False alarms are as rare, and bad revisions found as soon, as the page says."""
    case = CASES[name]
    result = Result(case, [run(case, index) for index in range(case.runs.quick)])
    assert result.is_within_limit, f"{name}: {case.figure.value} is {result.figure}, at most {case.limit}"
