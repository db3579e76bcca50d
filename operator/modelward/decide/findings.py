"""Why a transition fires: the reason, the revision it is about, the cause, and the numbers in words."""

from dataclasses import dataclass

from modelward.api.objectives import Objective
from modelward.api.status import Cause
from modelward.evidence.ledger import Assessment


@dataclass(frozen=True, slots=True)
class Finding:
    """A guard of the transition table that holds."""

    reason: str
    message: str = ""
    revision: str = ""
    cause: Cause = Cause.UNKNOWN


def percent(bad: float, total: float) -> str:
    """Write a share of bad events, such as `12 of 300 bad (4.00%)`."""
    return f"{bad:.0f} of {total:.0f} bad ({bad / total:.2%})" if total else "no events"


def against_target(objective: Objective, assessment: Assessment) -> str:
    """Describe a breach of the target with its numbers."""
    return (
        f"{assessment.objective}: {percent(assessment.total - assessment.good, assessment.total)} against "
        f"{1 - objective.target:.2%} allowed, "
        f"{evidence(assessment.target_log_evidence, assessment.target_log_threshold)}"
    )


def against_stable(assessment: Assessment) -> str:
    """Describe a comparison with stable with its numbers."""
    candidate = percent(assessment.total - assessment.good, assessment.total)
    stable = percent(assessment.stable_total - assessment.stable_good, assessment.stable_total)
    return (
        f"{assessment.objective}: {candidate} while stable had {stable}, "
        f"{evidence(assessment.versus_log_evidence, assessment.versus_log_threshold)}"
    )


def evidence(log_evidence: float, log_threshold: float) -> str:
    """Write evidence as a multiple of what a verdict needs, in orders of magnitude."""
    return f"evidence {log_evidence / LOG_10:.1f} of {log_threshold / LOG_10:.1f} (log10)"


LOG_10 = 2.302585092994046
