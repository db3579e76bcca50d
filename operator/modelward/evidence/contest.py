"""A candidate compared with stable by one objective, for as long as one step lasts."""

from dataclasses import dataclass, field

from modelward.evidence import not_worse, versus
from modelward.evidence.baseline import Baseline
from modelward.evidence.counts import Block
from modelward.evidence.not_worse import NotWorsePolicy, NotWorseState
from modelward.evidence.plan import Comparison, ObjectivePlan, Plan
from modelward.evidence.verdict import Verdict
from modelward.evidence.versus import VersusPolicy, VersusState


@dataclass(frozen=True, slots=True)
class Rules:
    """The tests of a contest; None where the objective asks for none."""

    versus: VersusPolicy | None
    not_worse: NotWorsePolicy | None


@dataclass(frozen=True, slots=True)
class Contest:
    """State of one contest.

    Args:
        terms: what is compared and how, as text; another text is another contest (see `terms`).
        versus, not_worse: where the two tests stand.
        candidate_good, candidate_bad, stable_good, stable_bad: events since the contest began.
    """

    terms: str
    versus: VersusState = field(default_factory=versus.start)
    not_worse: NotWorseState = field(default_factory=not_worse.start)
    candidate_good: float = 0.0
    candidate_bad: float = 0.0
    stable_good: float = 0.0
    stable_bad: float = 0.0

    def advance(self, rules: Rules, baseline: Baseline, candidate: Block, stable: Block) -> "Contest":
        """With one more block of both arms; `baseline` is stable's from before it."""
        if candidate is None or stable is None:
            return self
        state, early = self.versus, self.not_worse
        if rules.versus:
            state = versus.advance(rules.versus, state, baseline, candidate, stable)
        if rules.not_worse:
            early = not_worse.advance(rules.not_worse, early, baseline, candidate, stable)
        return Contest(
            self.terms,
            state,
            early,
            self.candidate_good + candidate.good,
            self.candidate_bad + candidate.bad,
            self.stable_good + stable.good,
            self.stable_bad + stable.bad,
        )

    def verdict(self, worse: VersusPolicy, early: NotWorsePolicy | None) -> Verdict:
        """Breached: the candidate is worse. Healthy: it is shown not to be."""
        if self.candidate_good + self.candidate_bad == 0:
            return Verdict.UNKNOWN
        if versus.breached(worse, self.versus):
            return Verdict.BREACHED
        if early and not_worse.shown(early, self.not_worse):
            return Verdict.HEALTHY
        return Verdict.INCONCLUSIVE


def rules(plan: Plan, objective: ObjectivePlan) -> Rules:
    """The tests of an objective's contest under a plan."""
    return Rules(plan.versus_policy(objective), plan.not_worse_policy(objective))


def terms(comparison: Comparison, objective: ObjectivePlan) -> str:
    """What makes a contest this one: its arms, step, form, ratios, margins and event definition."""
    parts = (
        comparison.candidate,
        comparison.stable,
        comparison.step,
        comparison.form.value,
        objective.max_ratio,
        objective.not_worse_ratio,
        objective.max_margin,
        objective.not_worse_margin,
        objective.config,
    )
    return "/".join(map(str, parts))
