"""Gathers what speaks against a revision, and writes it in words with its numbers."""

import math
from dataclasses import replace
from typing import Final

from modelward.api.objectives import (
    INFRASTRUCTURE_KINDS,
    Objective,
    ObjectiveKind,
    OnBreach,
    kind_of,
)
from modelward.decide.attribution import Signs
from modelward.decide.findings import (
    against_other,
    against_target,
    drift_value,
    pressure_value,
    storage_split,
)
from modelward.decide.observation import DriftSignal
from modelward.decide.placement import targets
from modelward.decide.situation import Situation
from modelward.evidence.assessment import Assessment
from modelward.evidence.verdict import Verdict

CALM_SHARE: Final = 0.9
"""Below this share of what a breach takes an incident is over. At the end of one the evidence stands some
three nats above a breach and falls by about a tenth of a nat a block: it is below this some four minutes
later, and at a third, where a verdict is Healthy again, only after eleven."""
GOOD_SHARE: Final = 1 / 4
"""The other revision is good while the evidence against it is below this share: in a shared incident both
rise together, and the one that crosses first is no worse for that."""
LEAST_DIFFERENCE: Final = math.log(100)
"""Nor is the one with little traffic any better for being slow to show what both suffer from: while they
share traffic, the other's bad fraction must be lower by this much (nats, n KL)."""
_SPOILT_BY_PRESSURE: Final = frozenset({ObjectiveKind.LATENCY, ObjectiveKind.AVAILABILITY})
"""Pods that are slow or end answer late or not at all, but no worse."""
_ALMOST_ALL: Final = 1 - 1e-9


def of_candidate(situation: Situation, action: OnBreach) -> Signs:
    """Return what speaks against the candidate, by the objectives whose breach asks for `action`."""
    candidate, stable = situation.status.candidate_revision, situation.status.stable_revision
    breached = situation.breaches(candidate, action)
    both = tuple(a for a in breached if _share(situation, stable, a.objective) >= 1)
    alone = tuple(
        a for a in breached if _share(situation, stable, a.objective) < GOOD_SHARE and _is_worse_off(a)
    )
    return _with_pressures(
        situation,
        Signs(
            suspect=candidate,
            other=stable,
            # Where the other is on its way to a breach itself it is too early to say which of the two it is.
            breached=tuple(a for a in breached if a in both or a in alone),
            worse=situation.worse(candidate, action),
            alone=alone,
            infrastructure=infrastructure(situation),
            drifted=drifted(situation),
            slow_for_both=situation.slow_and_bad(stable),
        ),
    )


def of_stable(situation: Situation) -> Signs:
    """Return what speaks against the serving revision, by the objectives whose breach asks for a rollback."""
    stable = situation.status.stable_revision
    control = situation.status.control if situation.is_shared else None
    return _with_pressures(
        situation,
        Signs(
            suspect=stable,
            other=control.revision if control else "",
            breached=situation.breaches(stable, OnBreach.ROLLBACK),
            worse=situation.worse(stable, OnBreach.ROLLBACK) if control else (),
            infrastructure=infrastructure(situation),
            drifted=drifted(situation),
            slow_for_both=situation.slow_and_bad(control.revision) if control else frozenset(),
        ),
    )


def infrastructure(situation: Situation, action: OnBreach | None = None) -> tuple[Assessment, ...]:
    """Return the breached objectives of infrastructure of the revisions with traffic; one for each."""
    return tuple(
        {
            objective.name: assessment
            for revision in targets(situation.spec, situation.status).selected
            for objective, assessment in situation.assessed(revision)
            if assessment
            and kind_of(objective) in INFRASTRUCTURE_KINDS
            and action in {None, objective.on_breach}
            and assessment.target is Verdict.BREACHED
        }.values()
    )


def drifted(situation: Situation) -> tuple[DriftSignal, ...]:
    """Return the drift detectors above their thresholds, in the order of their names."""
    return tuple(
        sorted((s for s in situation.observation.drift if s.drifted), key=lambda signal: signal.name)
    )


