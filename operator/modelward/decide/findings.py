"""Why a transition fires: the reason, the revision it is about, the cause, and the numbers in words."""

from dataclasses import dataclass

from modelward.api.objectives import Objective, error_clip
from modelward.api.status import Cause
from modelward.decide.observation import DriftSignal, PodPressure, PressureKind
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
    return f"{_events(bad)} of {_events(total)} bad ({bad / total:.2%})" if total else "no events"


def _events(number: float) -> str:
    """Write whole events as such, and shares of them to three digits."""
    return f"{number:.0f}" if abs(number - round(number)) < _WHOLE else f"{number:.3f}"


def against_target(objective: Objective, assessment: Assessment) -> str:
    """Describe a breach of the target with its numbers."""
    bad, allowed = assessment.total - assessment.good, 1 - objective.target
    counted = f"{percent(bad, assessment.total)} against {allowed:.2%} allowed"
    if (clip := error_clip(objective)) and assessment.total:
        error = bad / assessment.total * float(clip)
        counted = (
            f"mean absolute error {error:.4g} over {_events(assessment.total)} labels against "
            f"{float(allowed * clip):.4g} allowed"
        )
    return (
        f"{assessment.objective}: {counted}, "
        f"{evidence(assessment.target_log_evidence, assessment.target_log_threshold)}"
    )


def against_other(assessment: Assessment, other: str) -> str:
    """Describe a comparison with another revision, in the same blocks, with its numbers."""
    suspect = percent(assessment.total - assessment.good, assessment.total)
    others = percent(assessment.stable_total - assessment.stable_good, assessment.stable_total)
    return (
        f"{assessment.objective}: {suspect} while {other} had {others}, "
        f"{evidence(assessment.versus_log_evidence, assessment.versus_log_threshold)}"
    )


def storage_split(assessment: Assessment) -> str:
    """Describe how bad events fell on slow storage."""
    slow = percent(assessment.slow_total - assessment.slow_good, assessment.slow_total)
    fast = percent(assessment.fast_total - assessment.fast_good, assessment.fast_total)
    return f"{assessment.objective}: {slow} while storage was slow, {fast} while it was fast"


def drift_value(signal: DriftSignal) -> str:
    """Describe a drift detector above its threshold."""
    return f"drift detector {signal.name} at {signal.value:g}, above {signal.threshold:g}"


def pressure_value(pressure: PodPressure) -> str:
    """Describe what the pods of a revision lack."""
    said = {
        PressureKind.THROTTLED: f"throttled in {pressure.value:.0%} of scheduling periods",
        PressureKind.MEMORY: f"at {pressure.value:.0%} of their memory limit",
        PressureKind.RESTARTS: f"restarted {pressure.value:.3g} times each within ten minutes",
    }
    return f"pods of {pressure.revision} {said[pressure.kind]}"


def evidence(log_evidence: float, log_threshold: float) -> str:
    """Write evidence as a multiple of what a verdict needs, in orders of magnitude."""
    return f"evidence {log_evidence / LOG_10:.1f} of {log_threshold / LOG_10:.1f} (log10)"


LOG_10 = 2.302585092994046
_WHOLE = 1e-6
"""Counters of shares add up to whole events only about."""
