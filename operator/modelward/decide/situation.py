"""Spec, status, observation and time as one value, with the questions asked of it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from modelward.api.objectives import Objective, ObjectiveKind, OnBreach, Scope, judges_candidates, kind_of
from modelward.api.spec import ModelDeploymentSpec, Step
from modelward.api.status import ModelDeploymentStatus, Phase
from modelward.decide.approvals import veto_of
from modelward.decide.attribution import Signs
from modelward.decide.clock import elapsed, read
from modelward.decide.observation import FiringAlert, MetricsState, Observation, RevisionObservation
from modelward.decide.sizing import candidate_replicas
from modelward.evidence.ledger import Assessment
from modelward.evidence.verdict import Verdict

_NO_PODS = RevisionObservation()
_NOT_OF_REQUESTS = frozenset({ObjectiveKind.ACCURACY, ObjectiveKind.QUERY})
"""Kinds whose events are labels, or whatever a team counts."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a decision is made from."""

    spec: ModelDeploymentSpec
    status: ModelDeploymentStatus
    observation: Observation
    now: datetime

    def pods(self, revision: str) -> RevisionObservation:
        """Return what was seen of a revision's pods; nothing seen is no pods."""
        return self.observation.revisions.get(revision, _NO_PODS)

    def is_rejected(self, revision: str) -> bool:
        """Return whether a revision must not be tried again."""
        is_remembered = any(rejected.revision == revision for rejected in self.status.rejected_revisions)
        return is_remembered or self.is_vetoed(revision)

    def is_vetoed(self, revision: str) -> bool:
        """Return whether a person's Veto of a revision is there."""
        return veto_of(self.observation, revision) is not None

    # The rollout

    @property
    def is_split(self) -> bool:
        """Whether stable and candidate both have traffic."""
        return is_split(self.status)

    @property
    def is_shared(self) -> bool:
        """Whether a control shares the traffic of stable."""
        return is_shared(self.status)

    @property
    def step(self) -> Step:
        """The current step, or the first if none has begun; the last one if spec has become shorter."""
        index = self.status.rollout.step if self.status.rollout else 0
        return self.spec.rollout.steps[max(0, min(index, len(self.spec.rollout.steps) - 1))]

    @property
    def candidate_is_up(self) -> bool:
        """Whether every pod that the candidate needs now is ready."""
        return self.pods(self.status.candidate_revision).ready >= self.candidate_needs

    @property
    def candidate_needs(self) -> int:
        """Return how many pods the candidate needs: all if it is first or promoted, else the step's."""
        if not self.status.stable_revision or self.status.phase is Phase.PROMOTING:
            return self.spec.replicas
        return candidate_replicas(self.spec.replicas, self.step.weight)

    @property
    def stands_still(self) -> bool:
        """Whether spec keeps any rollout from going on, whatever is seen of it."""
        return self.spec.paused or self.spec.replicas == 0

    def since_rollout_began(self) -> timedelta:
        """Return the time since the candidate was made, but for what its deadline is put off by."""
        rollout = self.status.rollout
        began, paused = (rollout.started_at, rollout.paused_since) if rollout else (None, None)
        return elapsed(began, self.now) - elapsed(paused, self.now)

    def since_step_began(self) -> timedelta:
        """Return the time since the current step began; zero before the first."""
        return elapsed(self.status.rollout.step_started_at if self.status.rollout else None, self.now)

    # The evidence

    def assessed(self, revision: str) -> tuple[tuple[Objective, Assessment | None], ...]:
        """Return every objective with its assessment for a revision; None: nothing is known."""
        found = {a.objective: a for a in self.observation.assessments if a.revision == revision}
        return tuple((objective, found.get(objective.name)) for objective in self.spec.objectives)

    def breaches(self, revision: str, action: OnBreach) -> tuple[Assessment, ...]:
        """Return the breaches of the target by a revision whose objectives ask for `action`."""
        return tuple(
            assessment
            for objective, assessment in self.assessed(revision)
            if assessment
            and objective.on_breach is action
            and self._in_scope(objective, revision)
            and assessment.target is Verdict.BREACHED
        )

    def worse(self, revision: str, action: OnBreach) -> tuple[Assessment, ...]:
        """Return the objectives by which a revision is shown to be worse than the one compared with."""
        return tuple(
            assessment
            for objective, assessment in self.assessed(revision)
            if assessment and objective.on_breach is action and assessment.versus is Verdict.BREACHED
        )

    def slow_and_bad(self, revision: str) -> frozenset[str]:
        """Return by which objectives most that stands out against a revision came while storage was slow."""
        return frozenset(
            objective.name
            for objective, found in self.assessed(revision)
            if found and _suffers_from_storage(found, float(1 - objective.target))
        )

    def _in_scope(self, objective: Objective, revision: str) -> bool:
        return objective.scope is Scope.ALWAYS or revision == self.status.stable_revision

    def judged(self) -> tuple[tuple[Objective, Assessment | None], ...]:
        """Return the objectives that a candidate is judged by, with its assessments."""
        return tuple(
            (objective, assessment)
            for objective, assessment in self.assessed(self.status.candidate_revision)
            if judges_candidates(objective)
        )

    @property
    def unknown_objectives(self) -> tuple[str, ...]:
        """Names of objectives without data for the candidate; none may be promoted past."""
        return tuple(
            objective.name
            for objective, assessment in self.judged()
            if assessment is None or assessment.target is Verdict.UNKNOWN
        )

    @property
    def is_not_worse(self) -> bool:
        """Whether the candidate is shown to be no worse than stable by every objective it is judged by."""
        return all(assessment is not None and assessment.not_worse is True for _, assessment in self.judged())

    @property
    def candidate_requests(self) -> int:
        """Requests that the candidate answered in this step, as counted by its objectives."""
        return int(
            max(
                (
                    assessment.total
                    for objective, assessment in self.judged()
                    if assessment and kind_of(objective) not in _NOT_OF_REQUESTS
                ),
                default=max((a.total for _, a in self.judged() if a), default=0),
            )
        )

    @property
    def metrics_are_available(self) -> bool:
        """Whether Prometheus answers for this deployment."""
        return self.observation.metrics is MetricsState.AVAILABLE

    # Where to go back to

    @property
    def last_good(self) -> str:
        """Return the revision to go back to from stable, or none.

        The control that it is compared with, the standby, or the newest promoted one; none that a person
        has vetoed, and none that was breached itself when it was last looked at, but for a control that
        stable is shown to be worse than.
        """
        if control := self.status.control:
            is_better = self._is_shown_to_be_worse or not self._was_breached(control.revision)
            return control.revision if is_better and not self.is_vetoed(control.revision) else ""
        known = to_go_back_to(self.status, self.observation.revisions)
        good = (name for name in known if not self._was_breached(name) and not self.is_vetoed(name))
        return next(good, "")

    @property
    def _is_shown_to_be_worse(self) -> bool:
        """Whether stable is worse than the control in the same blocks, but for storage slow for both."""
        stable, control = self.status.stable_revision, self.status.control
        if control is None or not self.is_shared:
            return False
        worse, slow = self.worse(stable, OnBreach.ROLLBACK), self.slow_and_bad(control.revision)
        return bool(Signs(stable, control.revision, worse=worse, slow_for_both=slow).unexplained_worse)

    def _was_breached(self, revision: str) -> bool:
        """Return whether a revision was bad by any objective, also by one for what serves alone."""
        return any(
            assessment and objective.on_breach is OnBreach.ROLLBACK and assessment.target is Verdict.BREACHED
            for objective, assessment in self.assessed(revision)
        )

    def alert_against(self, revision: str) -> FiringAlert | None:
        """Return the oldest alert of the team's that means this revision.

        One that names no revision means the serving one, if it began after that one's promotion and neither a
        candidate nor the control of a probe shares the traffic.
        """
        for alert in sorted(self.observation.alerts, key=lambda alert: (alert.started_at, alert.name)):
            if alert.revision == revision:
                return alert
            promoted = self.status.promoted_at
            means_serving = alert.revision is None and revision == self.status.stable_revision
            is_probed = self.is_shared and self.status.phase is Phase.PROBING
            if (
                means_serving
                and not self.is_split
                and not is_probed
                and promoted
                and alert.started_at > read(promoted)
            ):
                return alert
        return None


