"""The records of decisions as the command line tells them."""

from modelward.api.status import Cause, DecisionRecord, EvidenceRecord
from modelward.cli.decisions import SHOWN, read_records, sentences
from tests.unit.cli import recorded


def record(minute: int) -> DecisionRecord:
    """Make the record of a rollback."""
    return DecisionRecord(
        time=f"2026-01-01T11:{minute:02}:00Z",
        rule="RollBack",
        revision="iris-b",
        action="RolledBack",
        reason="LatencyWorseThanStable",
        cause=Cause.MODEL,
        evidence=(
            EvidenceRecord(
                objective="latency",
                revision="iris-b",
                bad="100 of 1000",
                against_target="6.9 of 6.5",
                compared_with="iris-a",
                against_other="2.2 of 2.0",
                not_worse="0.3 of 1.3",
                others_bad="10 of 1000",
                while_storage_slow="1 of 10",
                while_storage_fast="99 of 990",
            ),
        ),
        drift=("psi 0.25 of 0.2",),
    )


def test_the_record_of_status_is_among_them_once() -> None:
    """Whether or not it is in the ConfigMap already; what cannot be read is passed over."""
    data = {"b": record(2).model_dump_json(by_alias=True), "a": record(1).model_dump_json(by_alias=True)}
    assert read_records(data, record(2)) == (record(2), record(1))
    assert read_records(data, record(3)) == (record(3), record(2), record(1))
    assert read_records(data | {"c": "{}"}, None) == (record(2), record(1))


def test_every_number_is_told() -> None:
    """Rule, cause, both arms, the split by storage, and drift."""
    lines = list(sentences([record(2)], recorded.NOW))
    assert "RolledBack iris-b by rule RollBack, cause Model, reason LatencyWorseThanStable." in lines[0]
    assert lines[1] == (
        "- latency of iris-b: 100 of 1000 bad; evidence against the target 6.9 of 6.5 (log10); "
        "iris-a 10 of 1000 bad, evidence that it is worse 2.2 of 2.0 (log10); "
        "evidence that it is no worse 0.3 of 1.3 (log10); "
        "while storage was slow 1 of 10 bad; while it was fast 99 of 990 bad"
    )
    assert lines[2] == "- drift: psi 0.25 of 0.2"


def test_only_the_newest_are_told() -> None:
    """An explanation stays readable."""
    told = [line for line in sentences([record(m) for m in range(20)], recorded.NOW) if line[0] != "-"]
    assert len(told) == SHOWN
