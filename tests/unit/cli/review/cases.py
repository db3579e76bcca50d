"""A review of a candidate with a failed gate, as it is put together."""

import gzip
from typing import Any

from modelward.api.approval import ApprovalDecision
from modelward.api.gates import GateKind, OnFailure
from modelward.api.gateverdict import Check, Comparison, GateResult, Result, RunVerdict
from modelward.api.status import GateStatus
from modelward.cli import resource
from modelward.cli.review.changes import Change
from modelward.cli.review.material import Review, Word, gate_review
from tests.unit.cli import recorded

REPORT = '<!doctype html><p id="plot">A plot, "quoted" & all</p><script>alert(1)</script>'


def files(name: str = "calm") -> dict[str, bytes]:
    """Return a gate's files as the operator keeps them."""
    checks = (
        Check(name="noise 0.1", value=0.31, comparison=Comparison.AT_MOST, limit=0.08, passed=False),
        Check(name="worst slice", value=0.6, comparison=Comparison.AT_LEAST, limit=0.3, passed=True),
    )
    gate = GateResult(
        name=name,
        kind=GateKind.ROBUSTNESS,
        on_failure=OnFailure.REJECT,
        result=Result.FAILED,
        message="flips",
        checks=checks,
    )
    verdict = RunVerdict(
        result=Result.FAILED, seed=1, endpoint="http://x", versions={}, configuration="0", gates=(gate,)
    )
    return {
        f"{name}.verdict.json.gz": gzip.compress(verdict.model_dump_json().encode(), mtime=0),
        f"{name}.report.html.gz": gzip.compress(REPORT.encode(), mtime=0),
    }


def status(**fields: Any) -> GateStatus:
    """Return how the gate ended."""
    known = {"name": "calm", "kind": "robustness", "configuration": "abc", "result": "Failed"}
    return GateStatus.model_validate({**known, "message": "31% flip", "report": "configmap/r", **fields})


def review(manifest: dict[str, Any] = recorded.STEPPING, **fields: Any) -> Review:
    """Return a review of the candidate."""
    shown: dict[str, Any] = {
        "deployment": resource.read(manifest),
        "revision": recorded.CANDIDATE,
        "compared_with": recorded.STABLE,
        "person": "alice",
        "may_approve": True,
        "changes": (Change("model.uri", "s3://models/electricity/1", "s3://models/electricity/2"),),
        "gates": (gate_review(status(), files()),),
        "words": (Word("bob", ApprovalDecision.APPROVE, "calm <enough>", "2026-03-01T11:00:00Z"),),
        **fields,
    }
    return Review(**shown)
