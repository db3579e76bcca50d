"""The example of a team's own gate keeps the contract of a job gate."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bench.gates.known import EXAMPLE, table
from modelward.api.gateverdict import ErrorReason, GateVerdict, Result
from modelward.gates.contract import NoAnswer, judge
from modelward.gates.process import Limits, run_limited

pytestmark = pytest.mark.integration

LIMITS = Limits(seconds=120, memory_mib=512)


def judged(folder: Path, endpoint: str) -> GateVerdict | NoAnswer:
    """Run the example in a folder and read how it ended, as the operator does with a Job."""
    given = [endpoint, "validation.csv", "label", "region", "model"]
    program = f"import os, runpy, sys; os.chdir({str(folder)!r}); sys.argv = {['job.py', *given]!r}; "
    program += f"runpy.run_path({str(EXAMPLE / 'job.py')!r}, run_name='__main__')"
    return judge(run_limited([sys.executable, "-c", program], b"", LIMITS, folder), LIMITS, folder)


def test_groups_alike_pass_and_groups_apart_fail(tmp_path: Path, good: str) -> None:
    """The verdict must be a pass where both groups are served as well, and name the gap where not."""
    rows = table(1000, 5)
    rows["region"] = np.where(np.arange(1000) % 2, "north", "south")
    rows.to_csv(tmp_path / "validation.csv", index=False)
    passed = judged(tmp_path, good)
    assert isinstance(passed, GateVerdict)
    assert passed.result is Result.PASSED
    north = rows["region"] == "north"
    rows.loc[north, "label"] = 1 - rows.loc[north, "label"]
    rows.to_csv(tmp_path / "validation.csv", index=False)
    failed = judged(tmp_path, good)
    assert isinstance(failed, GateVerdict)
    assert (failed.result, failed.checks[0].subject) == (Result.FAILED, "region")
    assert failed.checks[0].value > 0.9


def test_a_job_that_finds_no_model_is_an_error(tmp_path: Path) -> None:
    """A program that crashes must be no answer, with its last words."""
    table(100, 5).assign(region="north").to_csv(tmp_path / "validation.csv", index=False)
    answer = judged(tmp_path, "http://127.0.0.1:9")
    assert isinstance(answer, NoAnswer)
    assert answer.reason is ErrorReason.CRASHED
    assert "Connection refused" in answer.message
