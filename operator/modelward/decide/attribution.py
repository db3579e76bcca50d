"""Why a revision is bad, and so whether going back would help: a table as data.

Going back helps only if the other revision would do better now. The rows are tried in order against the
signs; the first that holds gives the cause and what follows. What is shown in the same blocks of two
revisions comes first, since it is true whatever else is slow or has drifted; what merely coincides comes
last, and moves no traffic. docs/rollout.md is generated from this table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from modelward.api.spec import OnUnknownCause
from modelward.api.status import Cause
from modelward.decide.observation import DriftSignal, PodPressure
from modelward.evidence.assessment import Assessment


class Action(StrEnum):
    """What follows a cause."""

    GO_BACK = "go back"
    """The suspect loses its traffic and is rejected."""
    STAY = "stay"
    """Traffic stays where it is; a rollout waits, and a person is told."""
    PROBE_OR_STAY = "probe if onUnknownCause is Probe, else stay"
    """A coincidence: the suspect is compared with a good revision before it is believed."""
    PROBE_LATER_OR_STAY = "stay for two minutes; then probe if onUnknownCause is Probe"
    """What will be shown soon if it is so: traffic need not move for that."""
    POLICY = "as onUnknownCause says"
    """Nothing is known of the cause: spec.rollback.onUnknownCause."""
    PROBE = "probe"
    """A good revision gets a share of the suspect's traffic, to compare them."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks against one revision, and what might be at fault instead.

    Args:
        suspect: the revision.
        other: the revision it shares the traffic with; empty if it has all.
        breached: breaches of the suspect's targets.
        worse: objectives by which it is shown to be worse than the other in the same blocks.
        alone: those of `breached` that the other, judged in the same blocks, is good by.
        infrastructure: breached objectives of infrastructure, of whichever revision has traffic.
        pressed: what the pods of both lack, or of a suspect that was compared, where that can spoil all that
            speaks against it.
        drifted: drift detectors above their thresholds.
        slow_for_both: objectives by which also the other's events are bad that came while storage was slow.
    """

    suspect: str
    other: str = ""
    breached: tuple[Assessment, ...] = ()
    worse: tuple[Assessment, ...] = ()
    alone: tuple[Assessment, ...] = ()
    infrastructure: tuple[Assessment, ...] = ()
    pressed: tuple[PodPressure, ...] = ()
    drifted: tuple[DriftSignal, ...] = ()
    slow_for_both: frozenset[str] = frozenset()

    @property
    def against(self) -> tuple[Assessment, ...]:
        """Everything that speaks against the suspect, each objective once."""
        return tuple({a.objective: a for a in (*self.worse, *self.breached)}.values())

    @property
    def unexplained_worse(self) -> tuple[Assessment, ...]:
        """Return where it is worse, but for what slow storage explains."""
        return tuple(a for a in self.worse if not self._is_excused(a))

    @property
    def unexplained_alone(self) -> tuple[Assessment, ...]:
        """Return where it alone is breached, but for what slow storage explains."""
        return tuple(a for a in self.alone if not self._is_excused(a))

    @property
    def is_explained(self) -> bool:
        """Return whether slow storage explains all that speaks against it."""
        return bool(self.against) and all(a.storage_explains for a in self.against)

    def _is_excused(self, found: Assessment) -> bool:
        """Return whether storage is at fault rather than how the suspect reads it: the other suffers too.

        Which events are slow may be the suspect's own report. Without events of the other nothing is shown.
        """
        return found.storage_explains and (found.objective in self.slow_for_both or not found.stable_total)


@dataclass(frozen=True, slots=True)
class Attribution:
    """One row: what it asks of the signs, the cause, and what follows in a rollout and after it."""

    name: str
    question: str
    holds: Callable[[Signs], bool]
    cause: Cause
    in_rollout: Action
    after_promotion: Action


FAST_EVENTS: Final = 20
"""While storage was fast; with fewer nothing can be seen coming."""
FAST_SHARE: Final = 1 / 4
"""Of the bad fraction while storage was slow: the fast events are far better below it."""


def _leans_to_storage(found: Assessment) -> bool:
    """Return whether slow storage is about to be shown to explain a breach, as far as counts tell."""
    fast_bad, slow_bad = found.fast_total - found.fast_good, found.slow_total - found.slow_good
    if found.fast_total < FAST_EVENTS or slow_bad <= fast_bad:
        return False
    return fast_bad / found.fast_total <= FAST_SHARE * slow_bad / found.slow_total


TABLE: Final = (
    Attribution(
        "WorseThanOther",
        "Is it shown to be worse than the other in the same blocks, but for storage that is slow for both?",
        lambda signs: bool(signs.unexplained_worse),
        Cause.MODEL,
        in_rollout=Action.GO_BACK,
        after_promotion=Action.GO_BACK,
    ),
    Attribution(
        "BreachedAlone",
        "Is it breached while the other is not, as far as is known, also with the storage it shares?",
        lambda signs: bool(signs.unexplained_alone),
        Cause.MODEL,
        in_rollout=Action.GO_BACK,
        after_promotion=Action.GO_BACK,
    ),
    Attribution(
        "SlowStorageForBoth",
        "Are only the events bad that came while storage was slow, of both, for every breached objective?",
        lambda signs: signs.is_explained and all(a.objective in signs.slow_for_both for a in signs.against),
        Cause.INFRASTRUCTURE,
        in_rollout=Action.STAY,
        after_promotion=Action.STAY,
    ),
    Attribution(
        "SlowStorageExplains",
        "Are only the events bad that came while storage was slow, for every breached objective?",
        lambda signs: signs.is_explained,
        Cause.INFRASTRUCTURE,
        in_rollout=Action.STAY,
        after_promotion=Action.PROBE_OR_STAY,
    ),
    Attribution(
        "SlowStorageMayExplain",
        "Did most bad events come while storage was slow, and far fewer while it was fast, if not shown yet?",
        lambda signs: all(a.storage_explains or _leans_to_storage(a) for a in signs.against),
        Cause.INFRASTRUCTURE,
        in_rollout=Action.STAY,
        after_promotion=Action.PROBE_LATER_OR_STAY,
    ),
    Attribution(
        "InfrastructureBreached",
        "Is an objective of infrastructure breached at the same time?",
        lambda signs: bool(signs.infrastructure),
        Cause.INFRASTRUCTURE,
        in_rollout=Action.STAY,
        after_promotion=Action.PROBE_OR_STAY,
    ),
    Attribution(
        "PodsLackResources",
        "Do pods of both, or of one seen to be no worse, lack processor or memory or restart, and are only "
        "latency or availability breached?",
        lambda signs: bool(signs.pressed),
        Cause.INFRASTRUCTURE,
        in_rollout=Action.STAY,
        after_promotion=Action.PROBE_OR_STAY,
    ),
    Attribution(
        "InputsDrifted",
        "Have the inputs drifted, by at least one detector?",
        lambda signs: bool(signs.drifted),
        Cause.DRIFT,
        in_rollout=Action.STAY,
        after_promotion=Action.PROBE_OR_STAY,
    ),
    Attribution(
        "NothingKnown",
        "Is it breached at all?",
        lambda _signs: True,
        Cause.UNKNOWN,
        in_rollout=Action.STAY,
        after_promotion=Action.POLICY,
    ),
)
"""The rows in order."""


def attribute(signs: Signs) -> Attribution | None:
    """Return the first row that holds; None where nothing speaks against the suspect."""
    if not signs.against:
        return None
    return next(row for row in TABLE if row.holds(signs))


def after_promotion(row: Attribution, policy: OnUnknownCause) -> Action:
    """Return what follows for the revision that serves: GO_BACK, STAY or PROBE."""
    if row.after_promotion is Action.POLICY:
        return {
            OnUnknownCause.PROBE: Action.PROBE,
            OnUnknownCause.ROLLBACK: Action.GO_BACK,
            OnUnknownCause.ALERT: Action.STAY,
        }[policy]
    if row.after_promotion in {Action.PROBE_OR_STAY, Action.PROBE_LATER_OR_STAY}:
        return Action.PROBE if policy is OnUnknownCause.PROBE else Action.STAY
    return row.after_promotion
