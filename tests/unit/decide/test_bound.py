"""A status stays small, whatever is said in it."""

from collections.abc import Sequence
from typing import Any

import pytest

from modelward.api.reasons import ConditionType
from modelward.api.status import (
    MOST_EVIDENCE,
    MOST_GATE_MESSAGE,
    MOST_GATES,
    Cause,
    Condition,
    ControlPurpose,
    ControlStatus,
    DecisionRecord,
    EvidenceRecord,
    GateResultName,
    GateStatus,
    HistoryEntry,
    IncidentStatus,
    ModelDeploymentStatus,
    ObjectiveStatus,
    Phase,
    RejectedRevision,
    RolloutStatus,
    TrafficShare,
    WithdrawalStatus,
)
from modelward.decide.bound import MAX_BYTES, bounded
from modelward.decide.commands import LONGEST_KEPT
from modelward.decide.observation import MetricsState, Problem, ProblemReason
from tests.unit.decide.world import World, spec_of

NAME = "m" * 40
REVISIONS = [f"{NAME}-{number:010d}" for number in range(10)]
WHY = "é" * 512


def size(status: ModelDeploymentStatus) -> int:
    """Return the size of a status in bytes, as it is written in JSON."""
    return len(status.model_dump_json(by_alias=True, exclude_none=True).encode())


def longest_status(why: str = WHY) -> ModelDeploymentStatus:
    """Build a status in which every list is full and every message as long as it may be."""
    time = "2026-01-01T00:00:00Z"
    return ModelDeploymentStatus(
        phase=Phase.SERVING,
        stable_revision=REVISIONS[0],
        objectives=tuple(
            ObjectiveStatus(
                name=f"{number:040d}", revision=revision, good=10**9, total=10**9, verdict="Inconclusive"
            )
            for number in range(10)
            for revision in REVISIONS[:2]
        ),
        history=tuple(
            HistoryEntry(
                time=time,
                revision=revision,
                action="RolledBack",
                reason="A" * 40 + "WorseThanStable",
                message=why,
            )
            for revision in REVISIONS
        ),
        rejected_revisions=tuple(
            RejectedRevision(
                revision=revision,
                cause=Cause.INFRASTRUCTURE,
                reason="A" * 40 + "WorseThanStable",
                message=why,
                time=time,
            )
            for revision in REVISIONS
        ),
        rollbacks=(time,) * 10,
        incident=IncidentStatus(
            revision=REVISIONS[0],
            cause=Cause.INFRASTRUCTURE,
            reason="RollbackBudgetExhausted",
            message=why,
            since=time,
        ),
        last_decision=DecisionRecord(
            time=time,
            rule="RollBack",
            revision=REVISIONS[0],
            action="RolledBack",
            reason="A" * 40 + "WorseThanStable",
            cause=Cause.INFRASTRUCTURE,
            message=why,
            evidence=tuple(
                EvidenceRecord(
                    objective=f"{number:040d}",
                    revision=REVISIONS[0],
                    bad="1.23456e+09 of 1.23456e+09",
                    against_target="16.1 of 15.2",
                    compared_with=REVISIONS[1],
                    against_other="16.1 of 15.2",
                    not_worse="16.1 of 15.2",
                    others_bad="1.23456e+09 of 1.23456e+09",
                    while_storage_fast="1.23456e+09 of 1.23456e+09",
                    while_storage_slow="1.23456e+09 of 1.23456e+09",
                )
                for number in range(MOST_EVIDENCE)
            ),
            drift=tuple(f"{number:040d} 0.123456 of 0.2" for number in range(10)),
        ),
    )


def test_the_longest_status_fits_and_its_newest_reasons_stay() -> None:
    """Old messages go before new ones; who was rejected is never forgotten."""
    status = bounded(longest_status())
    assert size(status) <= MAX_BYTES
    assert status.history[0].message == WHY
    assert status.rejected_revisions[0].message == WHY
    assert [entry.message for entry in status.history[1:]] == [""] * 9
    assert [entry.revision for entry in status.rejected_revisions] == REVISIONS
    assert status.last_decision is not None
    assert longest_status().last_decision is not None
    assert 0 < len(status.last_decision.evidence) < MOST_EVIDENCE
    assert status.last_decision.evidence[0].objective == f"{0:040d}"


@pytest.mark.parametrize("length", range(100, 512, 50))
def test_no_more_evidence_is_left_out_than_need_be(length: int) -> None:
    """One line more of it would be too much."""
    full, status = longest_status("é" * length), bounded(longest_status("é" * length))
    assert full.last_decision is not None
    assert status.last_decision is not None
    kept = len(status.last_decision.evidence)
    assert 0 < kept < MOST_EVIDENCE
    more = status.last_decision.model_copy(update={"evidence": full.last_decision.evidence[: kept + 1]})
    assert size(status.model_copy(update={"last_decision": more})) > MAX_BYTES


