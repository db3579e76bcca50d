"""A status stays small, whatever is said in it."""

from modelward.api.status import (
    MOST_EVIDENCE,
    Cause,
    DecisionRecord,
    EvidenceRecord,
    HistoryEntry,
    IncidentStatus,
    ModelDeploymentStatus,
    ObjectiveStatus,
    Phase,
    RejectedRevision,
)
from modelward.decide.bound import MAX_BYTES, bounded
from modelward.decide.observation import MetricsState, Problem, ProblemReason
from tests.unit.decide.world import World, spec_of

NAME = "m" * 40
REVISIONS = [f"{NAME}-{number:010d}" for number in range(10)]
WHY = "é" * 512


def size(status: ModelDeploymentStatus) -> int:
    """Return the size of a status in bytes, as JSON."""
    return len(status.model_dump_json(by_alias=True).encode())


def longest_status() -> ModelDeploymentStatus:
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
                message=WHY,
            )
            for revision in REVISIONS
        ),
        rejected_revisions=tuple(
            RejectedRevision(
                revision=revision,
                cause=Cause.INFRASTRUCTURE,
                reason="A" * 40 + "WorseThanStable",
                message=WHY,
                time=time,
            )
            for revision in REVISIONS
        ),
        rollbacks=(time,) * 10,
        incident=IncidentStatus(
            revision=REVISIONS[0],
            cause=Cause.INFRASTRUCTURE,
            reason="RollbackBudgetExhausted",
            message=WHY,
            since=time,
        ),
        last_decision=DecisionRecord(
            time=time,
            rule="RollBack",
            revision=REVISIONS[0],
            action="RolledBack",
            reason="A" * 40 + "WorseThanStable",
            cause=Cause.INFRASTRUCTURE,
            message=WHY,
            evidence=tuple(
                EvidenceRecord(
                    objective=f"{number:040d}",
                    revision=REVISIONS[0],
                    bad="1.23456e+09 of 1.23456e+09",
                    against_target="16.1 of 15.2",
                    against_other="16.1 of 15.2",
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


def test_a_status_that_fits_is_left_alone() -> None:
    """Nothing is shortened without need."""
    status = longest_status().model_copy(
        update={"history": longest_status().history[:2], "objectives": (), "last_decision": None}
    )
    small = status.model_copy(update={"rejected_revisions": status.rejected_revisions[:2]})
    assert bounded(small) == small


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
