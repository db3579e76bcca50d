"""What a review is made of: typed, and read from what the API server gave."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from modelward.api.approval import ApprovalDecision
from modelward.api.gateverdict import Check, RunVerdict
from modelward.api.reading import InvalidManifestError, read_approval
from modelward.api.status import Condition, DecisionRecord, GateStatus, ObjectiveStatus
from modelward.cli.resource import Deployment
from modelward.cli.review.changes import Change

APPROVED: Final = "Approved"
"""The condition that says whether a person is awaited."""


@dataclass(frozen=True, slots=True)
class Word:
    """What one person has said."""

    approver: str
    decision: ApprovalDecision
    reason: str
    time: str


@dataclass(frozen=True, slots=True)
class GateReview:
    """One gate: how it ended, the checks of its verdict and its report."""

    status: GateStatus
    checks: tuple[Check, ...] = ()
    report: str = ""
    """HTML; empty where it is kept elsewhere or could not be read."""

    @property
    def failed(self) -> tuple[Check, ...]:
        """Return the checks that were not passed."""
        return tuple(check for check in self.checks if not check.passed)


@dataclass(frozen=True, slots=True)
class Review:
    """All that is shown of one revision."""

    deployment: Deployment
    revision: str
    compared_with: str
    """The revision that serves; empty if there is none, or if it is the one that is reviewed."""
    person: str
    """Who asks, as the API server knows them; empty if it would not say."""
    may_approve: bool
    changes: tuple[Change, ...] = ()
    gates: tuple[GateReview, ...] = ()
    words: tuple[Word, ...] = ()
    decisions: tuple[DecisionRecord, ...] = ()
    unread: tuple[str, ...] = ()
    """What could not be read, and why."""

    @property
    def awaited(self) -> Condition | None:
        """Return the condition that says that a person is awaited, if one is."""
        conditions = self.deployment.status.conditions
        found = (each for each in conditions if each.type == APPROVED and each.status == "False")
        return next(found, None)

    @property
    def means_going_back(self) -> bool:
        """Whether a yes means to go back to the revision from the one that serves."""
        incident = self.deployment.status.incident
        return incident is not None and incident.go_back_to == self.revision

    @property
    def objectives(self) -> tuple[ObjectiveStatus, ...]:
        """Return what was counted of the two revisions, by objective."""
        shown = {self.revision, self.compared_with}
        found = (each for each in self.deployment.status.objectives if each.revision in shown)
        return tuple(sorted(found, key=lambda each: (each.name, each.revision != self.revision)))


def reviewed_revision(deployment: Deployment) -> str:
    """Return the revision that a person is, or would be, asked about.

    The candidate, else the one that a rollback to waits for a person, else the one that serves.
    """
    status = deployment.status
    waits = status.incident.go_back_to if status.incident else ""
    return status.candidate_revision or waits or status.stable_revision


def words(manifests: Sequence[Mapping[str, Any]], revision: str) -> tuple[Word, ...]:
    """Return what people said of a revision, in order; what this version cannot read is passed over."""
    found: list[Word] = []
    for manifest in manifests:
        try:
            spec = read_approval(manifest)
        except InvalidManifestError:
            continue
        if spec.revision == revision:
            time = str(manifest["metadata"]["creationTimestamp"])
            found.append(Word(spec.approver, spec.decision, spec.reason, time))
    return tuple(sorted(found, key=lambda word: word.time))


def gate_review(status: GateStatus, files: Mapping[str, bytes]) -> GateReview:
    """Return one gate with its files, `GATE.verdict.json.gz` and `GATE.report.html.gz`, if there are any.

    A file that is no gzip, or a verdict that this version cannot read, is as none: the status still says how
    the gate ended.
    """
    verdict, report = (
        _unpacked(files.get(f"{status.name}.{name}.gz")) for name in ("verdict.json", "report.html")
    )
    return GateReview(status, _checks(verdict, status.name), report.decode(errors="replace"))


def _unpacked(content: bytes | None) -> bytes:
    try:
        return gzip.decompress(content) if content else b""
    except (OSError, EOFError):
        return b""


def _checks(verdict: bytes, name: str) -> tuple[Check, ...]:
    if not verdict:
        return ()
    try:
        read = RunVerdict.model_validate_json(verdict)
    except ValidationError:
        return ()
    return next((gate.checks for gate in read.gates if gate.name == name), ())