def fullest_status(character: str) -> ModelDeploymentStatus:
    """Build the longest status in a rollout, with every further part, all of whose messages are alike."""
    time = "2026-01-01T00:00:00Z"
    types = [each.value for each in ConditionType]
    return longest_status(character * 512).model_copy(
        update={
            "candidate_revision": REVISIONS[1],
            "standby_revision": REVISIONS[1],
            "standby_until": time,
            "promoted_at": time,
            "objectives_read_at": time,
            "selector": f"modelward.dev/deployment={NAME},modelward.dev/revision={REVISIONS[0]}",
            "traffic": tuple(TrafficShare(revision=each, weight=50) for each in REVISIONS[:2]),
            "rollout": RolloutStatus(
                started_at=time, step=1, step_started_at=time, held="InfrastructureSuspected", held_since=time
            ),
            "withdrawal": WithdrawalStatus(
                revision=REVISIONS[0], to=REVISIONS[1], started_at=time, reason="A" * 55, replicas=100
            ),
            "control": ControlStatus(
                revision=REVISIONS[1], purpose=ControlPurpose.PROBE, replicas=2, started_at=time
            ),
            "conditions": tuple(
                Condition(
                    type=name,
                    status="Unknown",
                    reason="RollbackBudgetExhausted",
                    message=character * (1024 // len(character.encode())),
                    last_transition_time=time,
                )
                for name in types
            ),
            "gates": tuple(
                GateStatus(
                    name=f"{number:040d}",
                    kind="interpretability",
                    configuration="0" * 12,
                    result=GateResultName.FAILED,
                    reason="ImagePullFailed",
                    message=character * MOST_GATE_MESSAGE,
                    attempt=1,
                    started_at=time,
                    finished_at=time,
                    report=f"s3://{'b' * 251}",
                )
                for number in range(MOST_GATES)
            ),
            "vetoed_revision": REVISIONS[0],
            "last_handled_retry": character * LONGEST_KEPT,
            "last_handled_abort": character * LONGEST_KEPT,
            "last_handled_undo": character * LONGEST_KEPT,
        }
    )


_UNTOLD = {"message": "", "report": "", "started_at": None, "finished_at": None}


def without_messages(entries: Sequence[Any]) -> list[Any]:
    """Return what is left of entries when their messages are cut."""
    return [each.model_copy(update={"message": ""}) for each in entries]


def test_a_promotion_and_a_gate_that_is_waited_for_stay_whole() -> None:
    """What may be gone back to, and since when a gate runs or a person is awaited, is needed to decide."""
    full = fullest_status("漢")
    waits = full.gates[0].model_copy(update={"result": GateResultName.AWAITING, "finished_at": None})
    oldest = full.history[-1].model_copy(update={"action": "Promoted"})
    full = full.model_copy(
        update={"gates": (waits, *full.gates[1:]), "history": (*full.history[:-1], oldest)}
    )
    status = bounded(full)
    assert size(status) <= MAX_BYTES
    assert status.gates[0].started_at == waits.started_at
    assert {gate.started_at for gate in status.gates[1:]} == {None}
    assert status.history[-1].revision == oldest.revision
    assert len(status.history) < len(full.history)


@pytest.mark.parametrize("character", ["a", '"', "é", "漢", "\\"])
def test_the_fullest_status_fits(character: str) -> None:
    """Whatever script the messages are in and however JSON writes it, what is needed to decide stays."""
    full = fullest_status(character)
    status = bounded(full)
    assert size(full) > MAX_BYTES
    assert size(status) <= MAX_BYTES
    assert bounded(status) == status
    shortened = {"history", "rejected_revisions", "last_decision", "incident", "conditions", "gates"}
    assert status.model_dump(exclude=shortened) == full.model_dump(exclude=shortened)
    gates = [each.model_copy(update=_UNTOLD) for each in full.gates]
    assert [each.model_copy(update=_UNTOLD) for each in status.gates] == gates
    for kept in ("rejected_revisions", "conditions"):
        assert without_messages(getattr(status, kept)) == without_messages(getattr(full, kept))
    newest, history = without_messages(full.history), without_messages(status.history)
    assert len(history) > 1
    assert history == newest[: len(history)]


def test_even_messages_that_json_writes_at_length_fit() -> None:
    """Of characters that take six bytes each hardly a message is left, but every reason is."""
    status = bounded(fullest_status("\x01"))
    assert size(status) <= MAX_BYTES
    assert [each.reason for each in status.conditions] == ["RollbackBudgetExhausted"] * len(ConditionType)
    assert {each.reason for each in status.history} == {"A" * 40 + "WorseThanStable"}


def test_a_status_that_fits_is_left_alone() -> None:
    """Nothing is shortened without need."""
    status = longest_status().model_copy(
        update={"history": longest_status().history[:2], "objectives": (), "last_decision": None}
    )
    small = status.model_copy(update={"rejected_revisions": status.rejected_revisions[:2]})
    assert bounded(small) == small


def test_a_status_of_just_the_most_bytes_fits() -> None:
    """One byte more, and it is shortened."""
    status = longest_status("").model_copy(update={"objectives": (), "selector": ""})
    left = MAX_BYTES - size(status)
    most = status.model_copy(update={"selector": "x" * left})
    assert size(most) == MAX_BYTES
    assert bounded(most) == most
    more = status.model_copy(update={"selector": "x" * (left + 1)})
    assert bounded(more) != more


def test_what_is_bounded_elsewhere_is_left_alone() -> None:
    """Where no message is left to shorten nothing else is touched."""
    status = ModelDeploymentStatus(selector="s" * MAX_BYTES)
    assert bounded(status) == status


def test_what_is_written_fits_with_the_longest_conditions() -> None:
    """Messages from elsewhere, in any script, do not make a status too large."""
    world = World(spec=spec_of(), status=longest_status(), wanted=REVISIONS[1])
    world.metrics = MetricsState.UNAVAILABLE
    world.render_problem = "漢" * 4096
    world.pods(REVISIONS[0], ready=0, pods=1, problem=Problem(ProblemReason.NOT_READY, "漢" * 4096))
    world.step()
    assert size(world.status) <= MAX_BYTES
    assert all(len(condition.message.encode()) <= 1024 for condition in world.status.conditions)
    assert world.settle() == []
