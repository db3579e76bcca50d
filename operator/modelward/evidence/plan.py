"""What is to be watched and compared in one deployment: the questions that a ledger answers."""

from dataclasses import dataclass

from modelward.evidence import sharing
from modelward.evidence.not_worse import NotWorsePolicy
from modelward.evidence.target import TargetPolicy
from modelward.evidence.versus import Form, VersusPolicy


@dataclass(frozen=True, slots=True)
class ObjectivePlan:
    """One objective.

    Args:
        name: the objective's name.
        config: hash of its event definition. Evidence starts anew when it changes.
        allowed_bad: bad fraction that meets the target (0.01 for 99%). When it alone changes, the test
            against the target starts anew and everything else stays.
        max_ratio: ratio to stable's bad fraction above which a candidate is worse; None: not compared.
        not_worse_ratio: ratio to rule out before a step may end early; None: never early by this one.
        max_margin, not_worse_margin: absolute shares of events on top of the ratios.
    """

    name: str
    config: str
    allowed_bad: float
    max_ratio: float | None
    not_worse_ratio: float | None
    max_margin: float = 0.0
    not_worse_margin: float = 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two revisions that get traffic at the same time.

    Args:
        candidate: the revision that might be worse.
        stable: the one it is held against.
        step: which step of the rollout this is. The comparison starts anew when it changes.
        parts: into how many parts the chance of a false rejection is divided, of which this step has one: the
            number of steps, or for a probe `sharing.probe_parts`.
        form: a step of a rollout, or a permanent comparison.
    """

    candidate: str
    stable: str
    step: int
    parts: int
    form: Form = Form.STEP


@dataclass(frozen=True, slots=True)
class Plan:
    """All questions of one deployment.

    Args:
        block_seconds: length of one block, in whole seconds.
        objectives: the objectives, each name once.
        watched: revisions held against the target.
        comparison: the two revisions compared, or None at rest.
        max_false_rollbacks_per_year: promise shared over all detectors in force (`sharing`).
        max_false_rejection_probability: promise for one rollout, or all probes of an incident, shared over
            objectives and steps.

    Raises:
        ValueError: if a number is outside its range, or a name is there twice.
    """

    block_seconds: int
    objectives: tuple[ObjectivePlan, ...]
    watched: tuple[str, ...]
    comparison: Comparison | None
    max_false_rollbacks_per_year: float
    max_false_rejection_probability: float

    def __post_init__(self) -> None:
        """Check what can be checked here, so that no later step fails on a plan."""
        names = [objective.name for objective in self.objectives]
        if len(set(names)) < len(names):
            msg = f"each objective needs a name of its own, got {', '.join(names)}"
            raise ValueError(msg)
        if len(set(self.watched)) < len(self.watched):
            msg = f"each revision is watched once, got {', '.join(self.watched)}"
            raise ValueError(msg)
        if self.comparison and self.comparison.candidate == self.comparison.stable:
            msg = f"revision {self.comparison.stable} cannot be compared with itself; name another candidate"
            raise ValueError(msg)
        for objective in self.objectives:
            self.target_policy(objective)
            self.versus_policy(objective)
            self.not_worse_policy(objective)

    @property
    def arms(self) -> tuple[str, ...]:
        """Candidate and stable; nothing when none are compared."""
        return (self.comparison.candidate, self.comparison.stable) if self.comparison else ()

    @property
    def revisions(self) -> tuple[str, ...]:
        """Revisions that counts are wanted of: the watched ones, then those compared besides."""
        return self.watched + tuple(arm for arm in self.arms if arm not in self.watched)

    @property
    def compared(self) -> int:
        """Number of objectives that a candidate is compared by."""
        return sum(objective.max_ratio is not None for objective in self.objectives)

    @property
    def blocks_to_false_alarm(self) -> float:
        """Least average number of blocks to a false alarm of each detector in force."""
        detectors = max(len(self.objectives) * len(self.revisions), 1)
        if self.comparison and self.comparison.form is Form.PERMANENT:
            detectors += self.compared
        return sharing.blocks_to_false_alarm(self.max_false_rollbacks_per_year, self.block_seconds, detectors)

    def target_policy(self, objective: ObjectivePlan) -> TargetPolicy:
        """The test against the target for one objective and one revision."""
        return TargetPolicy(objective.allowed_bad, self.blocks_to_false_alarm)

    def versus_policy(self, objective: ObjectivePlan) -> VersusPolicy | None:
        """The test against stable; None if there is no comparison, or none by this objective."""
        if self.comparison is None or objective.max_ratio is None:
            return None
        if self.comparison.form is Form.PERMANENT:
            alpha = 1 / self.blocks_to_false_alarm
        else:
            alpha = sharing.step_alpha(
                self.max_false_rejection_probability, self.compared, self.comparison.parts
            )
        return VersusPolicy(objective.max_ratio, alpha, self.comparison.form, max_margin=objective.max_margin)

    def not_worse_policy(self, objective: ObjectivePlan) -> NotWorsePolicy | None:
        """The test that ends a step early; None if there is no comparison, or none by this objective."""
        if self.comparison is None or objective.not_worse_ratio is None:
            return None
        return NotWorsePolicy(objective.not_worse_ratio, sharing.NOT_WORSE_ALPHA, objective.not_worse_margin)