def _suffers_from_storage(found: Assessment, allowed_bad: float) -> bool:
    fast_bad, slow_bad = found.fast_total - found.fast_good, found.slow_total - found.slow_good
    return found.target is not Verdict.UNKNOWN and slow_bad > max(fast_bad, allowed_bad * found.slow_total)


def is_split(status: ModelDeploymentStatus) -> bool:
    """Return whether stable and candidate both have traffic."""
    return bool(
        status.stable_revision
        and status.candidate_revision
        and status.rollout
        and status.rollout.step >= 0
        and status.withdrawal is None
    )


def is_shared(status: ModelDeploymentStatus) -> bool:
    """Return whether stable and a control both have traffic."""
    moving = status.withdrawal
    return bool(status.control and status.control.shared_at and not (moving and moving.switched))


def to_go_back_to(status: ModelDeploymentStatus, existing: Collection[str]) -> Iterator[str]:
    """Yield the revisions to go back to from stable, the best first: the standby, then the promoted ones.

    Args:
        status: what says which they are; a rejected one is none of them.
        existing: revisions that there still are.
    """
    promoted = (entry.revision for entry in status.history if entry.action == "Promoted")
    out = {"", status.stable_revision, *(rejected.revision for rejected in status.rejected_revisions)}
    for revision in (status.standby_revision, *promoted):
        if revision in existing and revision not in out:
            yield revision
