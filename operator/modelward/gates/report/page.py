"""Writes the report of a run of gates: verdicts, checks and pictures, in one file without external parts."""

from collections.abc import Sequence
from typing import Final

import jinja2

from modelward.api.gateverdict import Check, Comparison, Result, RunVerdict
from modelward.gates.runner import Finished

_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("modelward.gates.report", "."),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_WORDS: Final = {
    Result.PASSED: "passed",
    Result.FAILED: "failed",
    Result.ERROR: "no answer",
    Result.NOT_RUN: "not run",
}
_KINDS: Final = {
    "dataQuality": "data quality",
    "interpretability": "interpretability",
    "robustness": "robustness",
    "job": "job",
    "approval": "approval",
}


def page(verdict: RunVerdict, finished: Sequence[Finished]) -> str:
    """Return the report as HTML."""
    return _ENVIRONMENT.get_template("report.html.j2").render(
        verdict=verdict, finished=finished, words=_WORDS, kinds=_KINDS, limit=_limit
    )


def _limit(check: Check) -> str:
    return f"{'at most' if check.comparison is Comparison.AT_MOST else 'at least'} {check.limit:g}"
