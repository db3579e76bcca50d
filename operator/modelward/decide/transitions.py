"""The transition table of a deployment, as data.

A deployment is in one `Phase`. At each reconcile the rows are tried in order; the first whose phases
include the current one and whose guard finds something fires, and no other. The order is the priority:

1. traffic that is on its way is brought to its end before anything else is looked at, unless a person
   says no to where it goes;
2. then what a person asked for;
3. then what protects users: the candidate, then the serving revision;
4. then what spec wants now;
5. then the rollout's own progress.

Safety rows need data: with Prometheus away they find nothing, and rows that move a rollout forward find
nothing either, so that no data is never good news and never bad news. `docs/rollout.md` is generated
from this table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from modelward.api.status import Phase
from modelward.decide import (
    candidate,
    commands,
    gating,
    guards,
    handover,
    holdback,
    incident,
    judgement,
    probe,
    steps,
    veto,
    withdrawal,
)
from modelward.decide.change import Change
from modelward.decide.findings import Finding
from modelward.decide.situation import Situation


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: in these phases, when the guard finds something, this change follows."""

    name: str
    guard: Callable[[Situation], Finding | None]
    change: Callable[[Situation, Finding], Change]
    phases: Mapping[Phase, tuple[Phase, ...]]
    """The phases in which the row is tried, each with the phases it may lead to."""
    needs_split: bool | None = None
    """True: only while stable and candidate share the traffic. False: only while they do not."""


(
    _INITIALIZING,
    _SERVING,
    _STARTING,
    _GATING,
    _STEPPING,
    _PROMOTING,
    _ROLLING_BACK,
    _HELD,
    _PROBING,
    _RESTORING,
) = Phase


def _from(*phases: Phase, to: Phase) -> Mapping[Phase, tuple[Phase, ...]]:
    return dict.fromkeys(phases, (to,))


def _staying_in(*phases: Phase) -> Mapping[Phase, tuple[Phase, ...]]:
    return {phase: (phase,) for phase in phases}


_BACK_TO_REST: Final = {
    _INITIALIZING: (_INITIALIZING,),
    _STARTING: (_SERVING,),
    _GATING: (_SERVING, _INITIALIZING),
    _HELD: (_SERVING, _INITIALIZING),
}

