"""What one gate of the candidate has answered: its Job or a person, and what no answer means.

A gate's result is what its Job or a person has said, and nothing else: a Job that has said nothing is
waited for, and at last an Error. Approvals are counted anew each time until the revision is promoted, so
that a yes that is taken back counts no more.
"""

from datetime import timedelta
from typing import Any, Final

from modelward.api.gates import OnFailure
from modelward.api.gateverdict import ErrorReason, Result
from modelward.api.recordedgates import GateInForce
from modelward.api.status import MOST_GATE_MESSAGE, GateResultName, GateStatus
from modelward.decide.approvals import approvals_of, said_by
from modelward.decide.clock import elapsed, stamp
from modelward.decide.observation import GateObservation
from modelward.decide.situation import Situation

ATTEMPTS: Final = 2
"""Jobs of a gate whose first was ended by something that may not come again."""
ANSWER_WAIT: Final = timedelta(minutes=5)
"""How long after its time limit a gate's Job is waited for; the Job itself has the limit as a deadline."""
BAD: Final = frozenset({GateResultName.FAILED, GateResultName.ERROR})
"""Results that are no pass."""
_MAY_NOT_COME_AGAIN: Final = frozenset({ErrorReason.CRASHED, ErrorReason.EVICTED})
_GRAVEST_FIRST: Final = (Result.ERROR, Result.NOT_RUN, Result.FAILED, None, Result.PASSED)


def new(each: GateInForce) -> GateStatus:
    """Return a gate that has said nothing yet."""
    return GateStatus(
        name=each.gate.name,
        kind=each.gate.kind.value,
        configuration=each.configuration,
        result=GateResultName.PENDING,
    )


def asked_again(gate: GateStatus, attempt: int) -> GateStatus:
    """Return a gate whose answer is forgotten, to be asked for by its Job of this number."""
    return GateStatus(
        name=gate.name,
        kind=gate.kind,
        configuration=gate.configuration,
        result=GateResultName.PENDING,
        attempt=attempt,
    )


def measured(situation: Situation, each: GateInForce, gate: GateStatus) -> GateStatus:
    """Return a gate that a program answers with what its Job, or a pass that was kept, says."""
    seen = _seen(situation, each, gate)
    if gate.result not in {GateResultName.PENDING, GateResultName.RUNNING}:
        is_kept_late = seen is not None and not gate.report
        return gate.model_copy(update={"report": seen.report}) if seen and is_kept_late else gate
    if seen is None or seen.result is None:
        message = seen.message[:MOST_GATE_MESSAGE] if seen else gate.message
        limit = each.gate.time_limit + ANSWER_WAIT
        if gate.result is GateResultName.RUNNING and elapsed(gate.started_at, situation.now) > limit:
            told = message if seen else "nothing is seen of its Job"
            why = f"no answer {limit} after it was asked for" + (f": {told}" if told else "")
            return _ended(
                situation,
                each,
                gate,
                GateObservation(
                    situation.status.candidate_revision,
                    gate.name,
                    gate.configuration,
                    result=Result.ERROR,
                    # A Job has its own deadline; one of which nothing is seen was taken away.
                    reason=ErrorReason.TIMEOUT if seen else ErrorReason.EVICTED,
                    message=why,
                ),
            )
        return gate.model_copy(update={"message": message})
    return _ended(situation, each, gate, seen)


def counted(situation: Situation, each: GateInForce, gate: GateStatus) -> GateStatus:
    """Return an approval with those who have approved now."""
    approval = each.gate.approval
    assert approval is not None  # noqa: S101 - the gate is of this kind
    given = approvals_of(situation.observation, situation.status.candidate_revision)
    is_passed, was_passed = len(given) >= approval.required, gate.result is GateResultName.PASSED
    said = said_by(given) if is_passed else f"{len(given)} of {approval.required} have approved"
    update: dict[str, Any] = {"message": _cut(said), "approvals": len(given)}
    if is_passed and not was_passed:
        update |= {"result": GateResultName.PASSED, "finished_at": stamp(situation.now)}
    if not is_passed and gate.result is not GateResultName.AWAITING:
        update |= {
            "result": GateResultName.AWAITING,
            "started_at": stamp(situation.now),
            "finished_at": None,
        }
    return gate.model_copy(update=update)


def _seen(situation: Situation, each: GateInForce, gate: GateStatus) -> GateObservation | None:
    """Return what speaks for a gate: its own Job, or a pass that was kept; the gravest of several.

    A pass beside another stable revision than today's says nothing of limits that compare with stable.
    """
    status = situation.status
    run = status.rollout.gates_run if status.rollout else None

    def speaks(seen: GateObservation) -> bool:
        is_beside_stable = seen.stable == status.stable_revision
        if not seen.run:
            return seen.result is Result.PASSED and (is_beside_stable or not each.gate.compares_with_stable)
        is_its_own = is_beside_stable and (seen.run, seen.attempt) == (run, gate.attempt)
        return gate.result is not GateResultName.PENDING and is_its_own

    return min(
        (
            seen
            for seen in situation.observation.gates
            if (seen.revision, seen.name, seen.configuration)
            == (status.candidate_revision, gate.name, gate.configuration)
            and speaks(seen)
        ),
        key=lambda seen: (_GRAVEST_FIRST.index(seen.result), seen.run, seen.message, seen.report),
        default=None,
    )


def _ended(situation: Situation, each: GateInForce, gate: GateStatus, seen: GateObservation) -> GateStatus:
    """Return a gate with its answer; one that something ended that may not come again is asked once more."""
    if seen.reason in _MAY_NOT_COME_AGAIN and seen.result is Result.ERROR and gate.attempt + 1 < ATTEMPTS:
        again = asked_again(gate, gate.attempt + 1)
        return again.model_copy(update={"message": _cut(f"{seen.reason}: {seen.message}")})
    if seen.result is Result.PASSED:
        result, reason = GateResultName.PASSED, ""
    elif seen.result is Result.FAILED:
        result, reason = GateResultName.FAILED, ""
    else:
        result, reason = GateResultName.ERROR, (seen.reason or ErrorReason.NONSENSE).value
    if result in BAD and each.gate.failure_policy is OnFailure.WARN:
        result, reason = GateResultName.WARNED, reason or GateResultName.FAILED.value
    return gate.model_copy(
        update={
            "result": result,
            "reason": reason,
            "message": _cut(seen.message),
            "finished_at": stamp(seen.finished_at or situation.now),
            "report": seen.report,
        }
    )


def _cut(message: str) -> str:
    return message[:MOST_GATE_MESSAGE]
