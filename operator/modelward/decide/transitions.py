"""The transition table of a deployment, as data.

A deployment is in one `Phase`. At each reconcile the rows are tried in order; the first whose phases
include the current one and whose guard finds something fires, and no other. The order is the priority:

1. traffic that is on its way is brought to its end before anything else is looked at;
2. then what a person asked for;
3. then what protects users: the candidate, then the serving revision;
4. then what spec wants now;
5. then the rollout's own progress.

Safety rows need data: with Prometheus away they find nothing, and rows that move a rollout forward find
nothing either, so that no data is never good news and never bad news. `docs/rollout.md` is generated
from this table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from modelward.api.status import Phase
from modelward.decide import commands, guards, moves
from modelward.decide.findings import Finding
from modelward.decide.moves import Change
from modelward.decide.situation import Situation


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: in these phases, when the guard finds something, this change follows."""

    name: str
    phases: tuple[Phase, ...]
    guard: Callable[[Situation], Finding | None]
    change: Callable[[Situation, Finding], Change]
    leads_to: tuple[Phase, ...]
    """For the reader and the diagram; a test holds it against what the change does."""
    needs_split: bool | None = None
    """True: only while stable and candidate share the traffic. False: only while they do not."""


_INITIALIZING, _SERVING, _STARTING, _STEPPING, _PROMOTING, _ROLLING_BACK, _HELD = Phase
_MOVING: Final = (_PROMOTING, _ROLLING_BACK)
_STEADY: Final = (_INITIALIZING, _SERVING, _STARTING, _STEPPING, _HELD)
_WITH_TRAFFIC: Final = (_STEPPING, _HELD, _PROMOTING)
_RESTING: Final = (_INITIALIZING, _SERVING)

TABLE: Final[tuple[Transition, ...]] = (
    Transition("SwitchTraffic", (_ROLLING_BACK,), guards.target_can_serve, moves.switch, (_ROLLING_BACK,)),
    Transition("FinishWithdrawal", _MOVING, guards.withdrawal_is_over, moves.finish_withdrawal, (_SERVING,)),
    Transition("ReadCounter", _MOVING, guards.counter_was_read, moves.read_counter, _MOVING),
    Transition("Abort", _STEADY, commands.abort_asked, commands.abort, (*_RESTING, _STEPPING, _HELD, _ROLLING_BACK)),
    Transition("Retry", _STEADY, commands.retry_asked, commands.retry, (*_STEADY,)),
    Transition("Undo", _STEADY, commands.undo_asked, commands.undo, (*_STEADY, _ROLLING_BACK)),
    Transition("RejectCandidate", _WITH_TRAFFIC, guards.candidate_must_go, moves.reject, (_ROLLING_BACK,), True),
    Transition(
        "RejectUnstartable",
        (_INITIALIZING, _STARTING, _HELD),
        guards.candidate_cannot_start,
        moves.reject_before_traffic,
        _RESTING,
        False,
    ),
    Transition(
        "RejectUnready", (_STEPPING, _PROMOTING, _HELD), guards.candidate_cannot_start, moves.reject, (_ROLLING_BACK,), True
    ),
    Transition("RollBack", (_SERVING, _STARTING, _HELD), guards.stable_must_go, moves.roll_back, (_ROLLING_BACK,), False),
    Transition(
        "ReplaceBeforeTraffic",
        (_INITIALIZING, _STARTING, _HELD),
        guards.wanted_changed,
        moves.drop_candidate,
        _RESTING,
        False,
    ),
    Transition(
        "ReplaceCandidate", _WITH_TRAFFIC, guards.wanted_changed, moves.withdraw_replaced, (_ROLLING_BACK,), True
    ),
    Transition("Begin", _RESTING, guards.wanted_is_new, moves.begin, (_INITIALIZING, _STARTING)),
    Transition("HoldOnBreach", (_STEPPING, _PROMOTING), guards.rollout_must_wait, moves.hold, (_HELD,), True),
    Transition("Resume", (_HELD,), guards.hold_is_over, moves.resume, (_STARTING, _STEPPING)),
    Transition("HoldAtDeadline", (_STARTING, _STEPPING, _PROMOTING), guards.deadline_is_over, moves.hold, (_HELD,)),
    Transition("ServeFirst", (_INITIALIZING,), guards.candidate_is_ready_to_serve, moves.serve_first, (_SERVING,)),
    Transition("RetireStandby", (_STARTING,), guards.standby_is_in_the_way, moves.retire_standby, (_STARTING,)),
    Transition("BeginSteps", (_STARTING,), guards.steps_can_begin, moves.next_step, (_STEPPING,)),
    Transition("PassStep", (_STEPPING,), guards.step_is_passed, moves.next_step, (_STEPPING, _PROMOTING)),
    Transition(
        "EndStep",
        (_STEPPING,),
        guards.step_is_over,
        moves.end_inconclusive,
        (_STEPPING, _PROMOTING, _HELD, _ROLLING_BACK),
    ),
    Transition("Promote", (_PROMOTING,), guards.promotion_is_ready, moves.promote, (_PROMOTING,), True),
    Transition("ExpireStandby", (_SERVING,), guards.standby_is_expired, moves.retire_standby, (_SERVING,)),
)
"""The rows in order of priority. What is not here does not happen."""


def first_that_fires(situation: Situation) -> tuple[Transition, Finding] | None:
    """Return the first row whose guard finds something, with what it found."""
    for row in TABLE:
        if situation.status.phase not in row.phases:
            continue
        if row.needs_split is not None and row.needs_split is not situation.is_split:
            continue
        if finding := row.guard(situation):
            return row, finding
    return None