TABLE: Final[tuple[Transition, ...]] = (
    Transition("SwitchTraffic", withdrawal.target_can_serve, withdrawal.switch, _staying_in(_ROLLING_BACK)),
    Transition(
        "GiveUpTarget",
        withdrawal.target_cannot_serve,
        withdrawal.give_up_target,
        _from(_ROLLING_BACK, to=_SERVING),
    ),
    Transition(
        "TurnBackVetoed",
        veto.target_is_vetoed,
        veto.roll_back_vetoed,
        _from(_PROMOTING, _ROLLING_BACK, _RESTORING, to=_ROLLING_BACK),
    ),
    Transition(
        "FinishWithdrawal",
        withdrawal.withdrawal_is_over,
        withdrawal.finish_withdrawal,
        _from(_PROMOTING, _ROLLING_BACK, _RESTORING, to=_SERVING),
    ),
    Transition(
        "ReadCounter",
        withdrawal.counter_was_read,
        withdrawal.read_counter,
        _staying_in(_PROMOTING, _ROLLING_BACK, _RESTORING),
    ),
    Transition(
        "Abort",
        commands.abort_asked,
        commands.abort,
        {
            **_staying_in(_INITIALIZING, _SERVING, _PROBING),
            _STARTING: (_SERVING,),
            _GATING: (_SERVING, _INITIALIZING),
            _STEPPING: (_ROLLING_BACK,),
            _PROMOTING: (_ROLLING_BACK, _PROMOTING),
            _HELD: (_ROLLING_BACK, _SERVING, _INITIALIZING),
        },
    ),
    Transition(
        "Retry",
        commands.retry_asked,
        commands.retry,
        {
            **_staying_in(_INITIALIZING, _SERVING, _STARTING, _GATING, _STEPPING, _PROBING),
            _HELD: (_HELD, _STEPPING, _STARTING, _INITIALIZING),
        },
    ),
    Transition(
        "Undo",
        commands.undo_asked,
        commands.undo,
        {
            **_staying_in(_INITIALIZING, _STEPPING),
            _SERVING: (_SERVING, _ROLLING_BACK),
            _STARTING: (_STARTING, _ROLLING_BACK),
            _GATING: (_GATING, _ROLLING_BACK),
            _HELD: (_HELD, _ROLLING_BACK),
            _PROBING: (_PROBING, _ROLLING_BACK),
        },
    ),
    Transition(
        "RejectVetoed",
        veto.candidate_is_vetoed,
        handover.reject,
        _from(_STEPPING, _HELD, _PROMOTING, to=_ROLLING_BACK),
        needs_split=True,
    ),
    Transition(
        "RejectVetoedBeforeTraffic",
        veto.candidate_is_vetoed,
        candidate.reject_before_traffic,
        _BACK_TO_REST,
        needs_split=False,
    ),
    Transition(
        "MakeWayForVeto",
        veto.stable_is_vetoed,
        handover.make_way,
        _from(_STEPPING, _HELD, _PROMOTING, to=_ROLLING_BACK),
        needs_split=True,
    ),
    Transition(
        "RollBackVetoed",
        veto.stable_is_vetoed,
        veto.roll_back_vetoed,
        _from(_SERVING, _STARTING, _GATING, _HELD, _PROBING, to=_ROLLING_BACK),
        needs_split=False,
    ),
    Transition(
        "BearVeto",
        veto.veto_cannot_be_followed,
        veto.bear_veto,
        _staying_in(_SERVING, _STARTING, _GATING, _STEPPING, _HELD, _PROBING),
    ),
    Transition(
        "RememberVeto",
        veto.veto_is_new,
        veto.remember_veto,
        _staying_in(_INITIALIZING, _SERVING, _STARTING, _GATING, _STEPPING, _HELD, _PROBING),
    ),
    Transition(
        "RejectCandidate",
        judgement.candidate_must_go,
        handover.reject,
        _from(_STEPPING, _HELD, _PROMOTING, to=_ROLLING_BACK),
        needs_split=True,
    ),
    Transition(
        "RejectUnstartable",
        guards.candidate_cannot_start,
        candidate.reject_before_traffic,
        _BACK_TO_REST,
        needs_split=False,
    ),
    Transition(
        "RejectUnready",
        guards.candidate_cannot_start,
        handover.reject,
        _from(_STEPPING, _HELD, _PROMOTING, to=_ROLLING_BACK),
        needs_split=True,
    ),
    Transition(
        "RollBack",
        judgement.stable_must_go,
        handover.roll_back,
        _from(_SERVING, _STARTING, _GATING, _HELD, _PROBING, to=_ROLLING_BACK),
        needs_split=False,
    ),
    Transition(
        "KeepControl",
        probe.control_is_alone,
        handover.roll_back_to_control,
        _from(_PROBING, to=_ROLLING_BACK),
    ),
    Transition("EndProbe", probe.probe_is_over, probe.end_probe, {_PROBING: (_SERVING, _RESTORING)}),
    Transition(
        "Probe",
        incident.stable_is_suspect,
        probe.begin_probe,
        {**_from(_SERVING, _STARTING, _GATING, _HELD, to=_PROBING)},
        needs_split=False,
    ),
    Transition(
        "GiveUpControl", probe.control_cannot_start, probe.give_up_control, _from(_PROBING, to=_SERVING)
    ),
    Transition("ShareTraffic", probe.control_is_ready, probe.share, _staying_in(_PROBING)),
    Transition(
        "BearBreach",
        incident.breach_is_borne,
        incident.bear,
        _staying_in(_SERVING, _STARTING, _GATING, _HELD),
        needs_split=False,
    ),
    Transition(
        "Recover",
        incident.incident_is_over,
        incident.recover,
        _staying_in(_SERVING, _STARTING, _GATING, _STEPPING, _PROMOTING, _HELD),
    ),
    Transition(
        "ReplaceBeforeTraffic",
        guards.wanted_changed,
        candidate.drop_candidate,
        _BACK_TO_REST,
        needs_split=False,
    ),
    Transition(
        "ReplaceCandidate",
        guards.wanted_changed,
        handover.withdraw_replaced,
        _from(_STEPPING, _HELD, _PROMOTING, to=_ROLLING_BACK),
        needs_split=True,
    ),
    Transition(
        "EndHoldback", holdback.holdback_is_over, holdback.end_holdback, _from(_SERVING, to=_RESTORING)
    ),
    Transition(
        "Begin",
        guards.wanted_is_new,
        candidate.begin,
        {_INITIALIZING: (_INITIALIZING,), _SERVING: (_STARTING,)},
    ),
    Transition(
        "ReadGates",
        gating.gates_have_news,
        gating.read_gates,
        _staying_in(_INITIALIZING, _STARTING, _GATING, _STEPPING, _PROMOTING, _HELD),
    ),
    Transition(
        "RejectGated", gating.gates_reject, candidate.reject_before_traffic, {_GATING: _BACK_TO_REST[_GATING]}
    ),
    Transition("HoldGated", gating.gates_hold, steps.hold, _from(_GATING, to=_HELD)),
    Transition("HoldUnapproved", gating.approval_is_late, steps.hold, _from(_GATING, to=_HELD)),
    Transition(
        "HoldRevoked",
        gating.approval_is_revoked,
        steps.hold,
        _from(_STEPPING, _PROMOTING, to=_HELD),
        needs_split=True,
    ),
    Transition(
        "ResumeApproved",
        gating.approval_came,
        steps.resume,
        {_HELD: (_STARTING, _STEPPING, _INITIALIZING)},
    ),
    Transition(
        "PassGates", gating.gates_are_passed, gating.pass_gates, {_GATING: (_STARTING, _INITIALIZING)}
    ),
    Transition(
        "HoldOnBreach",
        judgement.rollout_must_wait,
        steps.hold,
        _from(_STEPPING, _PROMOTING, to=_HELD),
        needs_split=True,
    ),
    Transition("Resume", judgement.hold_is_over, steps.resume, _from(_HELD, to=_STEPPING), needs_split=True),
    Transition(
        "ExplainHold",
        judgement.cause_of_hold_is_known,
        steps.explain_hold,
        _staying_in(_HELD),
        needs_split=True,
    ),
    Transition(
        "HoldAtDeadline",
        guards.deadline_is_over,
        steps.hold,
        _from(*steps.DEADLINE_RUNS, to=_HELD),
    ),
    Transition(
        "BeginGates",
        gating.gates_can_begin,
        gating.begin_gates,
        _from(_INITIALIZING, _STARTING, to=_GATING),
    ),
    Transition(
        "ServeFirst",
        guards.candidate_is_ready_to_serve,
        candidate.serve_first,
        _from(_INITIALIZING, to=_SERVING),
    ),
    Transition(
        "RetireStandby", guards.standby_is_in_the_way, handover.retire_standby, _staying_in(_STARTING)
    ),
    Transition("BeginSteps", guards.steps_can_begin, steps.next_step, _from(_STARTING, to=_STEPPING)),
    Transition("PassStep", guards.step_is_passed, steps.pass_step, {_STEPPING: (_STEPPING, _PROMOTING)}),
    Transition(
        "EndStep",
        guards.step_is_over,
        steps.end_inconclusive,
        {_STEPPING: (_STEPPING, _PROMOTING, _HELD, _ROLLING_BACK)},
    ),
    Transition(
        "Promote",
        guards.promotion_is_ready,
        handover.promote,
        {_PROMOTING: (_PROMOTING, _SERVING)},
        needs_split=True,
    ),
    Transition(
        "ExpireStandby",
        guards.standby_is_expired,
        handover.retire_standby,
        _staying_in(_SERVING, _STARTING, _GATING, _HELD),
    ),
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
