"""The record of a decision: what was decided, by which rule, and all the numbers it was made from."""

from modelward.api.status import MOST_EVIDENCE, DecisionRecord, EvidenceRecord, HistoryEntry
from modelward.decide.clock import exact_stamp
from modelward.decide.findings import LOG_10, Finding
from modelward.decide.situation import Situation
from modelward.evidence.assessment import Assessment


def record(situation: Situation, rule: str, finding: Finding, entry: HistoryEntry) -> DecisionRecord:
    """Return the record of a decision.

    Args:
        situation: what it was made from.
        rule: name of the row of the transition table that fired.
        finding: what its guard found.
        entry: what the decision is called, as in history.
    """
    known = sorted(
        situation.observation.assessments, key=lambda each: (-_weight(each), each.objective, each.revision)
    )
    return DecisionRecord(
        # Of one second there may be several: gates that end, and people who say yes.
        time=exact_stamp(situation.now),
        rule=rule,
        revision=entry.revision,
        action=entry.action,
        reason=entry.reason,
        cause=finding.cause,
        message=entry.message,
        evidence=tuple(_evidence(each) for each in known[:MOST_EVIDENCE]),
        drift=tuple(
            f"{signal.name} {signal.value:.6g} of {signal.threshold:.6g}"
            for signal in sorted(situation.observation.drift, key=lambda each: each.name)
        ),
    )


def _weight(assessment: Assessment) -> float:
    """Return how near to a verdict an assessment is: what matters most comes first."""
    return max(
        assessment.target_log_evidence / assessment.target_log_threshold,
        assessment.versus_log_evidence / assessment.versus_log_threshold,
    )


def _evidence(found: Assessment) -> EvidenceRecord:
    compared = found.versus is not None
    return EvidenceRecord(
        objective=found.objective,
        revision=found.revision,
        bad=_share(found.good, found.total),
        against_target=_level(found.target_log_evidence, found.target_log_threshold),
        compared_with=found.compared_with if compared else "",
        against_other=_level(found.versus_log_evidence, found.versus_log_threshold) if compared else "",
        not_worse=_level(found.not_worse_log_evidence, found.not_worse_log_threshold)
        if found.not_worse is not None
        else "",
        others_bad=_share(found.stable_good, found.stable_total) if compared else "",
        while_storage_fast=_share(found.fast_good, found.fast_total) if found.fast_total else "",
        while_storage_slow=_share(found.slow_good, found.slow_total) if found.slow_total else "",
    )


def _share(good: float, total: float) -> str:
    return f"{total - good:.6g} of {total:.6g}"


def _level(log_evidence: float, log_threshold: float) -> str:
    return f"{max(log_evidence, 0.0) / LOG_10:.1f} of {log_threshold / LOG_10:.1f}"