def _with_pressures(situation: Situation, found: Signs) -> Signs:
    """Add what the pods of both lack, if that can spoil all that speaks against the suspect.

    What the suspect alone lacks may be its own fault, as with a heavier model: that excuses nothing, until a
    comparison in the same incident has not shown it to be worse.
    """
    kinds = {kind_of(objective(situation, each)) for each in found.against}
    known = situation.observation.pressures
    beside = found.suspect if not found.other and _was_compared(situation) else found.other
    shared = {p.kind for p in known if p.revision == found.suspect} & {
        p.kind for p in known if p.revision == beside
    }
    if not shared or not kinds <= _SPOILT_BY_PRESSURE:
        return found
    of_both = (p for p in known if p.kind in shared and p.revision in {found.suspect, found.other})
    return replace(found, pressed=tuple(sorted(of_both, key=lambda p: (p.kind, p.revision))))


def _was_compared(situation: Situation) -> bool:
    """Return whether the serving revision was compared with a good one since it was breached, and stayed."""
    incident = situation.status.incident
    return (
        incident is not None and incident.revision == situation.status.stable_revision and incident.probes > 0
    )


def is_calm(assessment: Assessment | None) -> bool:
    """Return whether an objective has data and nothing stands out against it any more."""
    return (
        assessment is not None
        and assessment.target not in {Verdict.UNKNOWN, Verdict.BREACHED}
        and assessment.versus is not Verdict.BREACHED
        and assessment.target_log_evidence < CALM_SHARE * assessment.target_log_threshold
    )


def is_silent(assessment: Assessment) -> bool:
    """Return whether there is no data by which to say anything."""
    return assessment.target is Verdict.UNKNOWN and assessment.versus in {None, Verdict.UNKNOWN}


def describe(situation: Situation, signs: Signs) -> str:
    """Write the signs in words, with their numbers."""
    other = "stable" if signs.other == situation.status.stable_revision else signs.other
    said = [against_other(a, other) for a in signs.worse]
    worse = {a.objective for a in signs.worse}
    said += [against_target(objective(situation, a), a) for a in signs.breached if a.objective not in worse]
    said += [storage_split(a) for a in signs.against if a.slow_total]
    said += [against_target(objective(situation, a), a) for a in signs.infrastructure]
    return "; ".join([*said, *map(pressure_value, signs.pressed), *map(drift_value, signs.drifted)])


def objective(situation: Situation, assessment: Assessment) -> Objective:
    """Return the objective that an assessment is of."""
    return next(each for each in situation.spec.objectives if each.name == assessment.objective)


def _share(situation: Situation, revision: str, name: str) -> float:
    """Return the evidence against a revision as a share of what a breach takes; 0 where nothing is known."""
    known = (a for a in situation.observation.assessments if (a.revision, a.objective) == (revision, name))
    found = next(known, None)
    if found is None or found.target is Verdict.UNKNOWN:
        return 0.0
    return 1.0 if found.target is Verdict.BREACHED else found.target_log_evidence / found.target_log_threshold


def _is_worse_off(found: Assessment) -> bool:
    """Return whether chance hardly gives stable so few bad events in the same blocks at the candidate's rate.

    By Chernoff's bound that chance is at most exp(-n KL(stable's bad fraction, the candidate's)), n being
    stable's events. Where stable has none there is nothing to compare.
    """
    if not found.stable_total:
        return True
    stable = 1 - found.stable_good / found.stable_total
    candidate = min(1 - found.good / found.total, _ALMOST_ALL) if found.total else 0.0
    if stable >= candidate:
        return False
    difference = (1 - stable) * math.log((1 - stable) / (1 - candidate))
    if stable:
        difference += stable * math.log(stable / candidate)
    return found.stable_total * difference >= LEAST_DIFFERENCE
