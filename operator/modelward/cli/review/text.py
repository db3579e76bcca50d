"""A review in sentences, for the terminal."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from modelward.api.approval import ApprovalDecision
from modelward.cli import decisions
from modelward.cli.explanation import Section
from modelward.cli.review.answers import WHY, command
from modelward.cli.review.material import GateReview, Review
from modelward.cli.wording import ago, counted, criterion, evidence_share

MOST_CHANGES: Final = 12
MOST_CHECKS: Final = 5


def sections(review: Review, now: datetime) -> tuple[Section, ...]:
    """Return what is shown, in the order in which a person asks."""
    found = (
        Section("What is asked of you", tuple(asked(review, now))),
        Section("What people said of it", tuple(said(review, now))),
        Section("What changed", tuple(_changed(review))),
        Section("Gates", tuple(_gates(review))),
        Section("Evidence so far", tuple(_evidence(review))),
        Section("What the last decisions were made from", tuple(decisions.sentences(review.decisions, now))),
        Section("What could not be read", review.unread),
    )
    return tuple(section for section in found if section.lines)


def answers(review: Review) -> str:
    """Return the two commands as they are to be pasted into a shell."""
    said = "".join(f"\n# {title}:\n{answer}\n" for title, answer in choices(review))
    return f"# Say why first:\n{WHY}\n{said}"


def choices(review: Review) -> Iterator[tuple[str, str]]:
    """Yield what each answer means, with the command that gives it: a yes, then a no."""
    titles = ("Yes", "No")
    if review.means_going_back:
        titles = ("Yes, go back to it", "No, neither now nor later (until somebody answers, traffic stays)")
    for title, decision in zip(titles, ApprovalDecision, strict=True):
        yield title, command(review.deployment, review.revision, decision)


def asked(review: Review, now: datetime) -> Iterator[str]:
    """Say what is awaited of whom, and what the person at hand may do."""
    awaited = review.awaited
    if awaited is None:
        yield "Nothing is awaited; a veto counts at any time."
    else:
        yield f"{awaited.message} ({awaited.reason}, {ago(awaited.last_transition_time, now)})"
    status = review.deployment.status
    if status.cause is not None:
        yield f"Cause found: {status.cause}."
    if status.incident is not None:
        yield f"{status.incident.revision} is breached: {status.incident.message}"
    if review.person:
        may = (
            "may say yes or no"
            if review.may_approve
            else (
                "may not: that takes the verb approve on modeldeployments.modelward.dev, "
                "as in the ClusterRole modelward-approver"
            )
        )
        yield f"You are {review.person} and {may}."


def said(review: Review, now: datetime) -> Iterator[str]:
    """Say who has approved or vetoed, and why."""
    for word in review.words:
        verb = "approved" if word.decision is ApprovalDecision.APPROVE else "vetoed"
        yield f"{word.approver} {verb} it {ago(word.time, now)}: {word.reason}"


def compared(review: Review) -> str:
    """Say what the revision is held against."""
    if review.compared_with:
        return f"{review.revision} beside {review.compared_with}, which serves."
    return f"{review.revision}; there is no other that serves."


def _changed(review: Review) -> Iterator[str]:
    yield compared(review)
    for change in review.changes[:MOST_CHANGES]:
        yield f"- {change.path}: {change.before or '(none)'} -> {change.after or '(none)'}"
    if (left := len(review.changes) - MOST_CHANGES) > 0:
        yield f"- and {left} more, on the page"


def _gates(review: Review) -> Iterator[str]:
    for gate in review.gates:
        status = gate.status
        reason = f" ({status.reason})" if status.reason else ""
        yield f"{status.name}, {status.kind}: {status.result}{reason}{_after_colon(status.message)}"
        yield from _failed(gate)
        if status.report:
            yield f"- report: {status.report}"


def _failed(gate: GateReview) -> Iterator[str]:
    for check in gate.failed[:MOST_CHECKS]:
        of = f" of {check.subject}" if check.subject else ""
        yield f"- {check.name}{of} is {check.value:.4g}, asked for {limit(check.comparison, check.limit)}"


def limit(comparison: str, value: float) -> str:
    """Write what was asked for, such as `at most 0.08`."""
    return f"{'at most' if comparison == 'AtMost' else 'at least'} {value:g}"


def _evidence(review: Review) -> Iterator[str]:
    wanted = {each.name: criterion(each) for each in review.deployment.spec.objectives}
    for each in review.objectives:
        yield (
            f"- {each.name} of {each.revision}: {counted(each)}, "
            f"wanted {wanted.get(each.name, 'by no objective any more')}: {each.verdict}, "
            f"evidence against {evidence_share(each):.0%} of what a breach takes"
        )


def _after_colon(message: str) -> str:
    return f": {message}" if message else ""
